"""An asyncua server without security, on a free port of the loopback, for the test servers beside this file."""

import logging
import socket

from asyncua import Server, ua


async def plain_server(path: str, namespace: str) -> tuple[Server, str, int]:
    """The server, not started yet; its endpoint; the index of the namespace."""
    logging.disable(logging.CRITICAL)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = Server()
    await server.init()
    endpoint = f"opc.tcp://127.0.0.1:{port}/{path}"
    server.set_endpoint(endpoint)
    server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    return server, endpoint, await server.register_namespace(namespace)

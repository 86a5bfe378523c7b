"""An OPC UA server on asyncua, an implementation independent of node-opcua: one variable of every type, a counter.

Usage: asyncua_server.py FOLDER. Prints one JSON line when it listens: endpoint and certificate (DER, base64).
Lines on standard input: "tick N MS" counts up N times, every MS milliseconds, and prints "ticked"; "held" prints how many
sessions and subscriptions clients hold, as JSON.
"""

import asyncio
import base64
import json
import logging
import socket
import sys
import uuid
from datetime import datetime, timezone
from pathlib import Path

from asyncua import Server, ua
from asyncua.crypto.permission_rules import SimpleRoleRuleset, User, UserRole
from asyncua.crypto.cert_gen import setup_self_signed_certificate
from asyncua.server.user_managers import UserManager
from cryptography.x509.oid import ExtendedKeyUsageOID

NAMESPACE = "urn:test:asyncua"
URI = "urn:test:asyncua:server"
V = ua.VariantType


class OneUser(UserManager):
    def get_user(self, iserver, username=None, password=None, certificate=None):
        if username == "fieldgate" and password == "crude oil":
            return User(role=UserRole.User)
        return None


VALUES = {
    "Boolean": ua.Variant(True, V.Boolean),
    "SByte": ua.Variant(-128, V.SByte),
    "Byte": ua.Variant(255, V.Byte),
    "Int16": ua.Variant(-32768, V.Int16),
    "UInt16": ua.Variant(65535, V.UInt16),
    "Int32": ua.Variant(-(2**31), V.Int32),
    "UInt32": ua.Variant(2**32 - 1, V.UInt32),
    "Int64 small": ua.Variant(-5, V.Int64),
    "Int64": ua.Variant(-(2**63), V.Int64),
    "UInt64": ua.Variant(2**64 - 1, V.UInt64),
    "Float": ua.Variant(12.31, V.Float),
    "Double": ua.Variant(0.1, V.Double),
    "NaN": ua.Variant(float("nan"), V.Double),
    "String": ua.Variant("Ölstand 5 µm", V.String),
    "DateTime": ua.Variant(datetime(2026, 11, 22, 10, 0, 0, 123456, tzinfo=timezone.utc), V.DateTime),
    "Guid": ua.Variant(uuid.UUID("72962b91-fa75-4ae6-8d28-b404dc7daf63"), V.Guid),
    "ByteString": ua.Variant(b"\x00\x01\xfe\xff", V.ByteString),
    "XmlElement": ua.Variant(ua.XmlElement("<a/>"), V.XmlElement),
    "NodeId": ua.Variant(ua.NodeId("A/B", 3), V.NodeId),
    "StatusCode": ua.Variant(ua.StatusCode(ua.StatusCodes.BadSensorFailure), V.StatusCode),
    "QualifiedName": ua.Variant(ua.QualifiedName("PV", 2), V.QualifiedName),
    "LocalizedText": ua.Variant(ua.LocalizedText("Débit", "fr"), V.LocalizedText),
    "Float array": ua.Variant([1.5, -2.25], V.Float),
    "String array": ua.Variant(["a", "", "ü"], V.String),
    "UInt64 array": ua.Variant([7, 2**64 - 1], V.UInt64),
    "matrix": ua.Variant([[1, 2, 3], [4, 5, 6]], V.Int32),
    "structure": ua.Variant(ua.Range(-1.0, 2.5), V.ExtensionObject),
}


async def main(folder: Path) -> None:
    logging.disable(logging.CRITICAL)
    certificate, key = folder / "asyncua.der", folder / "asyncua.pem"
    await setup_self_signed_certificate(
        key, certificate, URI, "127.0.0.1",
        [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH],
        {"commonName": "asyncua test"},
    )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    server = Server(user_manager=OneUser())
    await server.init()
    endpoint = f"opc.tcp://127.0.0.1:{port}/plant"
    server.set_endpoint(endpoint)
    await server.set_application_uri(URI)
    server.set_security_policy([ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt], permission_ruleset=SimpleRoleRuleset())
    server.set_identity_tokens([ua.UserNameIdentityToken])
    await server.load_certificate(str(certificate))
    await server.load_private_key(str(key))
    index = await server.register_namespace(NAMESPACE)

    for name, variant in VALUES.items():
        node = await server.nodes.objects.add_variable(ua.NodeId(name, index), ua.QualifiedName(name, index), variant)
        await node.write_value(variant)
    timed = await server.nodes.objects.add_variable(ua.NodeId("timed", index), "timed", 0.0)
    moment = datetime(2026, 11, 22, 10, 0, 0, 123456, tzinfo=timezone.utc)
    await timed.write_value(
        ua.DataValue(ua.Variant(1.5, V.Double), ua.StatusCode(ua.StatusCodes.UncertainLastUsableValue), SourceTimestamp=moment)
    )
    counter = await server.nodes.objects.add_variable(ua.NodeId("counter", index), "counter", ua.Variant(0, V.UInt32))

    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    async with server:
        print(json.dumps({"endpoint": endpoint, "certificate": base64.b64encode(certificate.read_bytes()).decode()}))
        value = 0
        while line := await lines.readline():
            if line.strip() == b"held":
                inner = server.iserver
                subscriptions = len(inner.subscription_service.subscriptions)
                print(json.dumps({"sessions": len(inner._external_sessions), "subscriptions": subscriptions}))
                continue
            _, count, ms = line.split()
            for _ in range(int(count)):
                value += 1
                await counter.write_value(ua.Variant(value, V.UInt32))
                await asyncio.sleep(int(ms) / 1000)
            print("ticked")


asyncio.run(main(Path(sys.argv[1])))

"""An OPC UA server on asyncua for security: every policy and mode, users by name and by certificate.

Usage: asyncua_security_server.py FOLDER. FOLDER/user.der is the certificate of the user it lets in. It checks the
gateway's certificate by its own rules: dates, ApplicationUri, key usage, extended key usage.
Prints one JSON line when it listens: endpoint and certificate (DER, base64).
"""

import asyncio
import base64
import json
import logging
import socket
import sys
from pathlib import Path

from asyncua import Server, ua
from asyncua.crypto.cert_gen import setup_self_signed_certificate
from asyncua.crypto.permission_rules import SimpleRoleRuleset, User, UserRole
from asyncua.crypto.validator import CertificateValidator, CertificateValidatorOptions
from asyncua.server.user_managers import UserManager
from cryptography.x509.oid import ExtendedKeyUsageOID

URI = "urn:test:asyncua:security"
POLICIES = [
    getattr(ua.SecurityPolicyType, f"{policy}_{mode}")
    for policy in ("Basic256Sha256", "Aes128Sha256RsaOaep", "Aes256Sha256RsaPss")
    for mode in ("Sign", "SignAndEncrypt")
]


class Users(UserManager):
    def __init__(self, certificate: bytes):
        self.certificate = certificate

    def get_user(self, iserver, username=None, password=None, certificate=None):
        if username is not None:
            return User(role=UserRole.User) if (username, password) == ("fieldgate", "crude oil") else None
        return User(role=UserRole.User) if certificate == self.certificate else None


async def main(folder: Path) -> None:
    logging.disable(logging.CRITICAL)
    certificate, key = folder / "asyncua.der", folder / "asyncua.pem"
    await setup_self_signed_certificate(
        key, certificate, URI, "127.0.0.1",
        [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH],
        {"commonName": "asyncua security"},
    )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = Server(user_manager=Users((folder / "user.der").read_bytes()))
    await server.init()
    endpoint = f"opc.tcp://127.0.0.1:{port}/plant"
    server.set_endpoint(endpoint)
    await server.set_application_uri(URI)
    server.set_security_policy(POLICIES, permission_ruleset=SimpleRoleRuleset())
    server.set_identity_tokens([ua.UserNameIdentityToken, ua.X509IdentityToken])
    rules = CertificateValidatorOptions.EXT_VALIDATION | CertificateValidatorOptions.PEER_CLIENT
    server.set_certificate_validator(CertificateValidator(rules).validate)
    await server.load_certificate(str(certificate))
    await server.load_private_key(str(key))
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    async with server:
        print(json.dumps({"endpoint": endpoint, "certificate": base64.b64encode(certificate.read_bytes()).decode()}))
        await lines.read()


asyncio.run(main(Path(sys.argv[1])))

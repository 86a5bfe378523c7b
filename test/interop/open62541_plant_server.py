"""A plant on open62541, an implementation in C independent of node-opcua; by its Python binding o6, which runs ten
minutes at a time without a licence of its maker.

Usage: open62541_plant_server.py FOLDER PORT [NAME=VALUE...]; what it serves and takes is said in plant.ts.
"""

import base64
import ipaddress
import json
import logging
import os
import sys
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

# The binding greets on standard output, which belongs to the protocol.
_out = os.dup(1)
os.dup2(2, 1)
import numpy as np  # noqa: E402
import o6  # noqa: E402
from o6.ns import ns0  # noqa: E402

os.dup2(_out, 1)

from cryptography import x509  # noqa: E402
from cryptography.hazmat.primitives import hashes, serialization  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: E402
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID  # noqa: E402

NAMESPACE = "urn:test:plant"
URI = "urn:test:open62541:server"


def certificate(folder: Path) -> tuple[bytes, bytes]:
    der, pem = folder / "open62541.der", folder / "open62541.pem"
    if not der.exists():
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "open62541")])
        now = datetime.now(timezone.utc)
        usage = dict.fromkeys(["crl_sign", "key_agreement", "encipher_only", "decipher_only"], False)
        usage |= dict.fromkeys(["digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_cert_sign"], True)
        names = [x509.UniformResourceIdentifier(URI), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        extended = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        built = (
            x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=30))
            .add_extension(x509.SubjectAlternativeName(names), False)
            .add_extension(x509.KeyUsage(**usage), True)
            .add_extension(x509.ExtendedKeyUsage(extended), False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
            .sign(key, hashes.SHA256())
        )
        pem.write_bytes(key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()))
        der.write_bytes(built.public_bytes(serialization.Encoding.DER))
    return der.read_bytes(), pem.read_bytes()


class Users(o6.AccessControl):
    def __init__(self, user: bytes | None):
        super().__init__(anonymous=True, username=True)
        self.user = user
        self.sessions: dict[str, o6.server.Session] = {}
        kind = ns0.datatypes.UserTokenType.CERTIFICATE
        self.user_token_policies.append(ns0.datatypes.UserTokenPolicy(policyId="certificate", tokenType=kind))

    def activateSession(self, endpoint, remoteCertificate, session, token):
        if isinstance(token, ns0.datatypes.AnonymousIdentityToken):
            good = True
        elif isinstance(token, ns0.datatypes.UserNameIdentityToken):
            good = (str(token.userName), bytes(token.password)) == ("fieldgate", b"crude oil")
        else:
            good = isinstance(token, ns0.datatypes.X509IdentityToken) and bytes(token.certificateData) == self.user
        if not good:
            raise o6.StatusCodeError(o6.StatusCode.BAD_IDENTITY_TOKEN_REJECTED)
        self.sessions[str(session.id)] = session

    def closeSession(self, session):
        self.sessions.pop(str(session.id), None)


class Plant:
    """The address space and what happens in it."""

    def __init__(self, server: o6.Server, count: int, names: tuple[str, ...], refreshes: bool):
        self.server = server
        self.count = count
        for name in names:
            o6.ns.namespace(name, uri=f"urn:test:{name}", version="1")
            info = getattr(o6.ns, name)
            server._on_event_loop(lambda info=info: server._add_namespace(info.uri, info.index))
        self.counter = self.add("counter", o6.UInt32(count))
        self.recorded = self.add("recorded", o6.UInt32(count), o6.History(strategy="manual"))
        self.add("text", "Ölstand " * 25_000)
        self.add("array", np.arange(10_000, dtype=np.float64) / 2)
        alarm = server.addObject("LevelAlarm", server.objectsNode, nodeId="ns=plant;s=LevelAlarm", typeDefinition="i=2915", ns=0)
        self.active, self.acked, self.severity, self.last = False, True, 1, b""
        server.implement(alarm["/Acknowledge"][0], call=self.acknowledge)
        if refreshes:
            server.implement(o6.NodeId("i=3875"), call=self.refresh)

    def add(self, name: str, value, historizing=False) -> str:
        node = f"ns=plant;s={name}"
        self.server.addVariable(name, self.server.objectsNode, value, nodeId=node, ns=0, writable=False, historizing=historizing)
        return node

    def record(self, count: int, moment: datetime) -> None:
        self.moment = moment
        value = o6.DataValue(o6.UInt32(count), sourceTimestamp=o6.DateTime(moment), serverTimestamp=o6.DateTime(moment))
        self.server._on_event_loop(lambda: self.server._history_insert(o6.NodeId(self.recorded), value))

    def show(self, count: int, moment: datetime) -> None:
        for node in (self.counter, self.recorded):
            self.server.write(node, o6.DataValue(o6.UInt32(count), sourceTimestamp=o6.DateTime(moment)))

    def tick(self, count: int, ms: int) -> None:
        for _ in range(count):
            self.count += 1
            moment = datetime.now(timezone.utc)
            self.show(self.count, moment)
            self.record(self.count, moment)
            time.sleep(ms / 1000)

    def past(self, count: int) -> None:
        start, end = self.moment, datetime.now(timezone.utc)
        for i in range(1, count + 1):
            self.count += 1
            self.record(self.count, start + (end - start) * i / count)
        self.show(self.count, end)

    def event(self, kind: str, severity: int, text: str) -> None:
        self.server.createEvent(kind, severity=severity, message=text, fields={"/SourceName": "plant"})

    def tell(self, branch: str | None = None):
        """An event of the condition as it is; its id, to be awaited within a method."""
        fields = {
            "/SourceNode": o6.NodeId(self.counter), "/SourceName": "Level", "/ConditionName": "LevelAlarm",
            "/Retain": self.active or not self.acked, "/Quality": o6.StatusCode(0),
            "/ActiveState/Id": self.active, "/AckedState/Id": self.acked, "#NodeId": o6.NodeId("ns=plant;s=LevelAlarm"),
        }
        if branch:
            fields["/BranchId"] = o6.NodeId(f"ns=plant;s={branch}")
        return self.server.createEvent("i=2915", severity=self.severity, message="level", fields=fields)

    def change(self, active: bool, severity: int) -> None:
        self.acked = self.acked and not active
        self.active, self.severity = active, severity
        self.last = self.tell()

    async def acknowledge(self, node, event, comment):
        if bytes(event) != self.last:
            return (o6.StatusCode.BAD_EVENT_ID_UNKNOWN,)
        self.acked = True
        self.last = await self.tell()
        return (o6.StatusCode.GOOD,)

    async def refresh(self, node, subscription):
        await self.server.createEvent("i=2787")
        if self.active or not self.acked:
            self.last = await self.tell()
        await self.server.createEvent("i=2788")
        return (o6.StatusCode.GOOD,)


def main(folder: Path, port: int, more: dict[str, str]) -> None:
    logging.disable(logging.CRITICAL)
    der, key = certificate(folder)
    user = folder / "user.der"
    users = Users(user.read_bytes() if user.exists() else None)
    server = o6.Server(port, certificate=der, privateKey=key, applicationUri=URI, acceptAllCertificates=True, accessControl=users)
    server.config.setHistoryDatabase(4, 50_000, int(more.get("page", 1000)))
    names = ("elsewhere", "plant") if "shift" in more else ("plant",)
    plant = Plant(server, int(more.get("count", 0)), names, more.get("refresh") != "no")
    server.start()
    if "past" in more:
        count, since = map(int, more["past"].split(","))
        plant.moment = datetime.fromtimestamp(since / 1000, timezone.utc)
        plant.past(count)
    else:
        plant.record(plant.count, datetime.now(timezone.utc))
    print(json.dumps({"endpoint": f"opc.tcp://127.0.0.1:{port}/", "certificate": base64.b64encode(der).decode()}))
    for line in sys.stdin:
        word, *rest = line.split()
        if word == "tick":
            plant.tick(*map(int, rest))
        elif word == "past":
            plant.past(int(rest[0]))
        elif word == "event":
            plant.event(rest[0], int(rest[1]), " ".join(rest[2:]))
        elif word == "flood":
            for i in range(int(rest[0])):
                plant.event("i=2041", 100, f"flood {i}")
        elif word == "alarm":
            plant.change(rest[0] == "on", int(rest[1]))
        elif word == "branch":
            plant.tell(rest[0])
        elif word == "drop":
            for session in list(users.sessions.values()):
                server._on_event_loop(session.close)
        print(json.dumps({"sessions": len(users.sessions)}) if word == "held" else "done")


main(Path(sys.argv[1]), int(sys.argv[2]), dict(each.split("=", 1) for each in sys.argv[3:]))

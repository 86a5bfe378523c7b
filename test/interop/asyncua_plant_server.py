"""A plant on asyncua, an implementation in Python independent of node-opcua.

Usage: asyncua_plant_server.py FOLDER PORT [NAME=VALUE...]; what it serves and takes is said in plant.ts.
"""

import asyncio
import base64
import json
import logging
import sys
from datetime import datetime, timezone
from pathlib import Path

from asyncua import Server, ua, uamethod
from asyncua.crypto.cert_gen import setup_self_signed_certificate
from asyncua.crypto.permission_rules import SimpleRoleRuleset, User, UserRole
from asyncua.crypto.validator import CertificateValidator, CertificateValidatorOptions
from asyncua.server.event_generator import EventGenerator
from asyncua.server.history import HistoryDict
from asyncua.server.user_managers import UserManager
from cryptography.x509.oid import ExtendedKeyUsageOID

NAMESPACE = "urn:test:plant"
URI = "urn:test:asyncua:plant"
POLICIES = [ua.SecurityPolicyType.NoSecurity] + [
    getattr(ua.SecurityPolicyType, f"{policy}_{mode}")
    for policy in ("Basic256Sha256", "Aes128Sha256RsaOaep", "Aes256Sha256RsaPss")
    for mode in ("Sign", "SignAndEncrypt")
]
V = ua.VariantType


class Users(UserManager):
    def __init__(self, certificate: bytes | None):
        self.certificate = certificate

    def get_user(self, iserver, username=None, password=None, certificate=None):
        if username is not None:
            good = (username, password) == ("fieldgate", "crude oil")
        else:
            # Without a token it is given the certificate of the channel: nobody who says who he is.
            good = not certificate or certificate == self.certificate
        return User(role=UserRole.User) if good else None


class Plant:
    """The address space and what happens in it."""

    def __init__(self, server: Server, count: int, history: HistoryDict):
        self.server, self.count, self.history = server, count, history
        self.active, self.acked, self.severity, self.last = False, True, 1, b""
        self.moment = datetime.now(timezone.utc)

    async def fill(self) -> None:
        self.index = await self.server.get_namespace_index(NAMESPACE)
        self.counter = await self.add("counter", self.count, V.UInt32)
        self.recorded = await self.add("recorded", self.count, V.UInt32)
        await self.history.new_historized_node(self.recorded.nodeid, None)
        for attribute in (ua.AttributeIds.AccessLevel, ua.AttributeIds.UserAccessLevel):
            await self.recorded.set_attr_bit(attribute, ua.AccessLevel.HistoryRead)
        await self.recorded.write_attribute(ua.AttributeIds.Historizing, ua.DataValue(True))
        await self.add("text", "Ölstand " * 25_000, V.String)
        await self.add("array", [i / 2 for i in range(10_000)], V.Double)
        alarm = ua.NodeId("LevelAlarm", self.index)
        await self.server.nodes.objects.add_object(alarm, ua.QualifiedName("LevelAlarm", self.index), ua.ObjectIds.AlarmConditionType)
        self.alarm = await self.generator(ua.ObjectIds.AlarmConditionType)
        event = self.alarm.event
        event.NodeId, event.SourceNode, event.SourceName, event.ConditionName = alarm, self.counter.nodeid, "Level", "LevelAlarm"
        event.Quality = ua.StatusCode(0)
        self.server.link_method(self.server.get_node(ua.ObjectIds.AcknowledgeableConditionType_Acknowledge), self.acknowledge)

    async def add(self, name: str, value, kind: V):
        id, browse = ua.NodeId(name, self.index), ua.QualifiedName(name, self.index)
        return await self.server.nodes.objects.add_variable(id, browse, ua.Variant(value, kind))

    async def generator(self, kind: int) -> EventGenerator:
        return await self.server.get_event_generator(ua.NodeId(kind), ua.ObjectIds.Server)

    async def record(self, count: int, moment: datetime) -> None:
        self.moment = moment
        value = ua.DataValue(ua.Variant(count, V.UInt32), SourceTimestamp=moment, ServerTimestamp=moment)
        await self.history.save_node_value(self.recorded.nodeid, value)

    async def show(self, count: int, moment: datetime) -> None:
        for node in (self.counter, self.recorded):
            await node.write_value(ua.DataValue(ua.Variant(count, V.UInt32), SourceTimestamp=moment, ServerTimestamp=moment))

    async def tick(self, count: int, ms: int) -> None:
        for _ in range(count):
            self.count += 1
            moment = datetime.now(timezone.utc)
            await self.show(self.count, moment)
            await self.record(self.count, moment)
            await asyncio.sleep(ms / 1000)

    async def past(self, count: int) -> None:
        start, end = self.moment, datetime.now(timezone.utc)
        for i in range(1, count + 1):
            self.count += 1
            await self.record(self.count, start + (end - start) * i / count)
        await self.show(self.count, end)

    async def event(self, kind: int, severity: int, text: str) -> None:
        generator = await self.generator(kind)
        generator.event.Severity, generator.event.SourceName = severity, "plant"
        await generator.trigger(message=text)

    async def flood(self, count: int) -> None:
        generator = await self.generator(ua.ObjectIds.BaseEventType)
        generator.event.Severity, generator.event.SourceName = 100, "plant"
        for i in range(count):
            await generator.trigger(message=f"flood {i}")

    async def tell(self, branch: str | None = None) -> None:
        event = self.alarm.event
        event.Severity, event.Retain = self.severity, self.active or not self.acked
        setattr(event, "ActiveState/Id", self.active)
        setattr(event, "AckedState/Id", self.acked)
        event.BranchId = ua.NodeId(branch, self.index) if branch else None
        await self.alarm.trigger(message="level")
        self.last = event.EventId.Value

    async def change(self, active: bool, severity: int) -> None:
        self.acked = self.acked and not active
        self.active, self.severity = active, severity
        await self.tell()

    @uamethod
    async def acknowledge(self, parent, event, comment):
        if event != self.last:
            return ua.StatusCode(ua.StatusCodes.BadEventIdUnknown)
        self.acked = True
        await self.tell()


async def main(folder: Path, port: int, more: dict[str, str]) -> None:
    logging.disable(logging.CRITICAL)
    certificate, key, user = folder / "asyncua.der", folder / "asyncua.pem", folder / "user.der"
    await setup_self_signed_certificate(
        key, certificate, URI, "127.0.0.1",
        [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH],
        {"commonName": "asyncua plant"},
    )
    server = Server(user_manager=Users(user.read_bytes() if user.exists() else None))
    server.iserver.bind_condition_methods = 0 if more.get("refresh") == "no" else 1
    await server.init()
    endpoint = f"opc.tcp://127.0.0.1:{port}/plant"
    server.set_endpoint(endpoint)
    await server.set_application_uri(URI)
    server.set_security_policy(POLICIES, permission_ruleset=SimpleRoleRuleset())
    server.set_identity_tokens([ua.AnonymousIdentityToken, ua.UserNameIdentityToken, ua.X509IdentityToken])
    # The gateway's certificate is judged: dates, ApplicationUri, key usage, extended key usage.
    rules = CertificateValidatorOptions.EXT_VALIDATION | CertificateValidatorOptions.PEER_CLIENT
    server.set_certificate_validator(CertificateValidator(rules).validate)
    await server.load_certificate(str(certificate))
    await server.load_private_key(str(key))
    for name in ("elsewhere", "plant") if "shift" in more else ("plant",):
        await server.register_namespace(f"urn:test:{name}")
    history = HistoryDict(int(more.get("page", 10_000)))
    server.iserver.history_manager.set_storage(history)
    plant = Plant(server, int(more.get("count", 0)), history)
    await plant.fill()
    if "past" in more:
        count, since = map(int, more["past"].split(","))
        plant.moment = datetime.fromtimestamp(since / 1000, timezone.utc)
        await plant.past(count)
    else:
        await plant.record(plant.count, plant.moment)

    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    async with server:
        print(json.dumps({"endpoint": endpoint, "certificate": base64.b64encode(certificate.read_bytes()).decode()}))
        while line := await lines.readline():
            word, *rest = line.decode().split()
            sessions = server.iserver._external_sessions
            if word == "tick":
                await plant.tick(*map(int, rest))
            elif word == "past":
                await plant.past(int(rest[0]))
            elif word == "event":
                await plant.event(int(rest[0].removeprefix("i=")), int(rest[1]), " ".join(rest[2:]))
            elif word == "flood":
                await plant.flood(int(rest[0]))
            elif word == "alarm":
                await plant.change(rest[0] == "on", int(rest[1]))
            elif word == "branch":
                await plant.tell(rest[0])
            elif word == "drop":
                for session in list(sessions.values()):
                    await session.close_session(True)
            held = {"sessions": len(sessions), "subscriptions": len(server.iserver.subscription_service.subscriptions)}
            print(json.dumps(held) if word == "held" else "done")


asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), dict(each.split("=", 1) for each in sys.argv[3:])))

"""An OPC UA server on asyncua with types of its own, and events. Without security.

Prints one JSON line when it listens: endpoint. The line "event" on standard input raises one and prints "raised".
"""

import asyncio
import json
import logging
import socket
import sys

from asyncua import Server, ua
from asyncua.common.structures104 import new_enum, new_struct, new_struct_field

V = ua.VariantType


async def main() -> None:
    logging.disable(logging.CRITICAL)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = Server()
    await server.init()
    endpoint = f"opc.tcp://127.0.0.1:{port}/types"
    server.set_endpoint(endpoint)
    server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    index = await server.register_namespace("urn:test:types")

    state = await new_enum(server, index, "PumpState", ["Stopped", "Running", "Failed"])
    part, _ = await new_struct(
        server, index, "Part", [new_struct_field("Name", V.String), new_struct_field("Count", V.Int64)]
    )
    pump, _ = await new_struct(
        server,
        index,
        "Pump",
        [
            new_struct_field("Tag", V.String),
            new_struct_field("State", state),
            new_struct_field("Speed", V.Double),
            new_struct_field("Main", part),
            new_struct_field("Parts", part, array=True),
            new_struct_field("Trend", V.Float, array=True),
        ],
    )
    batch, _ = await new_struct(
        server,
        index,
        "Batch",
        [new_struct_field("Number", V.UInt32), new_struct_field("Note", V.String, optional=True)],
    )
    choice, _ = await new_struct(
        server, index, "Choice", [new_struct_field("Text", V.String), new_struct_field("Level", V.Double)], is_union=True
    )
    await server.load_data_type_definitions()

    value = ua.Pump()
    value.Tag, value.State, value.Speed = "20P101", ua.PumpState.Running, 2950.5
    value.Main = ua.Part("seal", 2**60)
    value.Parts = [ua.Part("bearing", -5), ua.Part(None, 0)]
    value.Trend = [1.5, -2.25]
    with_note, without = ua.Batch(), ua.Batch()
    with_note.Number, with_note.Note = 7, "late"
    without.Number = 8
    level = ua.Choice()
    level.Level = 12.5
    for name, one in {
        "pump": value,
        "pumps": [value, value],
        "with note": with_note,
        "without note": without,
        "choice": level,
    }.items():
        await server.nodes.objects.add_variable(
            ua.NodeId(name, index), ua.QualifiedName(name, index), ua.Variant(one, V.ExtensionObject)
        )
    generator = await server.get_event_generator(ua.ObjectIds.SystemEventType)

    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    async with server:
        print(json.dumps({"endpoint": endpoint}))
        while await lines.readline():
            for severity in (400, 600):
                generator.event.Severity = severity
                await generator.trigger(message=f"severity {severity}")
            print("raised")


asyncio.run(main())

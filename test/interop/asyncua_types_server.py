"""An OPC UA server on asyncua with types of its own, and events. Without security.

Prints one JSON line when it listens: endpoint. The line "event" on standard input raises one and prints "raised".
"""

import asyncio
import copy
import json
import math
import sys
import uuid
from datetime import datetime, timezone

from asyncua import ua
from asyncua.common.structures104 import new_enum, new_struct, new_struct_field

from asyncua_plain import plain_server

V = ua.VariantType


async def main() -> None:
    server, endpoint, index = await plain_server("types", "urn:test:types")

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
    every = {
        "Boolean": (V.Boolean, True),
        "SByte": (V.SByte, -128),
        "Byte": (V.Byte, 255),
        "Int16": (V.Int16, -32768),
        "UInt16": (V.UInt16, 65535),
        "Int32": (V.Int32, -(2**31)),
        "UInt32": (V.UInt32, 2**32 - 1),
        "Int64": (V.Int64, -(2**63)),
        "UInt64": (V.UInt64, 2**64 - 1),
        "Float": (V.Float, 12.5),
        "Double": (V.Double, 0.1),
        "String": (V.String, "\u00d6lstand 5 \u00b5m"),
        "DateTime": (V.DateTime, datetime(2026, 11, 22, 10, 0, 0, 123456, timezone.utc)),
        "Guid": (V.Guid, uuid.UUID("72962b91-fa75-4ae6-8d28-b404dc7daf63")),
        "ByteString": (V.ByteString, bytes([0, 1, 254, 255])),
        "XmlElement": (V.XmlElement, ua.XmlElement('<a b="c"/>')),
        "NodeId": (V.NodeId, ua.NodeId("A/B", 3)),
        "ExpandedNodeId": (V.ExpandedNodeId, ua.ExpandedNodeId("A/B", 0, NamespaceUri="urn:x", ServerIndex=1)),
        "StatusCode": (V.StatusCode, ua.StatusCode(ua.StatusCodes.BadSensorFailure)),
        "QualifiedName": (V.QualifiedName, ua.QualifiedName("PV", 2)),
        "LocalizedText": (V.LocalizedText, ua.LocalizedText("D\u00e9bit", "fr")),
        "DataValue": (V.DataValue, ua.DataValue(ua.Variant(7, V.Int32))),
        "DiagnosticInfo": (V.DiagnosticInfo, ua.DiagnosticInfo(SymbolicId=3, AdditionalInfo="why")),
        "Variant": (V.Variant, ua.Variant([1, 2], V.Int16)),
    }
    await new_struct(server, index, "Everything", [new_struct_field(name, kind) for name, (kind, _) in every.items()])
    await new_struct(
        server, index, "Lists", [new_struct_field(name, kind, array=True) for name, (kind, _) in every.items()]
    )
    await new_struct(
        server,
        index,
        "Nest",
        [
            new_struct_field("Batch", batch),
            new_struct_field("Choices", choice, array=True),
            new_struct_field("Batches", batch, array=True),
            new_struct_field("Nobody", pump, array=True),
        ],
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
    text = ua.Choice()
    text.Text = "by hand"
    everything, lists, nest = ua.Everything(), ua.Lists(), ua.Nest()
    for name, (_, content) in every.items():
        setattr(everything, name, content)
        setattr(lists, name, [content, content])
    nest.Batch, nest.Choices, nest.Batches, nest.Nobody = with_note, [level, text], [without, with_note], []
    async def add(name, variant):
        data_type = ua.NodeId(variant.VariantType.value, 0)
        if variant.VariantType == V.ExtensionObject:
            one = variant.Value[0] if isinstance(variant.Value, list) else variant.Value
            data_type = one.data_type
        return await server.nodes.objects.add_variable(
            ua.NodeId(name, index), ua.QualifiedName(name, index), variant, datatype=data_type
        )

    for name, one in {
        "everything": everything,
        "lists": lists,
        "nest": nest,
        "pump": value,
        "pumps": [value, value],
        "with note": with_note,
        "without note": without,
        "choice": level,
    }.items():
        await add(name, ua.Variant(one, V.ExtensionObject))
    for name, (kind, content) in every.items():
        # A Variant holds Variants in arrays alone.
        content = [content] if kind == V.Variant else content
        await add(f"plain {name}", ua.Variant(content, kind))
    for name, variant in {
        "first DateTime": ua.Variant(datetime(1601, 1, 1, tzinfo=timezone.utc), V.DateTime),
        "early DateTime": ua.Variant(datetime(1601, 1, 1, 0, 0, 1, 1, tzinfo=timezone.utc), V.DateTime),
        "old DateTime": ua.Variant(datetime(1969, 12, 31, 23, 59, 59, 999999, timezone.utc), V.DateTime),
        "last DateTime": ua.Variant(datetime(9999, 12, 31, 23, 59, 59, tzinfo=timezone.utc), V.DateTime),
        "NaN": ua.Variant(math.nan, V.Double),
        "infinite": ua.Variant(-math.inf, V.Float),
        "matrix": ua.Variant([[1, 2, 3], [4, 5, 6]], V.Int16),
        "cube": ua.Variant([[[1.5], [2.5]], [[3.5], [4.5]]], V.Double),
        "matrix of texts": ua.Variant([["a", None], ["", "b"]], V.String),
    }.items():
        await add(name, variant)
    await server.nodes.objects.add_variable(
        ua.NodeId("state", index), ua.QualifiedName("state", index), ua.Variant(1, V.Int32), datatype=state.nodeid
    )
    valve = await add("valve", ua.Variant(True, V.Boolean))
    for name, text in {"TrueState": "Open", "FalseState": "Shut"}.items():
        await valve.add_property(ua.NodeId(f"valve {name}", index), ua.QualifiedName(name, 0), ua.LocalizedText(text))
    recorded = await add("recorded pump", ua.Variant(value, V.ExtensionObject))
    await server.iserver.enable_history_data_change(recorded)
    for speed in (1.0, 2.0, 3.0):
        later = copy.deepcopy(value)
        later.Speed = speed
        await recorded.write_value(ua.Variant(later, V.ExtensionObject))
        await asyncio.sleep(0.05)
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

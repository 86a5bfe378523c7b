"""An OPC UA server on asyncua whose types stand in a type dictionary alone, as before OPC UA 1.04. Without security.

Prints one JSON line when it listens: endpoint.
"""

import asyncio
import json
from datetime import datetime, timezone

from asyncua import ua
from asyncua.common.type_dictionary_builder import DataTypeDictionaryBuilder

from asyncua_plain import plain_server

V = ua.VariantType
URI = "urn:test:dictionary"


async def main() -> None:
    server, endpoint, index = await plain_server("dictionary", URI)

    book = DataTypeDictionaryBuilder(server, index, URI, "Plant")
    await book.init()
    part = await book.create_data_type("Part")
    part.add_field("Name", ua.VariantType.String)
    part.add_field("Count", ua.VariantType.Int64)
    pump = await book.create_data_type("Pump")
    pump.add_field("Tag", ua.VariantType.String)
    pump.add_field("Running", ua.VariantType.Boolean)
    pump.add_field("Speed", ua.VariantType.Double)
    pump.add_field("Since", ua.VariantType.DateTime)
    pump.add_field("Name", ua.VariantType.LocalizedText)
    pump.add_field("Main", part)
    pump.add_field("Parts", part, is_array=True)
    pump.add_field("Trend", ua.VariantType.Float, is_array=True)
    await book.set_dict_byte_string()
    await server.load_type_definitions()

    for data_type in (part, pump):
        value = await server.get_node(data_type.data_type).read_attribute(
            ua.AttributeIds.DataTypeDefinition, raise_on_bad_status=False
        )
        assert not value.StatusCode.is_good() or value.Value.Value is None, "there should be no DataTypeDefinition"

    one = ua.Pump()
    one.Tag, one.Running, one.Speed = "20P101", True, 2950.5
    one.Since = datetime(2026, 11, 22, 10, 0, 0, 123456, timezone.utc)
    one.Name = ua.LocalizedText("Ladepumpe", "de")
    seal, bearing, none = ua.Part(), ua.Part(), ua.Part()
    seal.Name, seal.Count = "seal", 2**60
    bearing.Name, bearing.Count = "bearing", -5
    none.Name, none.Count = None, 0
    one.Main, one.Parts, one.Trend = seal, [bearing, none], [1.5, -2.25]
    for name, value in {"pump": one, "pumps": [one, one]}.items():
        await server.nodes.objects.add_variable(
            ua.NodeId(name, index),
            ua.QualifiedName(name, index),
            ua.Variant(value, V.ExtensionObject),
            datatype=pump.data_type,
        )
    async with server:
        print(json.dumps({"endpoint": endpoint}))
        await asyncio.Event().wait()


asyncio.run(main())

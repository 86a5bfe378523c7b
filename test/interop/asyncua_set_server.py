"""One server of a redundant set on asyncua: a counter that is set from outside, so that several serve the same.

Usage: asyncua_set_server.py. Prints one JSON line when it listens: endpoint.
Lines on standard input: "set N MS" gives the counter this value, of this source time (ms since 1970);
"level N" sets its ServiceLevel; "support N" what it says of its set (RedundancySupport).
"""

import asyncio
import json
import sys
from datetime import datetime, timedelta, timezone

from asyncua import ua

from asyncua_plain import plain_server

NAMESPACE = "urn:test:asyncua"
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


async def main() -> None:
    server, endpoint, index = await plain_server("plant", NAMESPACE)
    counter = await server.nodes.objects.add_variable(ua.NodeId("counter", index), "counter", ua.Variant(0, ua.VariantType.UInt32))

    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    async with server:
        print(json.dumps({"endpoint": endpoint}))
        while line := await lines.readline():
            what, number, *more = line.decode().split()
            if what == "set":
                time = EPOCH + timedelta(milliseconds=int(more[0]))
                value = ua.Variant(int(number), ua.VariantType.UInt32)
                await counter.write_value(ua.DataValue(value, SourceTimestamp=time))
            elif what == "level":
                await server.get_node(ua.NodeId(2267)).write_value(ua.Variant(int(number), ua.VariantType.Byte))
            elif what == "support":
                await server.get_node(ua.NodeId(3709)).write_value(ua.Variant(int(number), ua.VariantType.Int32))


asyncio.run(main())

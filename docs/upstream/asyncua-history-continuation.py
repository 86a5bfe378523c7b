"""asyncua 2.1.0, server: ReadRaw with numValuesPerNode gives that many values and no continuation point, though there are
more. A client believes that it has all.

    pip install asyncua==2.1.0 && python asyncua-history-continuation.py

Expected (OPC 10000-11 section 6.5.3): 10 values and a continuation point. Found: 10 values, none.
"""

import asyncio
from datetime import datetime, timedelta, timezone

from asyncua import Client, Server, ua


async def main() -> None:
    server = Server()
    await server.init()
    server.set_endpoint("opc.tcp://127.0.0.1:48562")
    node = await server.nodes.objects.add_variable(2, "recorded", 0)
    storage = server.iserver.history_manager.storage
    await storage.new_historized_node(node.nodeid, None)
    now = datetime.now(timezone.utc)
    for i in range(100):
        moment = now + timedelta(milliseconds=i)
        await storage.save_node_value(node.nodeid, ua.DataValue(ua.Variant(i), SourceTimestamp=moment))
    async with server, Client("opc.tcp://127.0.0.1:48562") as client:
        details = ua.ReadRawModifiedDetails()
        details.StartTime, details.EndTime, details.NumValuesPerNode = now, now + timedelta(hours=1), 10
        result = await client.get_node(node.nodeid).history_read(details)
        values = result.HistoryData.DataValues if hasattr(result.HistoryData, "DataValues") else result.HistoryData
        print(f"100 values, 10 asked for: {len(values)}, continuation point {result.ContinuationPoint!r}")


asyncio.run(main())

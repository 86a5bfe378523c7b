"""asyncua 2.1.0, server: the filter operator OfType lets pass events of exactly that type, none of its subtypes.

    pip install asyncua==2.1.0 && python asyncua-of-type.py

Expected (OPC 10000-4 section 7.7.3): an event of DeviceFailureEventType is one of SystemEventType too, 2 events. Found: 1.
"""

import asyncio

from asyncua import Client, Server, ua


class Handler:
    def __init__(self) -> None:
        self.seen = []

    def event_notification(self, event) -> None:
        self.seen.append(event.Message.Text)


async def main() -> None:
    server = Server()
    await server.init()
    server.set_endpoint("opc.tcp://127.0.0.1:48563")
    async with server, Client("opc.tcp://127.0.0.1:48563") as client:
        of_type = ua.ContentFilterElement(FilterOperator=ua.FilterOperator.OfType)
        of_type.FilterOperands.append(ua.LiteralOperand(ua.Variant(ua.NodeId(ua.ObjectIds.SystemEventType))))
        message = ua.SimpleAttributeOperand(ua.NodeId(ua.ObjectIds.BaseEventType), [ua.QualifiedName("Message")], ua.AttributeIds.Value)
        filter = ua.EventFilter([message], ua.ContentFilter([of_type]))
        handler = Handler()
        subscription = await client.create_subscription(50, handler)
        await subscription.subscribe_events(ua.ObjectIds.Server, evfilter=filter)
        for kind in (ua.ObjectIds.SystemEventType, ua.ObjectIds.DeviceFailureEventType):
            generator = await server.get_event_generator(ua.NodeId(kind), ua.ObjectIds.Server)
            await generator.trigger(message=ua.ObjectIdNames[kind])
        await asyncio.sleep(1)
        print(f"of 2 events: {handler.seen}")


asyncio.run(main())

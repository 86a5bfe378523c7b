"""asyncua 2.1.0, server: Republish of a message that it does not keep, or of a subscription that there is not, is answered
with Good and an empty NotificationMessage. A client that asks for what it missed takes it for the message.

    pip install asyncua==2.1.0 && python asyncua-republish.py

Expected (OPC 10000-4 section 5.14.6): BadMessageNotAvailable, BadSubscriptionIdInvalid. Found: Good, sequence number 0.
"""

import asyncio

from asyncua import Client, Server, ua


async def main() -> None:
    server = Server()
    await server.init()
    server.set_endpoint("opc.tcp://127.0.0.1:48561")
    async with server, Client("opc.tcp://127.0.0.1:48561") as client:
        subscription = await client.create_subscription(1_000, None)
        for id in (subscription.subscription_id, 4_711):
            try:
                message = await client.uaclient.session.republish(id, 999)
                print(f"subscription {id}, message 999: Good, sequence number {message.SequenceNumber}: {message.NotificationData}")
            except ua.UaStatusCodeError as error:
                print(f"subscription {id}, message 999: {error}")


asyncio.run(main())

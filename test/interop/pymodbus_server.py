"""A Modbus server on pymodbus, an implementation independent of ours: every type in every order, several units.

    pymodbus_server.py tcp | udp | rtu-over-tcp | tls CERTIFICATE KEY CA | rtu DEVICE

Prints one JSON line when it listens: its port, and for each value its unit, address, type, order and what it is.
"""

import asyncio
import json
import logging
import socket
import ssl
import struct
import sys

from pymodbus.client.mixin import ModbusClientMixin
from pymodbus.framer import FramerType
from pymodbus.server import ModbusSerialServer, ModbusTcpServer, ModbusTlsServer, ModbusUdpServer
from pymodbus.simulator import DataType, SimData, SimDevice

logging.disable(logging.WARNING)
T = ModbusClientMixin.DATATYPE

# type, pymodbus' own encoder, values; integers beyond 2^53 travel as text
VALUES = [
    ("int16", T.INT16, [-32768, 12345]),
    ("uint16", T.UINT16, [65535, 4095]),
    ("int32", T.INT32, [-2147483648, 16909060]),
    ("uint32", T.UINT32, [4294967295, 16909060]),
    ("int64", T.INT64, [-9223372036854775808, 9223372036854775807, -5, 9007199254740991]),
    ("uint64", T.UINT64, [18446744073709551615, 72623859790382856, 9007199254740992]),
    ("float32", T.FLOAT32, [12.31, -0.0001, 3.4028234663852886e38]),
    ("float64", T.FLOAT64, [0.1, -1.7976931348623157e308, 123456.789]),
    ("string(12)", T.STRING, ["20FIC101.PV ", "PUMP A      "]),
]
ORDERS = {"ABCD": (False, False), "CDAB": (True, False), "BADC": (False, True), "DCBA": (True, True)}
NAMES = {"ABCD": "ABCDEFGH", "CDAB": "GHEFCDAB", "BADC": "BADCFEHG", "DCBA": "HGFEDCBA"}


def swapped(register):
    return struct.unpack("<H", struct.pack(">H", register))[0]


def layout(unit, table):
    """Registers of one table of a unit, and what is in them. Numbers differ from unit to unit by their place."""
    registers, told = [unit * 257], []
    for kind, encoder, values in VALUES:
        for value in values:
            for order, (last_first, bytes_swapped) in ORDERS.items():
                text = encoder == T.STRING
                little = last_first and not text
                cut = ModbusClientMixin.convert_to_registers(value, encoder, "little" if little else "big")
                if bytes_swapped:
                    cut = [swapped(register) for register in cut]
                name = NAMES[order] if kind.endswith("64") else order
                told.append([unit, f"{table}:{len(registers)}", kind, name, str(value).strip()])
                registers += cut
    return registers, told


def serve(way, devices, address):
    if way == "udp":
        return ModbusUdpServer(devices, address=address)
    if way == "rtu":
        return ModbusSerialServer(devices, port=sys.argv[2], baudrate=19200, parity="N", stopbits=1)
    if way == "rtu-over-tcp":
        return ModbusTcpServer(devices, address=address, framer=FramerType.RTU)
    if way == "tls":
        certificate, key, ca = sys.argv[2:5]
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        context.load_verify_locations(ca)
        context.verify_mode = ssl.CERT_REQUIRED
        # The frames of Modbus/TCP Security are those of Modbus TCP; pymodbus' own framer for TLS leaves the header out.
        return ModbusTlsServer(devices, address=address, sslctx=context, framer=FramerType.SOCKET)
    return ModbusTcpServer(devices, address=address)


async def main():
    devices, told = [], []
    for unit in (1, 5, 247):
        holding, there = layout(unit, "holding")
        told += there
        inputs, there = layout(unit, "input")
        told += there
        coils = [(i * 7 + unit) % 3 == 0 for i in range(300)]
        discretes = [(i * 5 + unit) % 4 == 0 for i in range(300)]
        for i in (0, 1, 7, 8, 9, 255, 299):
            told.append([unit, f"coil:{i}", "bool", "ABCD", str(coils[i]).lower()])
            told.append([unit, f"discrete:{i}", "bool", "ABCD", str(discretes[i]).lower()])
        for bit in range(16):
            told.append([unit, f"holding:0.{bit}", "bool", "ABCD", str(bool(unit * 257 >> bit & 1)).lower()])
        devices.append(
            SimDevice(
                id=unit,
                simdata=(
                    [SimData(0, values=coils, datatype=DataType.BITS)],
                    [SimData(0, values=discretes, datatype=DataType.BITS)],
                    # The registers from 2000 on exist, those between do not.
                    [
                        SimData(0, values=holding, datatype=DataType.REGISTERS),
                        SimData(2000, values=[unit] * 10, datatype=DataType.REGISTERS),
                    ],
                    [SimData(0, values=inputs, datatype=DataType.REGISTERS)],
                ),
            )
        )
    way = sys.argv[1]
    with socket.socket(type=socket.SOCK_DGRAM if way == "udp" else socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = serve(way, devices, ("127.0.0.1", port))
    await server.serve_forever(background=True)
    print(json.dumps({"port": port, "values": told}), flush=True)
    await asyncio.Event().wait()


asyncio.run(main())

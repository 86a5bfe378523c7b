#!/usr/bin/env python3
"""Turns bodies of format `columns` (docs/columns.md) into rows, as format `rows` would have written them.

    python3 columns.py FILE...        bodies, one per line, plain or .gz; "-" is standard input
    python3 columns.py readings.jsonl > rows.jsonl

Needs nothing but Python 3.7. `rows_of` is the part to take along: it gives one dict per reading, event or gap record.
"""

import gzip
import json
import sys
from datetime import datetime, timedelta

TICKS = 10_000_000  # 100-ns ticks in a second
ORIGIN = datetime(1970, 1, 1)


def rows_of(body):
    """The rows of a body (a parsed JSON object), in the order of their numbers."""
    if body.get("columns") != 1:
        raise ValueError("not a body of format columns, version 1")
    gateway, first, count = body["gateway"], body["seq"], body["count"]
    gaps = {gap["seq"]: gap for gap in body["gaps"]}
    tags = tags_of(body)
    readings = count - len(gaps)
    columns = zip(
        column(body["tag"], readings),
        column(body["ts"], readings),
        column(body["status"], readings),
        body["value"],
    )
    tag, ticks = -1, ticks_of(body["start"]) if body["start"] else 0
    whole = [0] * len(tags)  # the last number of each tag, in units of its last decimal

    for seq in range(first, first + count):
        if seq in gaps:
            yield {"gateway": gateway, **gaps[seq]}
            continue
        tag_step, ts, status, value = next(columns)
        tag += tag_step
        name, source, unit, decimals = tags[tag]
        if not isinstance(ts, str):
            ticks += ts * body["step"]
            ts = text_of(ticks)
        if decimals is not None and isinstance(value, (int, float)) and not isinstance(value, bool):
            whole[tag] += value
            value = whole[tag] / 10**decimals
        if name.endswith(":events"):
            row = {"gateway": gateway, "source": source, "ts": ts}
            severity = value.get("Severity") if isinstance(value, dict) else None
            if type(severity) is int and 1 <= severity <= 1000:
                row["severity"] = severity
            yield {**row, "event": value, "seq": seq}
            continue
        row = {"gateway": gateway, "tag": name, "ts": ts, "value": value, **body["statuses"][status]}
        if unit is not None:
            row["unit"] = unit
        yield {**row, "seq": seq}


def tags_of(body):
    """Name, source, unit and decimals of every tag in the dictionary."""
    tags, number = [], 0
    size = body["tags"]
    for family, step in zip(column(body["family"], size), column(body["number"], size)):
        number += step
        shared = body["families"][family]
        name = shared["prefix"]
        if "suffix" in shared:
            name += str(number) + shared["suffix"]
        tags.append((name, shared["source"], shared.get("unit"), shared.get("decimals")))
    return tags


def column(elements, length):
    """A column is an array, or its one element when all are the same."""
    return elements if isinstance(elements, list) else [elements] * length


def ticks_of(text):
    """100-ns ticks since 1970 of 2026-11-22T10:00:00.123Z, or of seven decimals."""
    since = datetime.strptime(text[:19], "%Y-%m-%dT%H:%M:%S") - ORIGIN
    return (since.days * 86_400 + since.seconds) * TICKS + int(text[20:-1].ljust(7, "0"))


def text_of(ticks):
    seconds, rest = divmod(ticks, TICKS)
    decimals = "%07d" % rest
    if decimals.endswith("0000"):
        decimals = decimals[:3]
    return (ORIGIN + timedelta(seconds=seconds)).isoformat() + "." + decimals + "Z"


def main(files):
    for name in files:
        opened = sys.stdin if name == "-" else (gzip.open if name.endswith(".gz") else open)(name, "rt", encoding="utf-8")
        with opened as lines:
            for line in lines:
                for row in rows_of(json.loads(line)):
                    print(json.dumps(row, separators=(",", ":")))


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(sys.argv[1:])

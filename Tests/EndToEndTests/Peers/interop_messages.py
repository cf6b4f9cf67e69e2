"""What the interoperability peers in Python send and expect back, and how they report it.

The peers in other languages send messages of the same sizes. Each ends with one JSON line:
`{"echoed": messages, "deflate": the extension's parameters or null, "code": the close code}`.
"""

import json
import random

SIZES = [0, 1, 125, 126, 127, 1000, 16383, 16384, 16385, 65535, 65536, 200_000, 1_000_000]


def messages(seed=1):
    """Texts and binaries of all sizes, then telemetry as devices send it, for context takeover."""
    generator = random.Random(seed)
    for size in SIZES:
        yield ('{"n":"temperatur/küche","u":"Cel","v":21.5},' * (size // 40 + 1))[:size]
        yield bytes(index * 7 % 251 for index in range(size))
        yield generator.randbytes(size)
    for number in range(200):
        yield json.dumps([
            {"bn": "pi-17/", "bt": 1_790_000_000 + number * 10},
            {"n": "cpu.utilization", "u": "/", "v": round(generator.random(), 3)},
            {"n": "memory.used", "u": "B", "v": generator.randrange(10**9)},
            {"n": "temperature", "u": "Cel", "v": round(generator.gauss(48, 2), 1)},
        ])


def pieces(message):
    """A message cut in three, or whole where it is too short; texts between characters."""
    third = len(message) // 3
    if third == 0:
        return [message]
    return [message[:third], message[third:2 * third], message[2 * third:]]


def report(echoed, deflate, code):
    print(json.dumps({"echoed": echoed, "deflate": deflate, "code": code}), flush=True)


def listening(port):
    print(json.dumps({"port": port}), flush=True)

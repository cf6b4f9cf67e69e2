"""Readers that read slowly, or nothing at all, beside one that keeps up.

One device reports much. Over a WebSocket and as events, one reader takes a little at a time, and one takes
nothing until long after it should have been given up. At the end what each has put together is compared with
the store. Knows Hawser by its protocol alone. Writes one JSON line with a report for each reader:
`{"rows", "gaps", "missing", "untrue", "twice", "lag", "ended"}`: `missing` rows are in the store, but neither
read nor in a gap; `untrue` gaps hold rows that were read, or none at all; `lag` is how old the newest row was
that a reader had just read, at the worst, in seconds; `ended` the close code, or how the stream ended.
"""

import argparse
import asyncio
import json
import socket
import time
import urllib.parse
import urllib.request

from websockets.asyncio.client import connect

METRICS = 300
PACKS_A_SECOND = 10


class Device:
    def __init__(self, port):
        self.uri = f"ws://127.0.0.1:{port}/v1/device?device=loud"
        self.sequence, self.sent, self.slowest_ack, self.stops = 0, {}, 0, False

    async def run(self, ready):
        async with connect(self.uri, subprotocols=["hawser.device.v1"], compression=None) as link:
            await link.send(json.dumps({
                "jsonrpc": "2.0", "id": "1", "method": "hello", "params": {
                    "agent": {"name": "slow", "version": "1"}, "epoch": "e", "boot": "b"}}))
            json.loads(await link.recv())["result"]
            acks = asyncio.create_task(self.read(link))
            while not self.stops:
                at = round(time.time(), 3)
                self.sequence += 1
                self.sent[self.sequence] = time.monotonic()
                pack = [{"n": f"metric.{n}", "v": (self.sequence * 7 + n) % 1000 / 8} for n in range(METRICS)]
                pack[0]["bt"] = at
                await link.send(json.dumps({
                    "jsonrpc": "2.0", "method": "telemetry",
                    "params": {"seq": self.sequence, "lane": "live", "pack": pack}}))
                ready.set()
                await asyncio.sleep(1 / PACKS_A_SECOND)
            while self.sent:
                await asyncio.sleep(0.05)
            acks.cancel()

    async def read(self, link):
        async for text in link:
            message = json.loads(text)
            if message.get("method") == "ack":
                for first, last in message["params"]["acked"]:
                    for sequence in [s for s in self.sent if first <= s <= last]:
                        self.slowest_ack = max(self.slowest_ack, time.monotonic() - self.sent.pop(sequence))


class Reader:
    """Has what it reads kept in the kernel: a small buffer, read when it is wanted."""

    def __init__(self, port):
        self.port, self.names, self.seen, self.gaps = port, {}, set(), []
        self.twice, self.lag, self.ended, self.bytes = 0, 0, None, b""
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 << 10)
        self.socket.setblocking(False)

    async def open(self):
        await asyncio.get_running_loop().sock_connect(self.socket, ("127.0.0.1", self.port))
        await self.send(self.request.replace(b"HOST", b"127.0.0.1:%d" % self.port))
        while b"\r\n\r\n" not in self.bytes:
            self.bytes += await asyncio.wait_for(self.receive(4096), 10)
        head, _, self.bytes = self.bytes.partition(b"\r\n\r\n")
        if self.status not in head:
            raise SystemExit(f"refused: {head}")
        await self.begin()

    async def send(self, data):
        await asyncio.get_running_loop().sock_sendall(self.socket, data)

    async def receive(self, most):
        return await asyncio.get_running_loop().sock_recv(self.socket, most)

    async def read(self, most=1 << 16):
        """Takes what is there, at the most so much; tells whether the connection goes on."""
        try:
            data = await self.receive(most)
        except ConnectionError as error:
            data, self.ended = b"", self.ended or type(error).__name__
        if not data:
            self.ended = self.ended or "end"
            return False
        self.bytes += data
        await self.parse()
        return self.ended is None

    def take(self, method, content):
        for one in content.get("series", []):
            self.names[one["series"]] = one["metric"]
        if method == "gap":
            self.gaps.append((content["from"], content["to"]))
        for row in content.get("rows", []):
            key = (self.names[row[0]], row[1])
            self.twice += key in self.seen
            self.seen.add(key)
        if content.get("rows"):
            self.lag = max(self.lag, time.time() - content["rows"][-1][1])

    def report(self, stored):
        """`stored` are times of rows by series."""
        missing = [
            key for key in stored
            if key not in self.seen and not any(first <= key[1] <= last for first, last in self.gaps)]
        # Rows of a gap's ends may be on both sides of them.
        times = {key[1] for key in self.seen}
        left_out = {key[1] for key in stored if key not in self.seen}
        untrue = [
            gap for gap in self.gaps
            if any(gap[0] < one < gap[1] for one in times)
            or not any(gap[0] <= one <= gap[1] for one in left_out)]
        return {
            "rows": len(self.seen), "gaps": len(self.gaps), "missing": len(missing), "untrue": len(untrue),
            "twice": self.twice, "lag": round(self.lag, 3), "ended": self.ended,
            "examples": [missing[:3], untrue[:3]]}


class SocketReader(Reader):
    request = (
        b"GET /v1/live HTTP/1.1\r\nHost: HOST\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Protocol: hawser.live.v1\r\n\r\n")
    status = b" 101 "

    def __init__(self, port):
        super().__init__(port)
        self.message = b""

    async def frame(self, opcode, payload):
        # Masked with zero, which changes nothing.
        length = bytes([0x80 | len(payload)]) if len(payload) < 126 else b"\xfe" + len(payload).to_bytes(2, "big")
        await self.send(bytes([0x80 | opcode]) + length + b"\0\0\0\0" + payload)

    async def begin(self):
        await self.frame(1, json.dumps({
            "jsonrpc": "2.0", "id": "1", "method": "subscribe", "params": {"resolution": "raw"}}).encode())

    async def parse(self):
        while len(self.bytes) >= 2:
            length, head = self.bytes[1], 2
            if length >= 126:
                head = 4 if length == 126 else 10
                length = int.from_bytes(self.bytes[2:head], "big")
            if len(self.bytes) < head + length:
                return
            is_last, opcode = self.bytes[0] & 0x80, self.bytes[0] & 15
            payload = self.bytes[head:head + length]
            self.bytes = self.bytes[head + length:]
            if opcode < 2:
                self.message += payload
                if not is_last:
                    continue
                message, self.message = json.loads(self.message), b""
                self.take(message.get("method"), message.get("params") or message["result"])
            elif opcode == 8:
                self.ended = int.from_bytes(payload[:2], "big")
                await self.frame(8, payload[:2])
            elif opcode == 9:
                await self.frame(10, payload)


class EventReader(Reader):
    request = b"GET /v1/live/events?resolution=raw HTTP/1.1\r\nHost: HOST\r\nAccept-Encoding: identity\r\n\r\n"
    status = b" 200 "

    def __init__(self, port):
        super().__init__(port)
        self.text = b""

    async def begin(self):
        await self.parse()

    async def parse(self):
        while b"\r\n" in self.bytes:
            line, _, rest = self.bytes.partition(b"\r\n")
            size = int(line, 16)
            if len(rest) < size + 2:
                break
            self.text += rest[:size]
            self.bytes = rest[size + 2:]
            if size == 0:
                self.ended = "last chunk"
                return
        while b"\n\n" in self.text:
            event, _, self.text = self.text.partition(b"\n\n")
            fields = dict(line.partition(": ")[::2] for line in event.decode().split("\n"))
            if "data" in fields:
                self.take(fields["event"], json.loads(fields["data"]))


async def slowly(reader, hurry, over):
    """Takes 4 KiB at a time, about a third of what comes; then all there is until nothing comes any more."""
    while not hurry.is_set() and await reader.read(4 << 10):
        await asyncio.sleep(0.12)
    await quickly(reader, over)


async def quickly(reader, over):
    while not reader.ended:
        try:
            if not await asyncio.wait_for(reader.read(), 1):
                return
        except asyncio.TimeoutError:
            if over.is_set():
                return


async def not_at_all(reader, until, over):
    await asyncio.sleep(until)
    await quickly(reader, over)


def stored(port, since):
    found, names, cursor = set(), {}, {}
    query = {"device": "loud", "resolution": "raw", "from": since, "limit": 100000}
    while True:
        url = f"http://127.0.0.1:{port}/v1/history?{urllib.parse.urlencode({**query, **cursor})}"
        with urllib.request.urlopen(url, timeout=30) as answer:
            page = json.load(answer)
        names.update({one["series"]: one["metric"] for one in page["series"]})
        found.update((names[row[0]], row[1]) for row in page["rows"])
        if "next" not in page:
            return found
        cursor = {"cursor": page["next"]}


async def main(arguments):
    device, ready = Device(arguments.port), asyncio.Event()
    hurry, over = asyncio.Event(), asyncio.Event()
    sending = asyncio.create_task(device.run(ready))
    await asyncio.wait_for(ready.wait(), 20)
    kinds = {"socket": SocketReader, "events": EventReader}
    readers = {
        f"{way} {kind}": kinds[kind](arguments.port) for way in ("quick", "slow", "stalled") for kind in kinds}
    for reader in readers.values():
        await reader.open()
    ways = {
        "quick": lambda reader: quickly(reader, over), "slow": lambda reader: slowly(reader, hurry, over),
        "stalled": lambda reader: not_at_all(reader, arguments.stall, over)}
    # What the first rows of all readers have in common is behind this.
    reading = [asyncio.create_task(ways[name.split()[0]](reader)) for name, reader in readers.items()]
    await asyncio.sleep(1)
    since = time.time()
    await asyncio.sleep(arguments.stall + 3)
    device.stops = True
    await asyncio.wait_for(sending, 20)
    hurry.set()
    await asyncio.sleep(1)
    over.set()
    await asyncio.wait_for(asyncio.gather(*reading), 60)
    rows = stored(arguments.port, since)
    print(json.dumps({
        "stored": len(rows), "slowestAck": round(device.slowest_ack, 3),
        "readers": {name.replace(" ", "-"): reader.report(rows) for name, reader in readers.items()}}), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("--stall", type=float, default=45)
    asyncio.run(main(parser.parse_args()))

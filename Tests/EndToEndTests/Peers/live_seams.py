"""Readers that join, drop and come back at random, while devices report, some of it late, and the broker is
killed and started again; at the end what each reader has put together is compared with the store.

Knows Hawser by its protocol alone. Writes one JSON line, `{"readers", "drops", "kills", "rows", "wrong"}`,
where `wrong` says of each reader that differs how.
"""

import argparse
import asyncio
import json
import os
import random
import signal
import time
import urllib.parse
import urllib.request
import zlib

import websockets
from websockets.asyncio.client import connect


class Broker:
    def __init__(self, program, port, state):
        self.command = [program, "broker", "--listen", f"127.0.0.1:{port}", "--state", state]
        self.port = port
        self.process = None

    async def start(self):
        with open("seams-broker.log", "ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *self.command, stdout=asyncio.subprocess.PIPE, stderr=log)
        line = await asyncio.wait_for(self.process.stdout.readline(), 30)
        if b"ready" not in line:
            raise SystemExit("the broker did not start, see seams-broker.log")

    async def end(self, number):
        self.process.send_signal(number)
        await asyncio.wait_for(self.process.wait(), 30)

    def get(self, path, **query):
        url = f"http://127.0.0.1:{self.port}{path}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(url, timeout=30) as answer:
            return json.load(answer)

    def history(self, **query):
        """`{(device or group, metric, time): values}` of all pages."""
        found, names, cursor = {}, {}, {}
        while True:
            page = self.get("/v1/history", limit=100000, **query, **cursor)
            for one in page["series"]:
                names[one["series"]] = name_of(one)
            for row in page["rows"]:
                values = row[2:3] if query["resolution"] == "raw" else row[2:]
                found[(*names[row[0]], row[1])] = values
            if "next" not in page:
                return found
            cursor = {"cursor": page["next"]}


def name_of(series):
    who = series.get("device") or json.dumps(series["group"])
    return who, series["metric"]


class Device:
    """Sends a pack now and then, each until it is acked."""

    def __init__(self, name, port, chance):
        self.name, self.port, self.random = name, port, chance
        self.unacked, self.sequence, self.times = {}, 0, set()
        self.stops = False

    def pack(self):
        records = []
        for metric in ("a", "b"):
            for _ in range(self.random.randint(0, 3)):
                late = self.random.random() < 0.2
                at = time.time() - (self.random.uniform(0, 40) if late else 0)
                at = round(at, 5)
                if (metric, at) not in self.times:
                    self.times.add((metric, at))
                    records.append({"n": metric, "t": at, **self.value()})
        return records

    def value(self):
        """Mostly a number; some are text, of which a few are long, or data."""
        number, kind = self.random.randint(1, 9), self.random.random()
        if kind < 0.1:
            return {"vs": "\u001b\"ø" * number ** (4 if kind < 0.01 else 1)}
        return {"vd": "AP8" + "ABCDEFGHIJ"[number]} if kind < 0.2 else {"v": number}

    async def run(self):
        while not (self.stops and not self.unacked):
            try:
                await self.session()
            except (OSError, websockets.WebSocketException, asyncio.TimeoutError):
                await asyncio.sleep(0.2)

    async def session(self):
        uri = f"ws://127.0.0.1:{self.port}/v1/device?device={self.name}"
        async with connect(uri, subprotocols=["hawser.device.v1"], open_timeout=5) as link:
            await link.send(json.dumps({
                "jsonrpc": "2.0", "id": "1", "method": "hello", "params": {
                    "agent": {"name": "seams", "version": "1"}, "epoch": "e", "boot": "b",
                    "labels": {"site": "x" if self.name.endswith("1") else "y"}}}))
            hello = json.loads(await asyncio.wait_for(link.recv(), 10))
            self.forget(hello["result"]["acked"])
            for sequence, pack in self.unacked.items():
                await self.send(link, sequence, pack)
            acks = asyncio.create_task(self.read(link))
            try:
                while not acks.done():
                    if self.stops and not self.unacked:
                        return
                    if not self.stops:
                        pack = self.pack()
                        if pack:
                            self.sequence += 1
                            self.unacked[self.sequence] = pack
                            await self.send(link, self.sequence, pack)
                    await asyncio.sleep(self.random.uniform(0.01, 0.2))
            finally:
                acks.cancel()

    async def read(self, link):
        async for text in link:
            message = json.loads(text)
            if message.get("method") == "ack":
                self.forget(message["params"]["acked"])

    def forget(self, ranges):
        for first, last in ranges:
            for sequence in [s for s in self.unacked if first <= s <= last]:
                del self.unacked[sequence]

    async def send(self, link, sequence, pack):
        await link.send(json.dumps({
            "jsonrpc": "2.0", "method": "telemetry",
            "params": {"seq": sequence, "lane": "live", "pack": pack}}))


class Reader:
    """One subscription, over as many connections as it takes."""

    def __init__(self, kind, wanted, port, chance, since):
        self.kind, self.wanted, self.port, self.random = kind, wanted, port, chance
        self.since, self.cursor = since, None
        self.names, self.seen, self.twice, self.gaps, self.drops = {}, {}, [], [], 0
        self.stops = False
        self.ended = 0

    async def run(self):
        while not self.stops:
            try:
                span = self.random.uniform(0.05, 3)
                await asyncio.wait_for(self.socket() if self.kind == "socket" else self.stream(), span)
            except asyncio.TimeoutError:
                self.drops += 1
            except (OSError, EOFError, asyncio.IncompleteReadError, websockets.WebSocketException):
                pass
            await asyncio.sleep(self.random.uniform(0, 0.5))
        # Once more, for as long as it takes to have everything.
        try:
            await asyncio.wait_for(self.socket() if self.kind == "socket" else self.stream(), 4)
        except asyncio.TimeoutError:
            self.ended = time.time()
            return
        raise SystemExit("the last connection ended by itself")

    def take(self, method, content):
        for one in content.get("series", []):
            self.names[one["series"]] = name_of(one)
        if method == "gap":
            self.gaps.append(content)
        for row in content.get("rows", []):
            key = (*self.names[row[0]], row[1])
            if key in self.seen and not content.get("amends"):
                self.twice.append(key)
            self.seen[key] = row[2:]
        if "cursor" in content:
            self.cursor = content["cursor"]

    async def socket(self):
        link = await connect(
            f"ws://127.0.0.1:{self.port}/v1/live", subprotocols=["hawser.live.v1"],
            open_timeout=5, max_size=None)
        try:
            await link.send(json.dumps({
                "jsonrpc": "2.0", "id": "1", "method": "subscribe",
                "params": {**self.wanted, "since": self.cursor or self.since}}))
            async for text in link:
                message = json.loads(text)
                if "error" in message:
                    raise SystemExit(f"refused: {message['error']}")
                self.take(message.get("method"), message.get("params") or message.get("result"))
        finally:
            # No closing handshake: what is on its way is lost.
            link.transport.abort()

    async def stream(self):
        query = {"resolution": self.wanted["resolution"], "since": self.since}
        for name in ("functions", "groupBy"):
            if name in self.wanted:
                query[name] = ",".join(self.wanted[name])
        head = [
            f"GET /v1/live/events?{urllib.parse.urlencode(query)} HTTP/1.1",
            f"Host: 127.0.0.1:{self.port}", f"Accept-Encoding: {self.random.choice(['gzip', 'deflate', 'identity'])}",
        ]
        if self.cursor:
            head.append(f"Last-Event-ID: {self.cursor}")
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(("\r\n".join(head) + "\r\n\r\n").encode())
            status = await reader.readline()
            if b" 503 " in status:
                raise EOFError("the broker is stopping")
            if b" 200 " not in status:
                raise SystemExit(f"refused: {status} {await reader.read(2000)}")
            inflate = None
            while (line := (await reader.readline()).strip()):
                name, _, value = line.decode().partition(":")
                if name.lower() == "content-encoding":
                    inflate = zlib.decompressobj(31 if value.strip() == "gzip" else 15)
            text = b""
            while True:
                line = await reader.readline()
                if not line.strip() or (size := int(line, 16)) == 0:
                    return
                part = await reader.readexactly(size + 2)
                text += inflate.decompress(part[:-2]) if inflate else part[:-2]
                while b"\n\n" in text:
                    event, _, text = text.partition(b"\n\n")
                    self.event(event.decode())
        finally:
            writer.transport.abort()

    def event(self, text):
        fields = dict(line.partition(": ")[::2] for line in text.split("\n"))
        if "data" not in fields:
            return
        if fields["event"] == "refused":
            raise SystemExit(f"refused: {text}")
        content = json.loads(fields["data"])
        self.take(fields["event"], content)
        if content.get("cursor") != fields.get("id"):
            raise SystemExit(f"the id is not the cursor: {text[:200]}")


WANTED = [
    {"resolution": "raw"},
    {"resolution": "1s", "functions": ["count", "sum", "max"]},
    {"resolution": "1s", "functions": ["count", "p50"]},
    {"resolution": "1s", "functions": ["count", "sum"], "groupBy": ["site"]},
    {"resolution": "10s", "functions": ["count", "last"]},
    {"resolution": "1s", "functions": ["count", "mean"], "maxRate": 2},
]


async def main(arguments):
    chance = random.Random(arguments.seed)
    new = lambda: random.Random(chance.random())
    broker = Broker(arguments.hawser, arguments.port, arguments.state)
    await broker.start()
    since = str(int(time.time()) - 60)
    devices = [Device(f"d{number}", arguments.port, new()) for number in range(1, 5)]
    readers = []
    for number in range(arguments.readers):
        wanted = WANTED[number % len(WANTED)]
        kind = "stream" if number // len(WANTED) % 2 and "maxRate" not in wanted else "socket"
        readers.append(Reader(kind, wanted, arguments.port, new(), since))
    sending = [asyncio.create_task(device.run()) for device in devices]
    reading = [asyncio.create_task(reader.run()) for reader in readers]
    end = time.time() + arguments.seconds
    kills = 0
    while time.time() < end:
        await asyncio.sleep(chance.uniform(0.3, 1) * arguments.seconds / 4)
        await broker.end(chance.choice([signal.SIGKILL, signal.SIGTERM]))
        await broker.start()
        kills += 1
    for device in devices:
        device.stops = True
    await asyncio.gather(*sending)
    await asyncio.sleep(1.5)
    for reader in readers:
        reader.stops = True
    await asyncio.gather(*reading)
    wrong, rows = [], 0
    now = time.time()
    for number, reader in enumerate(readers):
        wanted = reader.wanted
        query = {"from": since, "to": str(now + 60), "resolution": wanted["resolution"]}
        if "functions" in wanted:
            query["functions"] = ",".join(wanted["functions"])
        if "groupBy" in wanted:
            query["groupBy"] = ",".join(wanted["groupBy"])
        stored = broker.history(**query)
        length = {"raw": 0, "1s": 1, "10s": 10}[wanted["resolution"]]
        # A window is told when its time is over; one that was open when the reader ended is left out.
        stored = {key: value for key, value in stored.items() if key[2] + length < reader.ended - 1 or not length}
        seen = {key: value for key, value in reader.seen.items() if key[2] + length < reader.ended - 1 or not length}
        rows += len(stored)
        missing = [key for key in stored if key not in seen]
        different = [
            (key, stored[key], seen[key]) for key in stored if key in seen and not same(stored[key], seen[key])]
        extra = [key for key in seen if key not in stored]
        if missing or different or extra or reader.twice or reader.gaps:
            wrong.append({
                "reader": number, "kind": reader.kind, "wanted": wanted, "missing": len(missing),
                "different": different[:3], "extra": extra[:3], "twice": reader.twice[:3],
                "gaps": reader.gaps[:3], "examples": missing[:3]})
    await broker.end(signal.SIGTERM)
    print(json.dumps({
        "readers": len(readers), "drops": sum(reader.drops for reader in readers), "kills": kills,
        "rows": rows, "sent": sum(len(device.times) for device in devices), "wrong": wrong}), flush=True)


def same(one, other):
    """Sums and means may be added up in another order."""
    return len(one) == len(other) and all(
        a == b or (isinstance(a, (int, float)) and isinstance(b, (int, float))
                   and abs(a - b) <= 1e-9 * max(1, abs(a), abs(b)))
        for a, b in zip(one, other))


parser = argparse.ArgumentParser()
parser.add_argument("hawser")
parser.add_argument("--port", type=int, required=True)
parser.add_argument("--state", default="seams-state")
parser.add_argument("--seed", type=int, default=1)
parser.add_argument("--readers", type=int, default=24)
parser.add_argument("--seconds", type=float, default=12)
asyncio.run(main(parser.parse_args()))

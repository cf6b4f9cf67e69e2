"""Devices that measure without a pause while their broker is killed, independent of Hawser's own code.

Each device sends packs of ten readings and a text as fast as the window lets it: most of them of now,
some late by up to ten hours, none of them in order within a pack. It keeps each until it is acked and
sends it again over the next link. Once the file `--stop` names is there, the devices measure nothing more, wait
for their last acks, and ask the broker's history for everything: each reading must be there once, and
every window must be what its readings say. Writes JSON lines: `{"acked": N}` now and then, at the end
`{"checked": {"readings": N, "windows": N}}` or `{"wrong": "…"}`.
"""

import argparse
import asyncio
import json
import math
import os
import random
import time
import urllib.error
import urllib.parse
import urllib.request

import websockets
from websockets.asyncio.client import connect

WINDOW = 200
METRICS = 10
LEVELS = {"1s": 1, "10s": 10, "1m": 60, "10m": 600, "1h": 3600, "1d": 86400}
FUNCTIONS = ["count", "sum", "min", "max", "mean", "stddev", "first", "last", "p50", "p99"]


def say(**what):
    print(json.dumps(what), flush=True)


def ranges(numbers):
    found = []
    for number in sorted(numbers):
        if found and found[-1][1] == number - 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return found


class Device:
    def __init__(self, arguments, number):
        self.arguments = arguments
        self.name = f"relentless-{number}"
        self.random = random.Random(arguments.seed * 1000 + number)
        self.uri = (arguments.broker.replace("http://", "ws://").rstrip("/")
                    + f"/v1/device?device={self.name}")
        self.epoch = f"run-{time.time_ns()}"
        self.packs = {}
        self.made = 0
        self.acked = set()
        # Metric -> [(time in ms, value)], everything ever measured.
        self.readings = {f"m{index}": [] for index in range(METRICS)}
        self.texts = []
        self.used = {metric: set() for metric in self.readings}

    def stopped(self):
        return os.path.exists(self.arguments.stop)

    def measure(self):
        self.made += 1
        late = self.random.random() < 0.2
        now = int(time.time() * 1000)
        pack = []
        for index in range(METRICS):
            metric = f"m{index}"
            moment = now - self.random.randrange(0, 2000)
            if late:
                moment = now - self.random.randrange(0, 36_000_000)
            # No two of a series share a moment: then first and last are beyond dispute.
            while moment in self.used[metric]:
                moment -= 1
            self.used[metric].add(moment)
            value = [
                lambda: round(20 + self.random.gauss(0, 3), 2),
                lambda: self.random.random() * 1e6,
                lambda: self.made * 4096,
                lambda: -self.random.expovariate(1),
                lambda: 1 if self.random.random() < 0.5 else 0,
            ][index % 5]()
            self.readings[metric].append((moment, float(value)))
            pack.append({"n": metric, "v": value, "t": moment / 1000})
        # As late as the last of them; its number tells it from others of that moment.
        text = f"état {self.made}: \"{'open' if late else 'shut'}\""
        self.texts.append((moment, text))
        pack.append({"n": "state", "vs": text, "t": moment / 1000})
        self.random.shuffle(pack)
        self.packs[self.made] = ("backfill" if late else "live", pack)

    async def run(self):
        while not (self.stopped() and not self.packs):
            try:
                await self.link_once()
            except (OSError, websockets.InvalidHandshake, TimeoutError, EOFError):
                pass
            await asyncio.sleep(0.05)

    async def link_once(self):
        async with connect(self.uri, subprotocols=["hawser.device.v1"], open_timeout=5) as link:
            await link.send(json.dumps({
                "jsonrpc": "2.0", "id": "hello", "method": "hello", "params": {
                    "agent": {"name": "relentless", "version": "1.0"}, "boot": "b",
                    "epoch": self.epoch, "acked": ranges(self.acked),
                    "clock": {"wall": time.time(), "mono": time.monotonic(), "synced": True},
                    "profile": {"name": "r", "version": "1", "metrics": [], "commands": []},
                    "labels": {},
                }}))
            sending = None
            try:
                async for text in link:
                    message = json.loads(text)
                    if message.get("id") == "hello":
                        if "error" in message:
                            raise SystemExit(f"hello refused: {message['error']}")
                        self.take(message["result"].get("acked", []))
                        sending = asyncio.create_task(self.send(link))
                    elif message.get("method") == "ack":
                        self.take(message["params"]["acked"])
                        if self.stopped() and not self.packs:
                            return
                    elif "error" in message or message.get("method") == "refused":
                        say(wrong=f"{self.name}: {message}")
            except websockets.ConnectionClosed:
                pass
            finally:
                if sending:
                    sending.cancel()

    def take(self, acked):
        for start, end in acked:
            for number in [n for n in self.packs if start <= n <= end]:
                del self.packs[number]
                self.acked.add(number)

    async def send(self, link):
        sent = set()
        while True:
            if not self.stopped() and len(self.packs) < WINDOW:
                self.measure()
            for number in [n for n in self.packs if n not in sent]:
                lane, pack = self.packs[number]
                await link.send(json.dumps({
                    "jsonrpc": "2.0", "method": "telemetry",
                    "params": {"seq": number, "lane": lane, "pack": pack}}))
                sent.add(number)
            await asyncio.sleep(self.arguments.interval)


class History:
    """Asks for everything, page by page, as any client would."""

    def __init__(self, broker):
        self.broker = broker.rstrip("/")

    def rows(self, device, metric, resolution):
        query = {"device": device, "metric": metric, "from": "-23h", "to": int(time.time()) + 3600,
                 "resolution": resolution, "limit": 100000}
        # A window counts if it begins in the span.
        if resolution == "1d":
            query["from"] = "-72h"
        if resolution != "raw":
            query["functions"] = ",".join(FUNCTIONS)
        rows = []
        while True:
            url = f"{self.broker}/v1/history?{urllib.parse.urlencode(query)}"
            with urllib.request.urlopen(url, timeout=60) as answer:
                page = json.load(answer)
            rows += page["rows"]
            if "next" not in page:
                return rows
            query["cursor"] = page["next"]


def is_near(left, right, scale):
    return abs(left - right) <= 1e-7 * scale + 1e-12


def check_window(row, readings):
    """What is wrong with a window's row where `readings` are those of its span; None if nothing."""
    if row is None:
        return "missing"
    got = dict(zip(FUNCTIONS, row[2:]))
    values = [value for _, value in readings]
    ordered = sorted(values)
    exact = {"count": len(values), "min": ordered[0], "max": ordered[-1],
             "first": min(readings)[1], "last": max(readings)[1]}
    for name, right in exact.items():
        if got[name] != right:
            return f"{name} {got[name]}, not {right}"
    scale = max(abs(ordered[0]), abs(ordered[-1]))
    total = math.fsum(values)
    mean = total / len(values)
    if not is_near(got["sum"], total, scale * len(values)):
        return f"sum {got['sum']}, not {total}"
    if not is_near(got["mean"], mean, scale):
        return f"mean {got['mean']}, not {mean}"
    if len(values) > 1:
        squares = math.fsum((value - mean) ** 2 for value in values)
        # With or without Bessel's correction is the interface's business, not this check's.
        deviations = [math.sqrt(squares / n) for n in (len(values), len(values) - 1)]
        if not any(abs(got["stddev"] - right) <= 1e-6 * scale for right in deviations):
            return f"stddev {got['stddev']}, not {deviations}"
    for name, share in (("p50", 0.5), ("p99", 0.99)):
        place = share * (len(ordered) - 1)
        low, high = ordered[math.floor(place)], ordered[math.ceil(place)]
        if not low - 0.0101 * abs(low) - 1e-9 <= got[name] <= high + 0.0101 * abs(high) + 1e-9:
            return f"{name} {got[name]}, not {low} to {high}"
    return None


def check(devices, history):
    counts = {"readings": 0, "windows": 0}
    for device in devices:
        texts = [(round(row[1] * 1000), row[2]) for row in history.rows(device.name, "state", "raw")]
        if sorted(texts) != sorted(device.texts):
            return f"{device.name}: {len(texts)} texts, not {len(device.texts)}"
        counts["readings"] += len(texts)
        for metric, readings in device.readings.items():
            stored = [(round(row[1] * 1000), row[2])
                      for row in history.rows(device.name, metric, "raw")]
            if stored != sorted(readings):
                extra = set(stored) - set(readings)
                missing = set(readings) - set(stored)
                return f"{device.name} {metric}: {len(stored)} readings, not {len(readings)}; " \
                       f"{len(missing)} missing, {len(extra)} never measured"
            counts["readings"] += len(stored)
            for level, length in LEVELS.items():
                spans = {}
                for moment, value in readings:
                    spans.setdefault(moment // (length * 1000) * length, []).append((moment, value))
                rows = {round(row[1]): row for row in history.rows(device.name, metric, level)}
                if set(rows) - set(spans):
                    return f"{device.name} {metric} {level}: windows of nothing"
                for start, inside in spans.items():
                    problem = check_window(rows.get(start), inside)
                    if problem:
                        return f"{device.name} {metric} {level} at {start}: {problem}"
                counts["windows"] += len(spans)
    return counts


async def main(arguments):
    devices = [Device(arguments, number) for number in range(arguments.devices)]

    async def report():
        while True:
            say(acked=sum(len(device.acked) for device in devices))
            await asyncio.sleep(0.5)

    reporting = asyncio.create_task(report())
    await asyncio.gather(*(device.run() for device in devices))
    reporting.cancel()
    say(acked=sum(len(device.acked) for device in devices))
    result = check(devices, History(arguments.broker))
    say(**({"wrong": result} if isinstance(result, str) else {"checked": result}))


parser = argparse.ArgumentParser()
parser.add_argument("broker")
parser.add_argument("--stop", required=True)
parser.add_argument("--devices", type=int, default=3)
parser.add_argument("--interval", type=float, default=0.005)
parser.add_argument("--seed", type=int, default=1)
asyncio.run(main(parser.parse_args()))

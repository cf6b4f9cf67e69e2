"""A device that counts, independent of Hawser's own code: pack n carries the reading n.

It keeps each pack until the broker has acked it, reconnects when the link ends, and then sends again
what was not acked. Writes one JSON line for each thing it learns: `{"welcome": …}`, `{"acked": N}`
(how many packs in all), `{"bye": …}`, `{"closed": …}`, and `{"finished": N}` when every pack is acked.
"""

import argparse
import asyncio
import json
import time

import websockets
from websockets.asyncio.client import connect


def say(**what):
    print(json.dumps(what), flush=True)


def ranges(numbers):
    """Ranges [[from, to], …] of a set of sequence numbers."""
    found = []
    for number in sorted(numbers):
        if found and found[-1][1] == number - 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return found


class Device:
    def __init__(self, arguments):
        self.arguments = arguments
        self.uri = (arguments.broker.replace("http://", "ws://").rstrip("/")
                    + f"/v1/device?device={arguments.device}")
        self.made = 0
        self.packs = {}
        self.acked = set()
        self.epoch = f"count-{time.time_ns()}"

    def hello(self):
        return {
            "jsonrpc": "2.0", "id": "hello", "method": "hello", "params": {
                "agent": {"name": "counting-device", "version": "1.0"},
                "boot": "boot-1", "epoch": self.epoch, "acked": ranges(self.acked),
                "clock": {"wall": time.time(), "mono": time.monotonic(), "synced": True},
                "profile": {"name": "counter", "version": "1", "metrics": [], "commands": []},
                "labels": {"kind": "test"},
            },
        }

    async def run(self):
        making = asyncio.create_task(self.make())
        while len(self.acked) < self.arguments.count:
            try:
                await self.link_once()
            except (OSError, websockets.InvalidHandshake, TimeoutError):
                pass
            await asyncio.sleep(0.1)
        making.cancel()
        say(finished=len(self.acked))

    async def make(self):
        """Measures in its own rhythm, whether there is a link or not."""
        while self.made < self.arguments.count:
            self.made += 1
            self.packs[self.made] = {"n": "counter", "u": "count", "v": self.made, "t": time.time()}
            await asyncio.sleep(self.arguments.interval)

    async def link_once(self):
        async with connect(
            self.uri, subprotocols=["hawser.device.v1"], compression="deflate", open_timeout=5
        ) as link:
            await link.send(json.dumps(self.hello()))
            sending = None
            try:
                async for text in link:
                    message = json.loads(text)
                    if message.get("id") == "hello":
                        if "error" in message:
                            raise SystemExit(f"hello refused: {message['error']}")
                        say(welcome=message["result"])
                        self.take(message["result"].get("acked", []))
                        sending = asyncio.create_task(self.send(link))
                    elif message.get("method") == "ack":
                        self.take(message["params"]["acked"])
                        if len(self.acked) == self.arguments.count:
                            return
                    elif message.get("method") == "bye":
                        say(bye=message["params"])
            except websockets.ConnectionClosed:
                pass
            finally:
                if sending:
                    sending.cancel()
                say(closed={"code": link.close_code, "reason": link.close_reason})

    def take(self, acked):
        for start, end in acked:
            for number in range(start, end + 1):
                self.acked.add(number)
                self.packs.pop(number, None)
        say(acked=len(self.acked))

    async def send(self, link):
        sent = set(self.acked)
        while True:
            for number in sorted(set(self.packs) - sent):
                lane = "live" if number == self.made else "backfill"
                await link.send(json.dumps({
                    "jsonrpc": "2.0", "method": "telemetry",
                    "params": {"seq": number, "lane": lane, "pack": [self.packs[number]]},
                }))
                sent.add(number)
            await asyncio.sleep(self.arguments.interval / 2)


parser = argparse.ArgumentParser()
parser.add_argument("broker")
parser.add_argument("--device", default="counter")
parser.add_argument("--count", type=int, default=1000)
parser.add_argument("--interval", type=float, default=0.01)
asyncio.run(Device(parser.parse_args()).run())

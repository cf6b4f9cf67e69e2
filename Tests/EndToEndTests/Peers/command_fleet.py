"""A fleet of devices, independent of Hawser's own code, and one command for all of them.

Of `--devices` links some are away when the command is ordered and come back over `--seconds`; some of
those never come; some drop their link in the midst of the command and come back. Each has a journal as
the protocol asks and counts how often it acted. Writes one JSON line: what the broker says became of
the command, held against what the devices did; `{"wrong": …}` lists every contradiction.
"""

import argparse
import asyncio
import json
import random
import time
import urllib.request

import websockets
from websockets.asyncio.client import connect


class Device:
    def __init__(self, fleet, number):
        self.fleet = fleet
        self.name = f"{fleet.arguments.prefix}-{number:05d}"
        self.journal = {}
        self.acts = 0
        self.wanted = True
        self.link = None
        self.drops = fleet.random.random() < fleet.arguments.dropping
        self.ready = asyncio.Event()
        self.task = asyncio.create_task(self.run())

    async def run(self):
        wait = 0.1
        while self.wanted:
            try:
                await self.link_once()
                wait = 0.1
            except (OSError, websockets.InvalidHandshake, TimeoutError):
                wait = min(wait * 2, 3)
            self.ready.clear()
            self.link = None
            await asyncio.sleep(wait * self.fleet.random.uniform(0.5, 1.5))

    async def link_once(self):
        uri = (self.fleet.arguments.broker.replace("http://", "ws://").rstrip("/")
               + f"/v1/device?device={self.name}")
        async with connect(
            uri, subprotocols=["hawser.device.v1"], compression=None, open_timeout=20,
            ping_interval=None
        ) as link:
            self.link = link
            await self.send(id="hello", method="hello", params={
                "agent": {"name": "fleet", "version": "1"}, "boot": "b", "epoch": self.name,
                "acked": [], "profile": {"name": "fleet", "version": "1", "metrics": [],
                                         "commands": ["work"]},
                "labels": {"site": self.fleet.arguments.prefix}})
            beat = asyncio.create_task(self.beat())
            try:
                async for text in link:
                    await self.take(json.loads(text))
            except websockets.ConnectionClosed:
                pass
            finally:
                beat.cancel()

    async def beat(self):
        while True:
            await asyncio.sleep(15)
            await self.send(id="beat", method="heartbeat", params={"mono": time.monotonic()})

    async def send(self, **message):
        await self.link.send(json.dumps({"jsonrpc": "2.0", **message}))

    async def take(self, message):
        if message.get("id") == "hello":
            self.ready.set()
        elif message.get("method") == "command":
            await self.command(message["id"], message["params"])

    async def command(self, request, params):
        command = params["command"]
        if command not in self.journal:
            self.journal[command] = {"state": "running"}
            self.acts += 1
            await asyncio.sleep(self.fleet.random.uniform(0, 0.05))
            failed = self.fleet.random.random() < self.fleet.arguments.failing
            self.journal[command] = {
                "state": "finished", "outcome": "failed" if failed else "succeeded"}
            if self.drops:
                # It acted, and its answer is lost with the link.
                self.drops = False
                return await self.link.close()
        await self.send(id=request, result=self.journal[command])

    async def leave(self):
        self.wanted = False
        if self.link:
            await self.link.close()
        await self.task

    def come_back(self):
        self.wanted = True
        self.task = asyncio.create_task(self.run())


class Fleet:
    def __init__(self, arguments):
        self.arguments = arguments
        self.random = random.Random(arguments.seed)

    def ask(self, method, path, body=None):
        request = urllib.request.Request(
            self.arguments.broker.rstrip("/") + path, method=method,
            data=None if body is None else json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    async def run(self):
        arguments = self.arguments
        devices = [Device(self, number) for number in range(arguments.devices)]
        for device in devices:
            await asyncio.wait_for(device.ready.wait(), 120)
        away = self.random.sample(devices, int(arguments.devices * arguments.absent))
        lost = set(away[:int(len(away) * arguments.lost)])
        await asyncio.gather(*[device.leave() for device in away])
        began = time.monotonic()
        rollout = await asyncio.to_thread(self.ask, "POST", "/v1/rollouts", {
            "to": {"labels": {"site": arguments.prefix}}, "name": "work",
            "ttl": arguments.seconds + arguments.slack, "concurrency": arguments.concurrency,
            "wave": arguments.wave, "pause": arguments.pause, "maxFailureRate": None})
        for device in away:
            if device not in lost:
                asyncio.get_running_loop().call_later(
                    self.random.uniform(0, arguments.seconds), device.come_back)
        present = None
        while True:
            await asyncio.sleep(0.5)
            answer = await asyncio.to_thread(self.ask, "GET", "/v1/rollouts/" + rollout["rollout"])
            done = answer["counts"].get("succeeded", 0) + answer["counts"].get("failed", 0)
            if present is None and done >= arguments.devices - len(away):
                present = time.monotonic() - began
            if answer["state"] == "finished":
                break
        took = time.monotonic() - began
        parts, cursor = {}, ""
        while cursor is not None:
            page = await asyncio.to_thread(
                self.ask, "GET",
                f"/v1/rollouts/{rollout['rollout']}/devices?limit=1000"
                + (f"&cursor={cursor}" if cursor else ""))
            parts.update({part["device"]: part for part in page["devices"]})
            cursor = page.get("next")
        wrong = []
        for device in devices:
            state = parts[device.name]["state"]
            outcome = next(iter(device.journal.values()), {}).get("outcome")
            truth = outcome or "expired"
            if device.acts > 1 or state != truth or (device in lost) != (state == "expired"):
                wrong.append([device.name, state, truth, str(device.acts)])
        print(json.dumps({
            "devices": len(devices), "away": len(away), "lost": len(lost), "counts": answer["counts"],
            "presentSeconds": present, "seconds": took, "acts": sum(d.acts for d in devices),
            "wrong": wrong}), flush=True)


parser = argparse.ArgumentParser()
parser.add_argument("broker")
parser.add_argument("--prefix", default="fleet")
parser.add_argument("--devices", type=int, default=100)
parser.add_argument("--absent", type=float, default=0.5)
parser.add_argument("--lost", type=float, default=0.05)
parser.add_argument("--dropping", type=float, default=0.05)
parser.add_argument("--failing", type=float, default=0.02)
parser.add_argument("--seconds", type=float, default=10)
parser.add_argument("--slack", type=float, default=5)
parser.add_argument("--concurrency", type=int, default=50)
parser.add_argument("--wave", type=int, default=None)
parser.add_argument("--pause", type=float, default=0)
parser.add_argument("--seed", type=int, default=1)


async def main():
    await Fleet(parser.parse_args()).run()


asyncio.run(main())

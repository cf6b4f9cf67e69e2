"""A device that carries out commands, independent of Hawser's own code.

It has a journal as the protocol asks: a repeated id never acts twice. One JSON line for each thing that
happens: `{"welcome": …}`, `{"acted": ID, "name": …, "params": …}` each time a command takes effect,
`{"command": …}` for each request, `{"confirmed": ID}`, `{"refused": …}`, `{"closed": …}`. With `--pause`
it says `{"step": …}` at each step of a command's life and waits so long, so that it can be met there.

What it does is asked for by the command's name: `noop` succeeds in its answer; `slow` is accepted, runs
for `seconds` with news and then reports; `fail` fails with 3; `mute` is never answered; `print` answers
with `bytes` of output; `lost` acts, but its report gets lost until the link has been up once more.
"""

import argparse
import asyncio
import json
import time

import websockets
from websockets.asyncio.client import connect

COMMANDS = [
    "noop",
    {"name": "slow", "timeout": 20, "params": {
        "seconds": {"type": "number", "unit": "s", "min": 0, "max": 60, "default": 1}}},
    "fail",
    {"name": "mute", "timeout": 1},
    {"name": "print", "params": {"bytes": {"type": "integer", "min": 0, "max": 100000},
                                 "text": {"type": "string", "optional": True}}},
    "lost",
    {"name": "reboot", "danger": "dangerous"},
]


def say(**what):
    print(json.dumps(what), flush=True)


class Device:
    def __init__(self, arguments):
        self.arguments = arguments
        self.uri = (arguments.broker.replace("http://", "ws://").rstrip("/")
                    + f"/v1/device?device={arguments.device}")
        self.journal = {}
        self.unconfirmed = {}
        self.running = {}
        self.link = None
        self.links = 0
        self.number = 0

    async def run(self):
        while True:
            try:
                await self.link_once()
            except (OSError, websockets.InvalidHandshake, TimeoutError):
                pass
            await asyncio.sleep(0.1)

    async def link_once(self):
        async with connect(self.uri, subprotocols=["hawser.device.v1"], open_timeout=5) as link:
            hello = {
                "agent": {"name": "command-device", "version": "1.0"}, "boot": "boot-1",
                "epoch": "e", "acked": [],
                "clock": {"wall": 0, "mono": time.monotonic(), "synced": False},
                "profile": {"name": "obedient", "version": "1", "metrics": [], "commands": COMMANDS,
                            "commandsAtOnce": self.arguments.at_once},
                "labels": {"site": self.arguments.site},
            }
            await self.send(link, id="hello", method="hello", params=hello)
            self.links += 1
            try:
                async for text in link:
                    await self.take(link, json.loads(text))
            except websockets.ConnectionClosed:
                pass
            finally:
                self.link = None
                say(closed={"code": link.close_code})

    async def send(self, link, **message):
        await link.send(json.dumps({"jsonrpc": "2.0", **message}))

    async def take(self, link, message):
        method = message.get("method")
        if message.get("id") == "hello":
            say(welcome=True)
            self.link = link
            for report in list(self.unconfirmed.values()):
                await self.report(report)
            if self.arguments.forge:
                await self.forge(link)
        elif method == "command":
            say(command=message["params"])
            await self.command(link, message["id"], message["params"])
        elif method == "cancelCommand":
            await self.cancel(link, message["id"], message["params"]["command"])
        elif str(message.get("id", "")).startswith("f-"):
            command = message["id"][2:].split("/")[0]
            if "error" in message:
                say(refused=message["error"], id=command)
            else:
                say(confirmed=command)
            self.unconfirmed.pop(command, None)

    async def forge(self, link):
        """Speaks of commands that are not its own, in every way there is."""
        for command in self.arguments.forge.split(","):
            await self.send(link, id=f"f-{command}/forged", method="commandFinished",
                            params={"command": command, "outcome": "succeeded"})
            await self.send(link, method="commandProgress",
                            params={"command": command, "percent": 50, "output": "forged"})
        for number in range(1, 200):
            await self.send(link, id=f"b{number}", result={
                "state": "finished", "outcome": "succeeded", "output": "forged"})

    async def command(self, link, request, params):
        command, name = params["command"], params["name"]
        if command in self.journal:
            return await self.send(link, id=request, result=self.journal[command])
        if params.get("remaining", 1) <= 0:
            self.journal[command] = {"state": "finished", "outcome": "expired"}
            return await self.send(link, id=request, result=self.journal[command])
        self.journal[command] = {"state": "accepted"}
        await self.step("received")
        if name != "mute":
            say(acted=command, name=name, params=params["params"])
            await self.step("acted")
        if name == "noop":
            self.journal[command] = {"state": "finished", "outcome": "succeeded"}
        elif name == "fail":
            self.journal[command] = {"state": "finished", "outcome": "failed", "exitCode": 3,
                                     "reason": "it always does"}
        elif name == "print":
            count = params["params"]["bytes"]
            self.journal[command] = {
                "state": "finished", "outcome": "succeeded", "exitCode": 0,
                "output": params["params"].get("text") or "x" * count, "outputBytes": count}
        elif name == "mute":
            return
        elif name == "lost":
            self.journal[command] = {"state": "finished", "outcome": "succeeded"}
            return await link.close()
        else:
            self.running[command] = asyncio.create_task(
                self.slowly(command, params["params"].get("seconds", 1)))
        await self.send(link, id=request, result=self.journal[command])
        await self.step("answered")

    async def step(self, name):
        if self.arguments.pause:
            say(step=name)
            await asyncio.sleep(self.arguments.pause)

    async def slowly(self, command, seconds):
        outcome = {"command": command, "outcome": "succeeded", "exitCode": 0, "output": "12345"}
        try:
            self.journal[command] = {"state": "running"}
            for step in range(1, 6):
                await asyncio.sleep(seconds / 5)
                if self.link:
                    await self.send(self.link, method="commandProgress", params={
                        "command": command, "percent": step * 20, "output": str(step)})
        except asyncio.CancelledError:
            outcome = {"command": command, "outcome": "cancelled"}
        except websockets.ConnectionClosed:
            pass
        self.running.pop(command, None)
        self.journal[command] = {
            "state": "finished", **{k: v for k, v in outcome.items() if k != "command"}}
        self.unconfirmed[command] = outcome
        await self.report(outcome)

    async def report(self, outcome):
        link = self.link
        if not link:
            return
        self.number += 1
        try:
            await self.step("reporting")
            await self.send(link, id=f"f-{outcome['command']}/{self.number}",
                            method="commandFinished", params=outcome)
            if self.arguments.pause:
                say(step="reported")
        except websockets.ConnectionClosed:
            pass

    async def cancel(self, link, request, command):
        if command not in self.journal:
            self.journal[command] = {"state": "finished", "outcome": "cancelled"}
            return await self.send(link, id=request, error={
                "code": -32000, "message": "no such command", "data": {"code": "notFound"}})
        if command in self.running:
            self.running[command].cancel()
        await self.send(link, id=request, result=self.journal[command])


parser = argparse.ArgumentParser()
parser.add_argument("broker")
parser.add_argument("--device", default="obedient")
parser.add_argument("--site", default="lab")
parser.add_argument("--at-once", type=int, default=1)
parser.add_argument("--forge", default="")
parser.add_argument("--pause", type=float, default=0)
asyncio.run(Device(parser.parse_args()).run())

"""Somebody who watches devices and much else, and reads nothing while commands are ordered and end.

A device of its own reports much; the commands go to a device that is there already. Once all have ended the
watcher reads on. Knows Hawser by its protocol alone. Writes one JSON line, `{"ordered", "told": {command:
[state…]}, "ended"}`.
"""

import argparse
import asyncio
import json
import time
import urllib.request

from live_slow import Device, SocketReader

FINAL = {"succeeded", "failed", "rejected", "cancelled", "expired", "unknown"}


class Watcher(SocketReader):
    def __init__(self, port):
        super().__init__(port)
        self.states = {}

    async def begin(self):
        await super().begin()
        await self.frame(1, json.dumps({"jsonrpc": "2.0", "id": "2", "method": "watchDevices"}).encode())

    def take(self, method, content):
        super().take(method, content)
        if method == "commandState":
            self.states.setdefault(content["command"], []).append(content["state"])

    async def read_until(self, is_done, seconds):
        end = time.monotonic() + seconds
        while not is_done() and time.monotonic() < end and not self.ended:
            try:
                await asyncio.wait_for(self.read(), 0.5)
            except asyncio.TimeoutError:
                pass


def ask(url, body=None):
    request = urllib.request.Request(
        url, json.dumps(body).encode() if body else None, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def order(base, device):
    """Orders a command and waits for its end."""
    command = ask(f"{base}/v1/devices/{device}/commands", {"name": "slow", "params": {"seconds": 0.1}})["command"]
    while ask(f"{base}/v1/commands/{command}")["state"] not in FINAL:
        time.sleep(0.05)
    return command


async def main(arguments):
    base = f"http://127.0.0.1:{arguments.port}"
    loud, ready = Device(arguments.port), asyncio.Event()
    sending = asyncio.create_task(loud.run(ready))
    await asyncio.wait_for(ready.wait(), 20)
    watcher = Watcher(arguments.port)
    await watcher.open()
    await watcher.read_until(lambda: watcher.seen, 10)
    # More than the kernel and the broker keep for it.
    await asyncio.sleep(8)
    ordered = [await asyncio.to_thread(order, base, arguments.device) for _ in range(5)]
    loud.stops = True
    await watcher.read_until(lambda: all(watcher.states.get(one, [""])[-1] in FINAL for one in ordered), 20)
    await asyncio.wait_for(sending, 20)
    print(json.dumps({"ordered": ordered, "told": watcher.states, "ended": watcher.ended}), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("device")
    asyncio.run(main(parser.parse_args()))

"""Times a command to a connected device, beside a WebSocket ping on the same link.

A device of its own answers `noop` at once. For each of `--count` commands, one after another: from the
order on the live link to its durable receipt and to the news that it succeeded, from `sent` to
`succeeded` as the broker timed them, and pings of the device's and the dashboard's links. One JSON line
with milliseconds.
"""

import argparse
import asyncio
import json
import time

from websockets.asyncio.client import connect

COMMANDS = ["noop"]


def summary(values):
    values = sorted(values)
    at = lambda share: round(1000 * values[min(len(values) - 1, int(share * len(values)))], 3)
    return {"p50": at(0.5), "p99": at(0.99), "max": at(1)}


async def device(uri, ready, pings, count):
    async with connect(uri, subprotocols=["hawser.device.v1"], compression=None) as link:
        await link.send(json.dumps({"jsonrpc": "2.0", "id": "hello", "method": "hello", "params": {
            "agent": {"name": "timer", "version": "1"}, "boot": "b", "epoch": "e", "acked": [],
            "profile": {"name": "t", "version": "1", "metrics": [], "commands": COMMANDS}}}))
        async for text in link:
            message = json.loads(text)
            if message.get("method") == "command":
                await link.send(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": {
                    "state": "finished", "outcome": "succeeded"}}))
            elif message.get("id") == "hello":
                ready.set()
                asyncio.get_running_loop().create_task(ping(link, pings, count))


async def ping(link, times, count):
    while len(times) < count:
        began = time.perf_counter()
        await (await link.ping())
        times.append(time.perf_counter() - began)
        await asyncio.sleep(0.01)


async def main(arguments):
    base = arguments.broker.replace("http://", "ws://").rstrip("/")
    ready, device_pings, live_pings = asyncio.Event(), [], []
    other = asyncio.create_task(
        device(base + "/v1/device?device=timer", ready, device_pings, arguments.count))
    await ready.wait()
    await asyncio.sleep(0.3)
    receipts, outcomes, links = [], [], []
    async with connect(base + "/v1/live", subprotocols=["hawser.live.v1"], compression=None) as live:
        for number in range(arguments.count):
            began = time.perf_counter()
            await live.send(json.dumps({"jsonrpc": "2.0", "id": f"{number}", "method": "sendCommand",
                                        "params": {"device": "timer", "name": "noop"}}))
            command, receipt, done = None, None, None
            while receipt is None or done is None:
                message = json.loads(await live.recv())
                now = time.perf_counter()
                body = message.get("result") or message.get("params")
                if message.get("id") == f"{number}":
                    command, receipt = body["command"], now
                elif message.get("method") == "commandState" and command is None:
                    command = body["command"]
                if body.get("command") == command and body.get("state") == "succeeded":
                    done = done or now
                    states = {s["state"]: s["time"] for s in body.get("states", [])}
            receipts.append(receipt - began)
            outcomes.append(done - began)
            await live.send(json.dumps({"jsonrpc": "2.0", "id": "w", "method": "watchCommand",
                                        "params": {"command": command}}))
            while True:
                message = json.loads(await live.recv())
                if message.get("id") == "w":
                    states = {s["state"]: s["time"] for s in message["result"]["states"]}
                    links.append(states["succeeded"] - states["sent"])
                    break
        await ping(live, live_pings, arguments.count)
    other.cancel()
    print(json.dumps({
        "count": arguments.count, "orderToReceipt": summary(receipts),
        "orderToOutcome": summary(outcomes), "sentToAnswered": summary(links),
        "pingOnDeviceLink": summary(device_pings), "pingOnLiveLink": summary(live_pings)}))


parser = argparse.ArgumentParser()
parser.add_argument("broker")
parser.add_argument("--count", type=int, default=500)
asyncio.run(main(parser.parse_args()))

"""Devices for the dashboard: text, data, booleans, many metrics, labels, commands that never end, and
one that goes.

Writes `{"ready": true}` when each of them has had readings acked. Runs until it is killed.
"""

import asyncio
import json
import sys
import time

from websockets.asyncio.client import connect

BROKER = sys.argv[1].replace("http://", "ws://").rstrip("/")


async def link(name, labels, pack, first=None, stays=True):
    """One device; `first` is a pack that comes before all others. Returns when it is known."""
    socket = await connect(
        f"{BROKER}/v1/device?device={name}", subprotocols=["hawser.device.v1"])
    hello = {
        "agent": {"name": "fleet", "version": "1"}, "boot": "b", "epoch": "e", "acked": [],
        "clock": {"wall": time.time(), "mono": time.monotonic(), "synced": True},
        "profile": {"name": "p", "version": "1", "metrics": [], "commands": ["clean"]},
        "labels": labels}
    await socket.send(json.dumps(
        {"jsonrpc": "2.0", "id": "hello", "method": "hello", "params": hello}))
    welcome = json.loads(await socket.recv())
    if "error" in welcome:
        raise SystemExit(f"{name}: {welcome}")
    known = asyncio.Event()

    async def listen():
        async for text in socket:
            message = json.loads(text)
            if "error" in message:
                raise SystemExit(text)
            if message.get("method") == "ack":
                known.set()
            if message.get("method") == "command":
                tasks.append(asyncio.create_task(obey(message)))

    async def obey(request):
        await socket.send(json.dumps(
            {"jsonrpc": "2.0", "id": request["id"], "result": {"state": "running"}}))
        while True:
            news = {"command": request["params"]["command"], "percent": 40}
            await socket.send(json.dumps(
                {"jsonrpc": "2.0", "method": "commandProgress", "params": news}))
            await asyncio.sleep(0.5)

    async def tell(seq, records):
        params = {"seq": seq, "lane": "live", "pack": records}
        await socket.send(json.dumps(
            {"jsonrpc": "2.0", "method": "telemetry", "params": params}))

    async def work():
        seq = 0
        for records in ([first] if first else []):
            seq += 1
            await tell(seq, records)
        while True:
            seq += 1
            await tell(seq, [{**record, "t": time.time()} for record in pack(seq)])
            await asyncio.sleep(0.5)

    tasks = [asyncio.create_task(listen()), asyncio.create_task(work())]
    await known.wait()
    if not stays:
        tasks[1].cancel()
        await socket.close()
    return tasks


def pump(seq):
    return [{"n": "running", "vb": seq // 4 % 2 == 0}, {"n": "flow", "u": "m3/s", "v": 0.0001 * seq}]


def wordy(seq):
    mode = "<img src=x onerror=alert(1)>"
    return [{"n": "mode", "vs": mode}, {"n": "blob", "vd": "aGVsbG8"}]


def wide(seq):
    return [{"n": f"m.{number}", "v": number} for number in range(60)]


def plain(seq):
    return [{"n": "level", "u": "%", "v": 50}]


async def main():
    long_ago = [{"n": "label", "vs": "as delivered", "t": time.time() - 7200}]
    tasks = await asyncio.gather(
        link("pump", {"site": "lab"}, pump), link("wordy", {"site": "roof"}, wordy, first=long_ago),
        link("wide", {}, wide), link("plain-1", {"site": "lab"}, plain),
        *(link(f"plain-{number}", {}, plain) for number in range(2, 7)),
        link("gone", {}, plain, stays=False))
    print(json.dumps({"ready": True}), flush=True)
    await asyncio.gather(*(task for some in tasks for task in some[:1]))


asyncio.run(main())

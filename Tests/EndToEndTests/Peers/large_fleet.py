"""A fleet whose series are more than a connection may buffer at once, and readers who want all of it.

One device with long labels brings as many series as one subscription gets. A WebSocket asks for several
subscriptions and for the devices in one go, before it reads any answer; a stream of events asks for one.
Writes `{"results", "series": […], "devices", "closed", "events"}`: how many requests were answered, how many
series each subscription named, how many devices came, the close code, and how many series the stream named.
"""

import asyncio
import json
import sys

from websockets.asyncio.client import connect

PORT = int(sys.argv[1])
SERIES, SUBSCRIPTIONS = 9_990, 3
LABELS = {f"label-number-{n}": f"a value that is as long as people make them, {n}" for n in range(12)}


async def fleet():
    link = await connect(
        f"ws://127.0.0.1:{PORT}/v1/device?device=large", subprotocols=["hawser.device.v1"], compression=None)
    await link.send(json.dumps({"jsonrpc": "2.0", "id": "1", "method": "hello", "params": {
        "agent": {"name": "large", "version": "1"}, "epoch": "e", "boot": "b", "labels": LABELS}}))
    await link.recv()
    packs = [range(0, SERIES // 2), range(SERIES // 2, SERIES)]
    for number, metrics in enumerate(packs, 1):
        await link.send(json.dumps({"jsonrpc": "2.0", "method": "telemetry", "params": {
            "seq": number, "lane": "live", "pack": [{"n": f"m.{n}", "v": n} for n in metrics]}}))
    while True:
        message = json.loads(await link.recv())
        if message.get("method") == "ack" and message["params"]["acked"][-1][1] == len(packs):
            return link


async def socket():
    """The answers to everything at once, and the series that came with and behind them."""
    named, results, devices = {}, 0, 0
    # What is asked takes its time to be answered, and meanwhile nothing is read.
    link = await connect(
        f"ws://127.0.0.1:{PORT}/v1/live", subprotocols=["hawser.live.v1"], compression=None, max_size=None,
        max_queue=1)
    for number in range(SUBSCRIPTIONS):
        await link.send(json.dumps({"jsonrpc": "2.0", "id": f"s{number}", "method": "subscribe", "params": {
            "query": {"metrics": ["m.*", f"other.{number}"]}, "resolution": "1s"}}))
    await link.send(json.dumps({"jsonrpc": "2.0", "id": "d", "method": "watchDevices"}))
    await asyncio.sleep(2)
    while results < SUBSCRIPTIONS + 1 or any(len(series) < SERIES for series in named.values()):
        message = json.loads(await link.recv())
        told = message.get("result") or message.get("params")
        results += "result" in message
        devices += len(told.get("devices", []))
        if "series" in told:
            named.setdefault(told["subscription"], set()).update(one["series"] for one in told["series"])
    await link.close()
    return results, sorted(map(len, named.values())), devices


async def events():
    """How many series a stream of events names."""
    reader, writer = await asyncio.open_connection("127.0.0.1", PORT, limit=1 << 24)
    writer.write(f"GET /v1/live/events?metric=m.* HTTP/1.1\r\nHost: 127.0.0.1:{PORT}\r\n\r\n".encode())
    named = set()
    text = b""
    await reader.readuntil(b"\r\n\r\n")
    while len(named) < SERIES:
        size = int(await reader.readline(), 16)
        if size == 0:
            break
        text += (await reader.readexactly(size + 2))[:-2]
        *whole, text = text.split(b"\n\n")
        for event in whole:
            lines = dict(line.split(b": ", 1) for line in event.split(b"\n") if b": " in line)
            if lines.get(b"event") in (b"subscribed", b"series"):
                named.update(one["series"] for one in json.loads(lines[b"data"])["series"])
    writer.close()
    return len(named)


async def main():
    link = await fleet()
    closed = results = series = devices = None
    try:
        results, series, devices = await socket()
    except Exception as problem:
        closed = repr(problem)
    stream = await events()
    print(json.dumps({
        "results": results, "series": series, "devices": devices, "closed": closed, "events": stream}), flush=True)
    await link.close()


asyncio.run(main())

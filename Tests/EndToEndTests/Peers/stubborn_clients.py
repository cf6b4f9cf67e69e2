"""Clients that would keep a broker from stopping if it let them.

A device that reads nothing any more; a stream of events, a download and a WebSocket whose readers read
nothing; an upload that never ends; and readers of events and of a WebSocket that come back at once whenever
they are sent away. Writes `{"ready": true}` when all of them are there, and, once nobody listens any more,
`{"events": {…}, "socket": {…}, "retryAfter": […]}`: how often which status was answered to those that came
back, and after which times the refused were asked to come again.
"""

import asyncio
import collections
import json
import socket
import sys
import time

from websockets.asyncio.client import connect

PORT = int(sys.argv[1])
METRICS, PACKS = 1_000, 200


def say(**what):
    print(json.dumps(what), flush=True)


async def device():
    link = await connect(
        f"ws://127.0.0.1:{PORT}/v1/device?device=stubborn", subprotocols=["hawser.device.v1"], compression=None)
    await link.send(json.dumps({"jsonrpc": "2.0", "id": "1", "method": "hello", "params": {
        "agent": {"name": "stubborn", "version": "1"}, "epoch": "e", "boot": "b"}}))
    await link.recv()
    start, acked = time.time() - PACKS, 0
    for number in range(1, PACKS + 1):
        pack = [{"n": f"metric.{n}", "v": (number * 7 + n) % 1000 / 8} for n in range(METRICS)]
        pack[0]["bt"] = round(start + number, 3)
        await link.send(json.dumps({"jsonrpc": "2.0", "method": "telemetry", "params": {
            "seq": number, "lane": "live", "pack": pack}}))
        while acked < number - 20:
            acked = await ack(link, acked)
    while acked < PACKS:
        acked = await ack(link, acked)
    link.transport.pause_reading()
    return link


async def ack(link, acked):
    message = json.loads(await link.recv())
    return message["params"]["acked"][-1][1] if message.get("method") == "ack" else acked


def ask(request):
    """A connection with a small window, of whose answer nothing is read but the beginning."""
    link = socket.socket()
    link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    link.connect(("127.0.0.1", PORT))
    link.settimeout(10)
    link.sendall(request)
    return link


def get(path, *fields):
    head = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{PORT}", *fields]
    return ("\r\n".join(head) + "\r\n\r\n").encode()


UPGRADE = ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
           "Sec-WebSocket-Version: 13", "Sec-WebSocket-Protocol: hawser.live.v1"]


async def persistent(request, statuses, waits, there):
    """Asks again at once, whenever the connection ends, until nobody listens."""
    while True:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", PORT)
        except ConnectionRefusedError:
            return
        try:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            statuses[head.split()[1].decode()] += 1
            for line in head.decode().lower().split("\r\n"):
                if line.startswith("retry-after:"):
                    waits.append(int(line.split(":")[1]))
            there.set()
            # To the end of the stream, or to the Close frame.
            while (data := await reader.read(65536)) and data[0] != 0x88:
                pass
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


async def main():
    held = [await device()]
    held.append(ask(get("/v1/live/events?resolution=raw&since=-1h")))
    held.append(ask(get("/v1/history?resolution=raw&from=-1h&limit=1000000&format=csv")))
    held.append(ask(get("/v1/live", *UPGRADE)))
    text = json.dumps({"jsonrpc": "2.0", "id": "1", "method": "subscribe", "params": {
        "query": {}, "resolution": "raw", "since": "-1h"}}).encode()
    held[-1].sendall(bytes([0x81, 0x80 | 126]) + len(text).to_bytes(2, "big") + bytes(4) + text)
    held.append(ask(f"POST /v1/devices/stubborn/commands HTTP/1.1\r\nHost: 127.0.0.1:{PORT}\r\n"
                    "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{".encode()))
    for link in held[1:4]:
        assert link.recv(12), "no answer"
    events, sockets, waits = collections.Counter(), collections.Counter(), []
    there = [asyncio.Event(), asyncio.Event()]
    coming = [
        asyncio.create_task(persistent(get("/v1/live/events"), events, waits, there[0])),
        asyncio.create_task(persistent(get("/v1/live", *UPGRADE), sockets, waits, there[1])),
    ]
    for one in there:
        await one.wait()
    # Whatever the kernel takes is on its way.
    await asyncio.sleep(0.5)
    say(ready=True)
    await asyncio.gather(*coming)
    say(events=events, socket=sockets, retryAfter=sorted(set(waits)))
    # The others stay.
    await asyncio.sleep(60)
    del held


asyncio.run(main())

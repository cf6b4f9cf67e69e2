"""Devices with more than one link, independent of Hawser's own code.

    many_links.py BROKER handover   one device moves from a link to another without losing a pack
    many_links.py BROKER twins      two devices use one name and fight for it
    many_links.py BROKER advice     devices that know their path's limit, and one that does not

Writes one JSON line for each thing it learns.
"""

import asyncio
import json
import sys
import time

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed


def say(**what):
    print(json.dumps(what), flush=True)


class Link:
    """One link and everything that came over it."""

    def __init__(self, broker, device):
        self.uri = broker.replace("http://", "ws://").rstrip("/") + f"/v1/device?device={device}"
        self.acked = set()
        self.bye = None
        self.closed = None

    async def open(self, **hello):
        self.socket = await connect(self.uri, subprotocols=["hawser.device.v1"], open_timeout=10)
        self.began = time.monotonic()
        params = {"agent": {"name": "many-links", "version": "1.0"}, "boot": "b", "epoch": "e",
                  "acked": []} | hello
        await self.send(id="hello", method="hello", params=params)
        self.welcomed = asyncio.get_running_loop().create_future()
        self.reading = asyncio.create_task(self.read())
        self.welcome = await asyncio.wait_for(self.welcomed, 10)
        return self

    async def send(self, **message):
        await self.socket.send(json.dumps({"jsonrpc": "2.0"} | message))

    async def pack(self, number):
        await self.send(method="telemetry", params={
            "seq": number, "lane": "live",
            "pack": [{"n": "counter", "t": time.time(), "v": number}]})

    async def read(self):
        try:
            async for text in self.socket:
                message = json.loads(text)
                if message.get("id") == "hello":
                    self.welcomed.set_result(message.get("result"))
                elif message.get("method") == "ack":
                    for first, last in message["params"]["acked"]:
                        self.acked.update(range(first, last + 1))
                elif message.get("method") == "bye":
                    self.bye = message["params"]
        except ConnectionClosed:
            pass
        self.closed = self.socket.close_code
        self.lived = time.monotonic() - self.began
        if not self.welcomed.done():
            self.welcomed.set_result(None)


async def until(what, seconds=10):
    end = time.monotonic() + seconds
    while not what() and time.monotonic() < end:
        await asyncio.sleep(0.01)
    return what()


async def handover(broker):
    old = await Link(broker, "mover").open()
    for number in range(1, 51):
        await old.pack(number)
    await until(lambda: len(old.acked) == 50)
    new = await Link(broker, "mover").open(resume=old.welcome["session"], acked=[[1, 50]])
    moved = time.monotonic()
    # The same packs over both links at the same moment, and some that are still on their way over
    # the old one alone.
    for number in range(51, 101):
        await asyncio.gather(old.pack(number), new.pack(number))
    for number in range(101, 111):
        await old.pack(number)
    await until(lambda: new.acked == set(range(51, 111)))
    say(step="handedOver", acked=len(new.acked), oldAcked=len(old.acked),
        generations=[old.welcome["generation"], new.welcome["generation"]])
    await until(lambda: old.closed is not None)
    say(step="oldEnded", code=old.closed, seconds=time.monotonic() - moved)
    # Without its name a newer link replaces it at once, and what the older says counts no more.
    third = await Link(broker, "mover").open()
    await until(lambda: new.closed is not None)
    say(step="replaced", code=new.closed)
    await third.pack(111)
    await until(lambda: 111 in third.acked)
    await third.socket.close(1000)
    say(step="finished", acked=len(third.acked))


async def twins(broker):
    one = await Link(broker, "twin").open(boot="boot-1", epoch="spool-1")
    two = await Link(broker, "twin").open(boot="boot-2", epoch="spool-2")
    await until(lambda: one.closed is not None)
    say(step="first", code=one.closed)
    one = await Link(broker, "twin").open(boot="boot-1", epoch="spool-1")
    await until(lambda: two.closed is not None)
    # Both come back as fast as they can for a while.
    opened = refused = 0
    holder, other = one, ("boot-2", "spool-2")
    end = time.monotonic() + 3
    while time.monotonic() < end:
        link = await Link(broker, "twin").open(boot=other[0], epoch=other[1])
        if link.welcome:
            opened += 1
        else:
            refused += 1
            await until(lambda: link.closed is not None)
            last = link
    say(step="fought", opened=opened, refused=refused, code=last.closed, bye=last.bye,
        holderLives=holder.closed is None)
    # The one that has the name is a device like any other.
    await holder.pack(1)
    await until(lambda: 1 in holder.acked)
    say(step="finished", acked=len(holder.acked))
    await asyncio.sleep(60)


async def advice(broker):
    def path(**learnt):
        return {"network": "wifi 10.0.0.1", "interval": 20} | learnt

    links = []
    for number, fail in [(1, 10), (2, 12)]:
        links.append(await Link(broker, f"knows-{number}").open(
            path=path(safe=9, fail=fail),
            lastLink={"cause": "idle-cut", "lived": 100, "idle": fail, "transport": "ws"}))
    new = await Link(broker, "new").open(path=path())
    saver = await Link(broker, "saver").open(
        path={"network": "mobile 10.1.0.1", "interval": 240, "safe": 320})
    say(step="advised", new=new.welcome["heartbeat"], knows=links[0].welcome["heartbeat"],
        saver=saver.welcome["heartbeat"])
    await new.socket.close(1000)
    saver.socket.transport.abort()
    say(step="finished")
    await asyncio.sleep(60)


asyncio.run({"handover": handover, "twins": twins, "advice": advice}[sys.argv[2]](sys.argv[1]))

"""A reverse proxy that misbehaves towards WebSocket in one way; plain HTTP/1.1 passes.

strip    takes the Upgrade and Connection fields off, as a proxy does that knows only RFC 9110; with
         --seconds, for so long only
hasty    does the same, and hangs up on requests whose answer takes longer than --seconds
tunnel   is a forward proxy: takes CONNECT, to wherever, for the broker
swallow  answers the upgrade itself with 101 and then throws every frame away
lifetime cuts every connection at a given age, whatever it carries
pass     does nothing; counts as the control

One line on standard output says where it listens: {"port": N}.
"""

import argparse
import asyncio
import base64
import hashlib
import json
import time

HOP_BY_HOP = {b"connection", b"upgrade", b"keep-alive"}


async def read_head(reader):
    """The lines of a head without the empty one; None at the end of the connection."""
    try:
        raw = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    return raw[:-4].split(b"\r\n")


def field(head, name):
    for line in head[1:]:
        key, _, value = line.partition(b":")
        if key.strip().lower() == name:
            return value.strip()
    return None


async def pass_body(head, reader, writer, has_body=True):
    """Copies what belongs to a head as its fields say."""
    if (field(head, b"transfer-encoding") or b"").lower() == b"chunked":
        while True:
            size = await reader.readline()
            writer.write(size)
            count = int(size.split(b";")[0], 16)
            writer.write(await reader.readexactly(count + 2))
            await writer.drain()
            if count == 0:
                return
    count = int(field(head, b"content-length") or 0) if has_body else 0
    writer.write(await reader.readexactly(count))
    await writer.drain()


async def pipe(reader, writer):
    """Copies until the end, and hands the end on."""
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


async def swallow(head, reader, writer):
    accept = base64.b64encode(
        hashlib.sha1(
            field(head, b"sec-websocket-key") + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        ).digest()
    )
    answer = [b"HTTP/1.1 101 Switching Protocols", b"Upgrade: websocket", b"Connection: Upgrade"]
    answer.append(b"Sec-WebSocket-Accept: " + accept)
    if offered := field(head, b"sec-websocket-protocol"):
        answer.append(b"Sec-WebSocket-Protocol: " + offered.split(b",")[0].strip())
    writer.write(b"\r\n".join(answer) + b"\r\n\r\n")
    while await reader.read(65536):
        pass


class Box:
    def __init__(self, options):
        self.options = options
        self.began = time.monotonic()

    def strips(self):
        if self.options.mode == "hasty":
            return True
        age = time.monotonic() - self.began
        return self.options.mode == "strip" and not 0 < self.options.seconds < age

    async def serve(self, reader, writer):
        upstream = None
        try:
            upstream = await asyncio.open_connection("127.0.0.1", self.options.to)
            work = self.exchange(reader, writer, *upstream)
            if self.options.mode == "lifetime":
                await asyncio.wait_for(work, self.options.seconds)
            else:
                await work
        except (asyncio.TimeoutError, asyncio.IncompleteReadError, OSError):
            pass
        finally:
            writer.close()
            if upstream:
                upstream[1].close()

    async def exchange(self, reader, writer, up_reader, up_writer):
        """One request and its answer after the other, until an upgrade."""
        while head := await read_head(reader):
            if head[0].startswith(b"CONNECT ") and self.options.mode == "tunnel":
                writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
                await asyncio.gather(pipe(reader, up_writer), pipe(up_reader, writer))
                return
            upgrades = (field(head, b"upgrade") or b"").lower() == b"websocket"
            if upgrades and self.options.mode == "swallow":
                return await swallow(head, reader, writer)
            if self.strips():
                head = [
                    line for line in head if line.split(b":")[0].strip().lower() not in HOP_BY_HOP
                ]
            up_writer.write(b"\r\n".join(head) + b"\r\n\r\n")
            await pass_body(head, reader, up_writer)
            reading = read_head(up_reader)
            if self.options.mode == "hasty":
                reading = asyncio.wait_for(reading, self.options.seconds)
            answer = await reading
            if answer is None:
                return
            writer.write(b"\r\n".join(answer) + b"\r\n\r\n")
            status = int(answer[0].split()[1])
            if status == 101:
                await asyncio.gather(pipe(reader, up_writer), pipe(up_reader, writer))
                return
            await pass_body(answer, up_reader, writer, has_body=status not in (204, 304))


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("mode", choices=["strip", "hasty", "tunnel", "swallow", "lifetime", "pass"])
    parser.add_argument("--to", type=int, required=True, help="the broker's port")
    parser.add_argument("--seconds", type=float, default=0, help="see above")
    box = Box(parser.parse_args())
    server = await asyncio.start_server(box.serve, "127.0.0.1", 0)
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    async with server:
        await server.serve_forever()


asyncio.run(main())

"""The broker's end of a test network: listens in another network namespace, connects in this one.

Usage: far_end.py --namespace /proc/PID/ns/net --listen ADDRESS:PORT --to PORT
One line on standard output says that it listens: {"port": N}.
"""

import argparse
import asyncio
import ctypes
import json
import os
import socket

CLONE_NEWNET = 0x40000000


def enter(namespace):
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = os.open(namespace, os.O_RDONLY)
    try:
        if libc.setns(descriptor, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")
    finally:
        os.close(descriptor)


def listen(namespace, address, port):
    """A socket belongs for ever to the namespace that it was made in."""
    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    enter(namespace)
    listener = socket.create_server((address, port))
    enter(f"/proc/self/fd/{home}")
    os.close(home)
    return listener


async def pipe(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--namespace", required=True)
    parser.add_argument("--listen", required=True)
    parser.add_argument("--to", type=int, required=True)
    options = parser.parse_args()

    async def serve(reader, writer):
        try:
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", options.to)
        except OSError:
            writer.close()
            return
        await asyncio.gather(pipe(reader, up_writer), pipe(up_reader, writer))

    address, _, port = options.listen.rpartition(":")
    listener = listen(options.namespace, address, int(port))
    server = await asyncio.start_server(serve, sock=listener)
    print(json.dumps({"port": int(port)}), flush=True)
    async with server:
        await server.serve_forever()


asyncio.run(main())

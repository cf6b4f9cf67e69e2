"""A box between a browser and a broker that lets everything through but upgrades, as some proxies do: it
renames the field that asks for one. Writes `{"port": …}` when it is ready."""

import argparse
import asyncio
import json


async def pump(reader, writer, change=lambda part: part):
    try:
        while part := await reader.read(65536):
            writer.write(change(part))
            await writer.drain()
        writer.write_eof()
    except OSError:
        writer.close()


def without_upgrade(part):
    return part.replace(b"\r\nUpgrade: websocket", b"\r\nX-Taken-Off: websocket")


async def main(port):
    async def serve(reader, writer):
        try:
            there, here = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            return writer.close()
        await asyncio.gather(pump(reader, here, without_upgrade), pump(there, writer))
        writer.close()
        here.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    await server.serve_forever()


parser = argparse.ArgumentParser()
parser.add_argument("port", type=int)
asyncio.run(main(parser.parse_args().port))

"""The `websockets` library against `hawser echo`: as a client with `--url`, else as a server."""

import argparse
import asyncio
import ssl

from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.extensions.permessage_deflate import (
    ClientPerMessageDeflateFactory, ServerPerMessageDeflateFactory)

from interop_messages import listening, messages, pieces, report


async def drive(link):
    """Sends everything, whole and in fragments, and compares the echoes."""
    echoed = 0
    for number, message in enumerate(messages()):
        await link.send(pieces(message) if number % 2 else message)
        if number % 10 == 0:
            await (await link.ping())
        answer = await link.recv()
        assert answer == message, f"message {number}: {len(answer)} for {len(message)}"
        echoed += 1
    await link.close(1000, "done")
    deflate = link.protocol.extensions
    report(echoed, repr(deflate[0]) if deflate else None, link.close_code)


async def main(arguments):
    bits = {
        "server_max_window_bits": arguments.server_bits,
        "client_max_window_bits": arguments.client_bits,
        "server_no_context_takeover": arguments.no_server_takeover,
        "client_no_context_takeover": arguments.no_client_takeover,
    }
    options = {"max_size": None, "compression": None}
    if arguments.url:
        context = None
        if arguments.url.startswith("wss:"):
            context = ssl.create_default_context(cafile=arguments.ca)
        if arguments.client_bits is None:
            bits["client_max_window_bits"] = True
        extensions = None if arguments.no_compression else [ClientPerMessageDeflateFactory(**bits)]
        async with connect(
                arguments.url, ssl=context, extensions=extensions, **options) as link:
            await drive(link)
        return
    context = None
    if arguments.tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(arguments.tls, arguments.key)
    done = asyncio.get_running_loop().create_future()

    async def handle(link):
        try:
            await drive(link)
            done.set_result(None)
        except Exception as error:
            done.set_exception(error)

    extensions = None if arguments.no_compression else [ServerPerMessageDeflateFactory(**bits)]
    async with serve(
            handle, "127.0.0.1", 0, ssl=context, extensions=extensions, **options) as server:
        listening(server.sockets[0].getsockname()[1])
        await done


parser = argparse.ArgumentParser()
parser.add_argument("--url")
parser.add_argument("--ca")
parser.add_argument("--tls")
parser.add_argument("--key")
parser.add_argument("--no-compression", action="store_true")
parser.add_argument("--no-server-takeover", action="store_true")
parser.add_argument("--no-client-takeover", action="store_true")
parser.add_argument("--server-bits", type=int)
parser.add_argument("--client-bits", type=int)
asyncio.run(main(parser.parse_args()))

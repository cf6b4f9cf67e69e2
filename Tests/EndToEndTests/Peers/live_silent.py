"""A reader of a feed that says nothing, who reads nothing itself, not even pings, and reads on long after it was
given up. Writes one JSON line, `{"ended"}`: the close code, or how the connection ended.
"""

import argparse
import asyncio
import json

from live_slow import SocketReader


async def main(arguments):
    reader = SocketReader(arguments.port)
    await reader.open()
    await asyncio.sleep(arguments.seconds)
    try:
        while not reader.ended and await asyncio.wait_for(reader.read(), 10):
            pass
    except OSError:
        # Nobody is there any more to be answered.
        pass
    print(json.dumps({"ended": reader.ended}), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("--seconds", type=float, default=95)
    asyncio.run(main(parser.parse_args()))

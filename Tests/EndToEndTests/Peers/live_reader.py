"""A reader of the live link, independent of Hawser's own code.

Subscribes, and writes one JSON line for each thing it learns: `{"opened": …}` with the negotiated
extensions, `{"reading": {device, metric, unit, time, values}}`, `{"gap": …}`, `{"closed": …}`.
Runs until it is killed or the connection ends.
"""

import argparse
import asyncio
import json

import websockets
from websockets.asyncio.client import connect
from websockets.extensions.permessage_deflate import PerMessageDeflate


def say(**what):
    print(json.dumps(what), flush=True)


async def main(arguments):
    uri = arguments.broker.replace("http://", "ws://").rstrip("/") + "/v1/live"
    async with connect(uri, subprotocols=["hawser.live.v1"], compression="deflate") as link:
        deflate = [e for e in link.protocol.extensions if isinstance(e, PerMessageDeflate)]
        say(opened={"subprotocol": link.subprotocol, "deflate": bool(deflate)})
        params = {
            "query": {"devices": [arguments.device], "metrics": [arguments.metric]},
            "resolution": arguments.resolution,
            "functions": ["last", "mean", "min", "max"],
        }
        if arguments.since:
            params["since"] = arguments.since
        request = {"jsonrpc": "2.0", "id": "1", "method": "subscribe", "params": params}
        await link.send(json.dumps(request))
        series = {}
        try:
            async for text in link:
                message = json.loads(text)
                if "error" in message:
                    say(error=message["error"])
                content = message.get("result") or message.get("params") or {}
                for one in content.get("series", []):
                    series[one["series"]] = one
                for row in content.get("rows", []):
                    one = series[row[0]]
                    say(reading={
                        "device": one["device"], "metric": one["metric"], "unit": one["unit"],
                        "time": row[1], "values": row[2:],
                    })
                if message.get("method") == "gap":
                    say(gap=content)
        except websockets.ConnectionClosed:
            pass
        say(closed={"code": link.close_code, "reason": link.close_reason})


parser = argparse.ArgumentParser()
parser.add_argument("broker")
parser.add_argument("--device", default="*")
parser.add_argument("--metric", default="*")
parser.add_argument("--resolution", default="raw")
parser.add_argument("--since")
asyncio.run(main(parser.parse_args()))

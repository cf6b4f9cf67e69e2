"""Everything a broker says, held against what it says of itself.

Talks to a running broker in every way there is: REST with its errors, live links, streams of events, a device of its
own that ends commands in every way, an agent behind a relay, a session over HTTP, a rollout, broken requests. Every
answer and message, of either side, is held against the broker's descriptions (`descriptions.py`); what is described
and was never seen is told at the end. Writes `{"relay": PORT}`, where the agent `related` is to be connected, and
`{"faults": […], "unseen": […], "seen": COUNT}`.
"""

import argparse
import asyncio
import contextlib
import json
import os
import re
import signal
import time
import traceback

from websockets.asyncio.client import connect
from websockets.asyncio.server import serve

from described_orders import Orders
from described_peers import Device, Rest, Tap, hello, readings
from described_requests import Requests
from descriptions import AsyncAPI, OpenAPI

NOT_SEEN = [
    ("the store would have to fail, as it does in the tests of its survival",
     r"^response \w+ /(v1/(?!device[ /]|live)|readyz).* 503( .*)?$", r"/Problem/.*/storeUnavailable$", r"/Readiness/.*/conditions.*",
     r"/Readiness/properties/status/enum/(degraded|unavailable)$"),
    ("the broker would have to be stopping", r"^(response|header) get /v1/live(/events)? 503.*"),
    ("a fault of the broker itself", r"/enum/internal(Error)?$"),
    ("there is no authentication yet", r"/Error/.*/(forbidden|unauthenticated)$"),
    ("agents say it, not the broker", r"/Error/.*/notReady$"),
    ("what cannot be read has no id that could be answered: it is the reason of a close", r"/Error/.*/malformed$"),
    ("the broker would have to be too busy, or stop, or have started before", r"/LinkEndCause/enum/(overloaded|brokerSt.*|rateLimited)$"),
    ("the device is online then, over a newer link", r"/LinkEndCause/enum/(handedOver|replaced)$"),
    ("a reader would have to be slow, as in the tests of slow ones", r"/CommandChange/properties/progress$"),
    ("a thousand kinds of ends and more", r"/Links/properties/otherEnds$"),
    ("only where a command has been given up by the store", r"/RolloutPartState/enum/ordered$"),
    ("with an upgrade only, which REST has not", r"^parameter get /v1/device device$"),
]


def say(**what):
    print(json.dumps(what), flush=True)


class Driver(Requests, Orders):
    def __init__(self, arguments):
        self.arguments = arguments
        self.broker = arguments.broker.rstrip("/")
        self.ws = self.broker.replace("http", "ws", 1)
        rest, links = (self.document(name) for name in ("openapi", "asyncapi"))
        self.rest, self.links = OpenAPI(rest), AsyncAPI(links)
        self.http = Rest(self.broker, self.rest, self.links)
        self.call = self.http.call
        self.cleanup = contextlib.AsyncExitStack()
        self.tasks = []

    def document(self, name):
        if self.arguments.documents:
            with open(f"{self.arguments.documents}/{name}.json") as file:
                return json.load(file)
        return json.loads(Rest(self.broker, None, None).send("GET", f"/{name}.json")[2])

    async def device(self, name, open=False, compression="deflate", **more):
        link = await self.cleanup.enter_async_context(connect(
            f"{self.ws}/v1/device?device={name}", subprotocols=["hawser.device.v1"], compression=compression))
        device = Device(self.links, "device", link)
        self.tasks.append(asyncio.create_task(device.read()))
        device.welcome = await device.ask("hello", hello(**more), check=not open)
        self.tasks.append(asyncio.create_task(device.beat()))
        return device

    async def reader(self):
        link = await self.cleanup.enter_async_context(
            connect(f"{self.ws}/v1/live", subprotocols=["hawser.live.v1"]))
        reader = Tap(self.links, "live", link)
        self.tasks.append(asyncio.create_task(reader.read()))
        return reader

    async def run(self):
        relay = await self.cleanup.enter_async_context(serve(
            self.relay, "127.0.0.1", 0, subprotocols=["hawser.device.v1"]))
        say(relay=relay.sockets[0].getsockname()[1])
        for step in (self.devices, self.live, self.history, self.commands, self.rollouts, self.streams, self.requests,
                     self.session, self.broken, self.foreign, self.agent, self.examples, self.end):
            started = time.monotonic()
            try:
                await step()
            except Exception as error:
                self.rest.fault(f"{step.__name__} failed", value=f"{type(error).__name__}: {error}")
                if self.arguments.documents:
                    traceback.print_exc()
            say(step=step.__name__, seconds=round(time.monotonic() - started, 2))
        await self.cleanup.aclose()
        # What both documents describe is the same, so that it is seen where either shows it.
        seen = self.rest.seen | self.links.seen
        unseen = {one for document in (self.rest, self.links) for one in document.unseen()} - seen
        excused = [pattern for _, *patterns in NOT_SEEN for pattern in patterns]
        for pattern in excused:
            if not any(re.search(pattern, one) for one in unseen):
                self.rest.fault(f"{pattern} is excused, and seen")
        unseen = {one for one in unseen if not any(re.search(pattern, one) for pattern in excused)}
        say(faults=self.rest.faults + self.links.faults, unseen=sorted(unseen),
            seen=len(seen))

    async def relay(self, near):
        tap = Tap(self.links, "device", None)
        async with connect(self.ws + near.request.path, subprotocols=["hawser.device.v1"]) as far:
            async def up():
                async for text in near:
                    message = json.loads(text)
                    if "method" in message and "id" in message:
                        tap.asked[message["id"]] = tap.document.by_method("device", "receive").get(message["method"])
                    tap.document.take("device", "receive", message, tap.owed)
                    await far.send(text)

            async def down():
                async for text in far:
                    tap.take(text)
                    await near.send(text)

            ways = [asyncio.create_task(up()), asyncio.create_task(down())]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for task in ways:
                task.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    async def devices(self):
        self.driven = await self.device("driven")
        now = time.time()
        await self.driven.notify("telemetry", seq=3, lane="live", pack=readings(now - 2))
        await self.driven.notify("telemetry", seq=4, lane="backfill", pack=readings(now - 900))
        await self.driven.notify("telemetry", seq=5, pack=[{"bn": "driven/", "bt": -1, "n": "temperature", "u": "Cel", "v": 1}])
        await self.driven.wait(lambda one: one.get("method") == "ack" and one["params"]["acked"][-1][-1] >= 5, "packs")
        # Another unit, a time far ahead, another's name: the rest of the pack counts.
        for seq, record in ((6, {"n": "temperature", "u": "K"}), (7, {"n": "plain", "u": "m", "t": now + 1e6}),
                            (8, {"n": "urn:dev:mac:0024befffe804ff1:plain"})):
            await self.driven.notify("telemetry", seq=seq, pack=[{"v": 1, "t": now, **record}, {"n": "plain", "u": "m", "v": 2, "t": now}])
        for code in ("conflict", "timeInFuture", "notYourDevice"):
            await self.driven.wait(lambda one: "error" in one and one["error"]["data"]["code"] == code, f"refusal by {code}")
        await self.driven.notify("telemetry", seq=10, pack=[{"n": "plain", "u": "m", "v": 3}])
        await self.driven.ask("heartbeat", {"mono": 1.5})
        async with connect(f"{self.ws}/v1/device?device=driven", subprotocols=["hawser.device.v1"]) as link:
            spare = Tap(self.links, "device", link)
            task = asyncio.create_task(spare.read())
            await spare.ask("probe", {"silence": 1})
            await spare.ask("dance", {}, check=False)
            task.cancel()
        # Two under one name: who was replaced comes back.
        for boot in ("a", "b", "a", "b"):
            with contextlib.suppress(Exception):
                twin = await asyncio.wait_for(self.device("twin", boot=boot, epoch=boot, commands=[]), 3)
                await twin.ask("heartbeat", {"mono": 1}, patience=1)
        gone = await self.device("gone", commands=["succeed"])
        await gone.link.close()
        # Links that end in other ways.
        first = await self.device("moving", compression=None)
        await self.call("get", "/v1/devices/{id}", 200, id="moving")
        second = await self.device("moving", resume=first.welcome["result"]["session"])
        second.link.transport.abort()
        novel = await self.device("novel", open=True, commands=[
            {"name": "paint", "danger": "sticky", "params": {"colour": {"type": "colour", "optional": True}}}])
        await novel.say({"jsonrpc": "2.0", "method": "telemetry", "params": {"seq": 0}}, check=False)
        quiet = await self.device("quiet", commands=[], path={"network": "quiet"})
        quiet.beats = False

    async def live(self):
        reader = self.reader_ = await self.reader()
        await reader.ask("authenticate", {"token": "any"})
        await reader.ask("heartbeat", {"mono": 2})
        await reader.ask("heartbeat")
        await reader.ask("watchDevices")
        await reader.ask("watchDevices", {})
        windows = (await reader.ask("subscribe", {
            "query": {"devices": ["driven"], "metrics": ["temperature", "pl*"], "labels": {"site": "l?b"}},
            "resolution": "1s", "functions": ["first", "last", "count", "sum", "min", "max", "mean", "stddev", "p50",
                                              "p90", "p95", "p99"],
            "since": "-20m", "maxRate": 10}))["result"]
        for resolution in ("raw", "10s", "1m", "10m", "1h", "1d"):
            await reader.ask("subscribe", {"query": {"devices": ["driven"]}, "resolution": resolution, "since": time.time() - 1800})
        await reader.ask("subscribe", {"query": {"metrics": ["temperature"]}, "groupBy": ["site", "rack"], "functions": ["mean"]})
        await reader.ask("subscribe", {"groupBy": []})
        await reader.ask("subscribe", {"query": {"devices": ["driven"]}, "since": windows["cursor"]})
        await reader.ask("subscribe", {"query": {"devices": ["driven"]}, "functions": ["sum"], "since": "999999-1"})
        await reader.wait(lambda one: one.get("method") == "gap", "an unknown cursor")
        await self.driven.notify("gap", **{"from": 9, "to": 9, "reason": "spool full"})
        await reader.wait(lambda one: one.get("method") == "gap" and "packs" in one["params"], "lost packs")
        await reader.wait(lambda one: one.get("method") == "update" and one["params"]["rows"], "rows")
        await self.driven.notify("telemetry", seq=11, pack=[{"n": "temperature", "u": "Cel", "v": 5, "t": time.time() - 600}])
        await reader.wait(lambda one: one.get("method") == "update" and one["params"].get("amends"), "late data")
        await self.driven.notify("telemetry", seq=12, pack=[{"n": "fresh", "u": "m", "v": 5}])
        await reader.wait(lambda one: one.get("method") == "series", "a new series")
        await reader.ask("unsubscribe", {"subscription": windows["subscription"]})
        for method, params in [
                ("unsubscribe", {"subscription": "f999"}), ("subscribe", {"resolution": "2s"}), ("dance", {}),
                ("subscribe", {"since": "yesterday"}), ("subscribe", {"resolution": "raw", "groupBy": ["site"]}),
                ("watchCommand", {"command": "none"}), ("sendCommand", {"device": "driven", "name": "dance"})]:
            answer = await reader.ask(method, params, check=False)
            if "error" not in answer:
                self.links.fault(f"{method} {params} is not refused", value=str(answer))
        answers = [await reader.ask("subscribe", {"query": {"devices": [f"none-{number}"]}}) for number in range(64)]
        if answers[-1].get("error", {}).get("data", {}).get("limit") != 64:
            self.links.fault("65 subscriptions", value=str(answers[-1]))
        third = await self.device("third", commands=[])
        await third.link.close()
        await self.call("delete", "/v1/devices/{id}", 204, id="moving")
        await reader.wait(lambda one: one.get("method") == "presence" and one["params"].get("forgotten"), "a device forgotten")
        revoked = await self.device("revoked", commands=[])
        await self.call("delete", "/v1/devices/{id}", 204, id="revoked")
        await reader.wait(lambda one: one.get("method") == "presence" and one["params"].get("cause") == "revoked", "a device revoked")
        await reader.wait(lambda one: one.get("method") == "presence" and one["params"]["state"] == "offline", "a device gone")

    async def agent(self):
        """The agent behind the relay tells its readings, and takes a command."""
        end = time.monotonic() + 15
        while time.monotonic() < end:
            status, _, body = await asyncio.to_thread(self.http.send, "GET", "/v1/devices/related/abilities")
            if status == 200 and json.loads(body)["commands"]:
                break
            await asyncio.sleep(0.1)
        found = await self.call("get", "/v1/devices/{id}/abilities", 200, id="related")
        names = [one["name"] for one in found["commands"]]
        if "readNow" in names:
            command = (await self.call("post", "/v1/devices/{id}/commands", 202, body={"name": "readNow"}, id="related"))["command"]
            await self.ended(command, "succeeded")

    async def examples(self):
        """The documents are whole, and what they give as examples is right."""
        for document in (self.rest, self.links):
            document.check_references()
        for name, message in self.links.components["messages"].items():
            if not message.get("examples"):
                self.links.fault(f"{name} has no example")
            for example in message.get("examples", []):
                problems = self.links.problems(example["payload"], message["payload"], f"/components/messages/{name}/payload")
                if problems:
                    self.links.fault(f"an example of {name}", problems=problems)
        for path, method, one in self.rest.operations():
            for parameter in self.rest.parameters(path, method):
                if "example" in parameter:
                    self.rest_example(f"{method} {path} {parameter['name']}", parameter["example"], parameter["schema"])
            for kind, body in one.get("requestBody", {}).get("content", {}).items():
                for example in [body["example"]] if "example" in body else [one["value"] for one in body.get("examples", {}).values()]:
                    self.rest_example(f"{method} {path} {kind}", example, body["schema"])
        # Streams of events and `subscribe` take the same.
        given = {one["name"] for one in self.rest.parameters("/v1/live/events", "get")}
        params = self.links.message("subscribe")["payload"]["properties"]["params"]["properties"]
        query = {"devices": "device", "metrics": "metric", "labels": "label"}
        wanted = {query[name] for name in self.links.components["schemas"]["Query"]["properties"]} | params.keys() - {"query"}
        if given != wanted | {"watch", "Last-Event-ID", "Accept-Encoding"}:
            self.rest.fault("streams of events and subscriptions do not take the same", value=str(given ^ wanted))
        for name in self.rest.components["schemas"].keys() & self.links.components["schemas"].keys():
            if self.rest.components["schemas"][name] != self.links.components["schemas"][name]:
                self.rest.fault(f"{name} is not the same in both documents")

    def rest_example(self, what, value, schema):
        problems = self.rest.problems(value, schema, f"example {what}")
        if problems:
            self.rest.fault(f"the example of {what}", problems=problems)

    async def end(self):
        """More of everything than there may be, and the broker's end."""
        await (await self.device("lazy", commands=["succeed"])).link.close()
        reader = await self.reader()
        for number in range(1000):
            await reader.say({"jsonrpc": "2.0", "id": f"o{number}", "method": "sendCommand", "params": {"device": "lazy", "name": "succeed"}})
        await reader.wait(lambda one: one.get("id") == "o999", "a thousand orders")
        await self.call("post", "/v1/devices/{id}/commands", 429, body={"name": "succeed"}, id="lazy")
        wide = await self.device("wide", commands=[])
        for seq in (3, 4, 5):
            await wide.notify("telemetry", seq=seq, pack=[{"n": f"m{seq}.{number}", "u": "m", "v": 1} for number in range(4000)])
        await wide.wait(lambda one: one.get("method") == "ack" and one["params"]["acked"][-1][-1] == 5, "many series")
        await self.call("get", "/v1/history", 422, {"device": "wide"})
        if "error" not in await reader.ask("subscribe", {"query": {"devices": ["wide"]}}):
            self.links.fault("a subscription to 12000 series")
        device = await self.device("last", commands=[])
        upgrade = "GET /v1/device?device=a HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\r\n"
        session = ("POST /v1/device/session?device=a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                   "Content-Length: 2\r\n\r\n{}")
        for method, path, text in (("get", "/v1/device", upgrade), ("post", "/v1/device/session", session)):
            refused = None
            for _ in range(20):
                answers = await asyncio.gather(*[asyncio.to_thread(self.exchange, text) for _ in range(20)])
                refused = next((one for one in answers if one.startswith(b"HTTP/1.1 503 ")), refused)
            self.judge(refused or b"", 503, "overloaded", text, path, method)
        if self.arguments.broker_pid:
            os.kill(self.arguments.broker_pid, signal.SIGTERM)
            await device.wait(lambda one: one.get("method") == "bye", "bye")


parser = argparse.ArgumentParser()
parser.add_argument("broker")
parser.add_argument("--broker-pid", type=int)
parser.add_argument("--documents", help="a folder of documents to check instead of those served")
asyncio.run(Driver(parser.parse_args()).run())

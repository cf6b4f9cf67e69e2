"""A stranger who sends a broker what no sane client sends: every request has something at or beyond an edge.

Numbers near the ends of what 64 bits hold, not-a-number, times of other ages, texts that are no UTF-8,
lists without end, JSON of the wrong shape; over REST, server-sent events, the live link and the device
link. From a seed, so that what is found can be found again.

Every request has to be answered in time, and with the caller's fault or with success: never 5xx, never
an internal error, never JSON that is none. Every few hundred requests a device of good manners has to
get its acks and a dashboard its subscription. What does not hold is one JSON line, `{"broken": …}`; the
last is `{"finished": {…}}`.
"""

import argparse
import asyncio
import contextlib
import http.client
import json
import time
import urllib.parse
import zlib

import websockets
from websockets.asyncio.client import connect

from stranger_words import Chance, Raw, text_of

PATIENCE = 20
"""How long an answer may take, in seconds: a debug build on a busy machine."""

def say(**what):
    print(json.dumps(what), flush=True)


def strict(text):
    def refuse(word):
        raise ValueError(f"{word} is no JSON")

    return json.loads(text, parse_constant=refuse)


@contextlib.asynccontextmanager
async def opened(address, subprotocol):
    link = await connect(
        address, subprotocols=[subprotocol], max_size=None, ping_interval=None, close_timeout=5)
    try:
        yield link
    finally:
        # What the library throws where the other side has reset the connection already.
        with contextlib.suppress(AttributeError):
            await link.close()


SERIES = ["device", "metric", "label", "limit", "cursor"]
HISTORY = SERIES + ["from", "to", "resolution", "points", "functions", "groupBy", "format"]
READS = [
    ("/v1/history", HISTORY, 8), ("/v1/series", SERIES, 2),
    ("/v1/devices", ["device", "label", "state", "limit", "cursor"], 2),
    ("/v1/links", ["from", "to", "network", "device", "limit", "cursor"], 2),
    ("/v1/audit", ["from", "to", "device", "command", "rollout", "limit", "cursor", "format"], 2),
    ("/v1/commands", ["device", "state", "rollout", "limit", "cursor"], 2),
    ("/v1/rollouts", ["limit", "cursor"], 1), ("/v1/devices/{}", [], 1),
    ("/v1/devices/{}/commands", ["state", "rollout", "limit", "cursor"], 1),
    ("/v1/devices/{}/abilities", [], 1), ("/v1/commands/{}", ["wait", "after"], 2),
    ("/v1/rollouts/{}", [], 1), ("/v1/rollouts/{}/devices", ["limit", "cursor"], 1),
    ("/healthz", [], 1), ("/readyz", [], 1), ("/metrics", [], 1), ("/openapi.json", [], 1),
    ("/v1/device/session/{}/down", [], 1), ("/{}", [], 1), ("/v1/device", ["device"], 1),
    ("/v1/live", [], 1),
]
EVENTS = [
    "device", "metric", "label", "resolution", "functions", "groupBy", "maxRate", "since", "watch",
]
ORDER = {"name": "blink", "params": {"seconds": 1}, "ttl": 5}
WRITES = [
    ("PATCH", "/v1/devices/{}", {"labels": {"site": "a", "room": None}}, 3),
    ("POST", "/v1/devices/{}/commands", ORDER, 3),
    ("POST", "/v1/rollouts", {
        **ORDER, "to": {"labels": {"site": "nowhere"}, "devices": ["nobody*"]}, "concurrency": 3,
        "wave": 2, "pause": 1, "maxFailureRate": 0.5}, 3),
    ("POST", "/v1/rollouts/{}/pause", {}, 1), ("POST", "/v1/rollouts/{}/resume", {}, 1),
    ("DELETE", "/v1/rollouts/{}", None, 1), ("DELETE", "/v1/commands/{}", None, 1),
    ("DELETE", "/v1/devices/nobody-{}", None, 1),
    ("POST", "/v1/device/session/{}/up", {"jsonrpc": "2.0", "method": "x"}, 1),
    ("POST", "/v1/device/session?device=odd-{}", None, 2),
]
HELLO = {
    "agent": {"name": "stranger", "version": "1"}, "boot": "b", "epoch": "e", "acked": [[1, 5]],
    "clock": {"wall": 1.7e9, "mono": 12.5, "synced": True}, "labels": {"site": "a"},
    "profile": {"name": "p", "version": "1", "metrics": ["t"], "commands": [
        {"name": "blink", "params": {"seconds": {"type": "number", "min": 0, "max": 10}}}]},
    "lastLink": {"cause": "reset", "lived": 4.5, "idle": 1, "closeCode": 1006, "transport": "ws"},
    "path": {"network": "n", "interval": 20, "survived": 60, "cut": 100},
}
SUBSCRIBE = {
    "query": {"devices": ["edge"], "metrics": ["*"], "labels": {"site": "*"}}, "resolution": "1s",
    "functions": ["last", "p90"], "groupBy": ["site"], "since": "-1m", "maxRate": 2,
}
LIVE = [
    ("subscribe", SUBSCRIBE, 8), ("unsubscribe", {"subscription": "1"}, 2), ("watchDevices", {}, 1),
    ("heartbeat", {"mono": 5}, 1), ("authenticate", {"token": "t"}, 1),
    ("sendCommand", {"device": "odd", **ORDER}, 2), ("watchCommand", {"command": "c"}, 1),
    ("cancelCommand", {"command": "c"}, 1), ("nothing", {"a": 1}, 1),
]


def weighted(chance, table):
    return chance.choices(table, [row[-1] for row in table])[0]


class Stranger:
    def __init__(self, arguments):
        self.chance = Chance(arguments.seed)
        self.host = urllib.parse.urlsplit(arguments.broker).netloc
        self.count = arguments.count
        self.connection = None
        self.counts = {}
        self.pack = 0

    def broken(self, what, **more):
        say(broken={"what": what, **{key: str(value)[:600] for key, value in more.items()}})

    def counted(self, kind):
        self.counts[kind] = self.counts.get(kind, 0) + 1

    # -- REST

    def ask(self, method, path, body=None, headers=None):
        if self.connection is None:
            self.connection = http.client.HTTPConnection(self.host, timeout=PATIENCE)
        connection = self.connection
        connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in (headers or {}).items():
            connection.putheader(name, value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        text = answer.read()
        if answer.headers.get("Content-Encoding"):
            # gzip or zlib, whichever its head says.
            text = zlib.decompress(text, wbits=47)
        if answer.will_close:
            connection.close()
            self.connection = None
        return answer.status, answer.headers, text

    def fill(self, path):
        if "{}" not in path:
            return path
        name = self.chance.choice(["odd", "edge", "1", self.chance.text()])
        return path.replace("{}", urllib.parse.quote(name, safe="%*:,"))

    def rest(self):
        chance = self.chance
        headers = {}
        if chance.random() < 0.7:
            path, names, _ = weighted(chance, READS)
            # A device whose session it is may hold a request for long; nobody has this one.
            path = self.fill(path) + chance.query(names)
            method = chance.choices(["GET", "HEAD", "POST", "OPTIONS", "PUT"], [20, 2, 1, 1, 1])[0]
            body = None
            if chance.random() < 0.2:
                headers["Accept"] = chance.choice(["text/csv", "*/*;q=nan", "a/b", ",;,", "application/*"])
            if chance.random() < 0.1:
                headers["Accept-Encoding"] = chance.choice(["gzip", "gzip;q=1e999", "deflate, *;q=0"])
            if chance.random() < 0.1:
                headers["If-None-Match"] = chance.choice(['"x"', "*", '"' * 50])
        else:
            method, path, content, _ = weighted(chance, WRITES)
            path = self.fill(path)
            if "session?" in path:
                content = {"jsonrpc": "2.0", "id": "h", "method": "hello", "params": HELLO}
            spoilt = text_of(chance.spoilt(content)).encode("utf-8", "surrogatepass")
            if chance.random() < 0.1:
                spoilt = spoilt[:chance.randrange(len(spoilt) + 1)]
            body = spoilt if content is not None or chance.random() < 0.3 else None
            headers["Content-Type"] = chance.choice(["application/json"] * 8 + ["text/plain", "x"])
            if chance.random() < 0.3:
                headers["Idempotency-Key"] = chance.choice(["k", "x" * 300, '"k"'])
        self.check(method, path, body, headers)

    def check(self, method, path, body, headers):
        request = {"method": method, "path": path, "body": body, "headers": headers}
        try:
            status, fields, text = self.ask(method, path, body, headers)
        except (http.client.RemoteDisconnected, ConnectionError):
            # A connection that was closed after an answer before: once more over a new one.
            self.connection = None
            try:
                status, fields, text = self.ask(method, path, body, headers)
            except (OSError, http.client.HTTPException) as error:
                self.connection = None
                return self.broken("no answer", error=repr(error), **request)
        except (OSError, http.client.HTTPException, zlib.error) as error:
            self.connection = None
            return self.broken("no answer", error=repr(error), **request)
        self.counted(status)
        turned_away = status == 503 and "Retry-After" in fields
        if status >= 500 and not turned_away:
            return self.broken("its own fault", status=status, answer=text, **request)
        kind = fields.get("Content-Type", "")
        if "json" not in kind or "ndjson" in kind or not text:
            # A head that is too long is refused before anybody knows what it asks for.
            if status >= 400 and method != "HEAD" and len(path) < 8_000:
                self.broken("a refusal that says nothing", status=status, answer=text, **request)
            return None
        try:
            content = strict(text)
        except ValueError as error:
            return self.broken("no JSON", error=error, answer=text[-200:], **request)
        if status >= 400 and (not content.get("code") or not content.get("detail")):
            self.broken("a problem without code or detail", answer=text, **request)
        return None

    # -- Server-sent events

    def events(self):
        path = "/v1/live/events" + self.chance.query(EVENTS)
        headers = {}
        if self.chance.random() < 0.3:
            headers["Last-Event-ID"] = self.chance.cursor()
        connection = http.client.HTTPConnection(self.host, timeout=PATIENCE)
        try:
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            text = answer.read1(65_536)
            self.counted(f"events {answer.status}")
            if answer.status >= 500 or not text:
                self.broken("events", status=answer.status, path=path, headers=headers, answer=text)
        except (OSError, http.client.HTTPException) as error:
            self.broken("no events", path=path, headers=headers, error=repr(error))
        finally:
            connection.close()

    # -- The live link

    async def live(self, requests):
        """So many requests over one link, or until it is closed."""
        chance = self.chance
        async with opened(f"ws://{self.host}/v1/live", "hawser.live.v1") as link:
            for number in range(requests):
                method, params, _ = weighted(chance, LIVE)
                params = chance.spoilt(params)
                if method == "subscribe" and chance.random() < 0.4:
                    params["since"] = chance.choice([chance.cursor(), chance.raw()])
                content = {"jsonrpc": "2.0", "id": f"r{number}", "method": method, "params": params}
                if chance.random() < 0.1:
                    content = chance.spoilt(content)
                text = text_of(content).encode("utf-8", "surrogatepass").decode("utf-8", "replace")
                try:
                    await asyncio.wait_for(link.send(text), PATIENCE)
                    async with asyncio.timeout(PATIENCE):
                        answer = await self.answer(link, content)
                except AttributeError:
                    # What the library throws where the other side has reset the connection.
                    return self.counted("live reset")
                except TimeoutError:
                    return self.broken("a request without an answer", request=text)
                except websockets.ConnectionClosed:
                    self.counted(f"live {link.close_code}")
                    # What is too long may be cut before the reason is read.
                    known = (1003, 1007, 1008, 1009, 4002, 4006)
                    if link.close_code not in known and len(text) < 1 << 20:
                        self.broken("closed", code=link.close_code, request=text)
                    return None
                if answer:
                    self.counted(f"live {answer}")
                    if answer == -32603:
                        self.broken("an internal error", request=text)
        return None

    async def answer(self, link, content):
        """Reads until the answer to a request has come; what its error's code is, or `done`."""
        wanted = content.get("id")
        if not isinstance(wanted, str) or not isinstance(content.get("method"), str):
            return None
        while True:
            message = strict(await link.recv())
            if message.get("id") in (wanted, None) and ("result" in message or "error" in message):
                return message["error"]["code"] if "error" in message else "done"

    # -- The device link

    def records(self):
        chance = self.chance
        kinds = [
            lambda: {"v": chance.raw()}, lambda: {"vs": chance.value()}, lambda: {"vb": True},
            lambda: {"vd": chance.text()}, lambda: {"s": chance.raw()},
            lambda: {"v": Raw(chance.choice(["1.7e308", "-1.7e308", "5e-324", "0", "-0.0", "1e17"]))},
        ]
        base = {}
        if chance.random() < 0.3:
            base = {"bn": chance.choice(["edge/", "odd-", "x/"]), "bt": chance.raw()}
        if chance.random() < 0.1:
            base |= {"bv": chance.raw(), "bs": chance.raw(), "bver": chance.raw()}
        records = [base] if base else []
        for _ in range(chance.choice([1, 4, 40])):
            record = {"n": chance.choice(["t", "big", "text", "t2"]), **chance.choice(kinds)()}
            pick = chance.random()
            if pick < 0.4:
                record["t"] = chance.raw()
            elif pick < 0.7:
                record["t"] = time.time() - chance.choice([0, 1, 60, 1e5, 1e9])
            if chance.random() < 0.1:
                record["u"] = chance.choice(["Cel", "degF", "", "x" * 99])
            if chance.random() < 0.05:
                record["ut"] = chance.raw()
            records.append(record)
        return records

    async def device(self, messages):
        """A device that says so much, or until its link is closed."""
        chance = self.chance
        name = chance.choice(["edge", "odd"])
        try:
            address = f"ws://{self.host}/v1/device?device={name}"
            async with opened(address, "hawser.device.v1") as link:
                hello = HELLO if chance.random() < 0.6 else chance.spoilt(HELLO)
                hello = {**hello, "epoch": f"e{chance.randrange(10**9)}", "boot": "b"}
                await link.send(text_of({
                    "jsonrpc": "2.0", "id": "h", "method": "hello", "params": hello}))
                async with asyncio.timeout(PATIENCE):
                    await link.recv()
                for number in range(1, messages + 1):
                    content = chance.choice([
                        {"method": "telemetry", "params": {
                            "seq": number, "lane": "live", "pack": self.records()}},
                        {"method": "gap", "params": {
                            "from": number, "to": chance.raw(), "reason": "spool full"}},
                        {"id": "b", "method": "heartbeat", "params": {"mono": chance.raw()}},
                        {"id": "f", "method": "commandFinished", "params": {
                            "command": "c", "outcome": "failed", "exitCode": chance.raw()}},
                    ])
                    if chance.random() < 0.1:
                        content = chance.spoilt(content)
                    await asyncio.wait_for(
                        link.send(text_of({"jsonrpc": "2.0", **content})), PATIENCE)
                await asyncio.sleep(0.05)
        except AttributeError:
            # What the library throws where the other side has reset the connection.
            self.counted("device reset")
        except websockets.ConnectionClosed as closed:
            self.counted(f"device {closed.rcvd.code if closed.rcvd else 'cut'}")
            if closed.rcvd is None:
                self.broken("a device link was cut")
        except websockets.InvalidStatus as error:
            self.counted(f"device {error.response.status_code}")
        except TimeoutError:
            self.broken("a device link takes nothing")

    # -- Whoever has manners

    async def manners(self):
        """A device gets its acks and a dashboard what it asks for, whatever has gone before."""
        self.pack += 1
        address = f"ws://{self.host}/v1/device?device=good-{self.pack}"
        try:
            async with asyncio.timeout(PATIENCE):
                async with opened(address, "hawser.device.v1") as device, opened(
                    f"ws://{self.host}/v1/live", "hawser.live.v1"
                ) as live:
                    await live.send(json.dumps({
                        "jsonrpc": "2.0", "id": "s", "method": "subscribe", "params": {
                            "query": {"devices": [f"good-{self.pack}"]}, "resolution": "raw"}}))
                    await device.send(json.dumps({
                        "jsonrpc": "2.0", "id": "h", "method": "hello", "params": {
                            "agent": {"name": "good", "version": "1"}, "boot": "b",
                            "epoch": str(time.time()), "acked": []}}))
                    await device.recv()
                    await device.send(json.dumps({
                        "jsonrpc": "2.0", "method": "telemetry", "params": {
                            "seq": 1, "lane": "live", "pack": [{"n": "t", "v": 21.5}]}}))
                    while json.loads(await device.recv()).get("method") != "ack":
                        pass
                    while "rows" not in (json.loads(await live.recv()).get("params") or {}):
                        pass
        except (TimeoutError, OSError, websockets.WebSocketException) as error:
            self.broken("nobody else is served", error=repr(error))
            return False
        return True

    async def run(self):
        chance = self.chance
        await self.device(30)
        for number in range(self.count):
            if number % 200 == 0 and not await self.manners():
                break
            pick = chance.random()
            if pick < 0.8:
                # Not in this loop's time: but nothing else is to happen meanwhile.
                self.rest()
            elif pick < 0.86:
                self.events()
            elif pick < 0.95:
                await self.live(8)
            else:
                await self.device(20)
        await self.manners()
        say(finished={str(key): count for key, count in sorted(self.counts.items(), key=str)})


parser = argparse.ArgumentParser()
parser.add_argument("broker")
parser.add_argument("--seed", type=int, default=1)
parser.add_argument("--count", type=int, default=1000)
asyncio.run(Stranger(parser.parse_args()).run())

"""Who talks to a broker so that its descriptions can be checked: requests, links, and a device."""

import asyncio
import contextlib
import http.client
import json
import time
import urllib.parse

from websockets.exceptions import ConnectionClosed

from descriptions import is_json


class Rest:
    """Requests, each of which is held against its operation."""

    def __init__(self, broker, document, links):
        self.address = urllib.parse.urlsplit(broker)
        self.document = document
        self.links = links

    def send(self, method, target, headers={}, body=None):
        connection = http.client.HTTPConnection(self.address.hostname, self.address.port, timeout=30)
        try:
            connection.request(method, target, body, headers)
            answer = connection.getresponse()
            headers = {k.lower(): v for k, v in answer.getheaders()}
            # A stream does not end.
            isStream = headers.get("content-type") == "text/event-stream"
            return answer.status, headers, b"" if isStream else answer.read()
        finally:
            connection.close()

    async def call(self, method, path, expected, query={}, headers={}, body=None, kind="application/json", **parts):
        """Asks, checks the answer, and answers with its JSON or text."""
        target = path
        for name, value in parts.items():
            target = target.replace("{%s}" % name, urllib.parse.quote(value, safe=""))
        if query:
            target += "?" + urllib.parse.urlencode(query)
        headers = dict(headers)
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        if body is not None:
            headers.setdefault("Content-Type", kind)
        status, got, content = await asyncio.to_thread(self.send, method.upper(), target, headers, body)
        text = content.decode()
        value = json.loads(text) if is_json(got.get("content-type", "")) and text else None
        what = f"{method} {target}"
        if status != expected:
            self.document.fault(f"{what}: {status} instead of {expected}", value=text[:300])
        self.document.answered(method, path, status, got, text, value)
        if status < 400:
            self.accepted(method, path, query, headers, parts, body)
        if got.get("content-type") == "application/x-ndjson":
            self.lines(path, text)
        return value if value is not None else text

    def accepted(self, method, path, query, headers, parts, body):
        """Notes what a request said that was taken, and holds it against its schema."""
        document = self.document
        given = {**query, **parts, **headers}
        for parameter in document.parameters(path, method):
            if parameter["name"] in given:
                document.seen.add(f"parameter {method} {path} {parameter['name']}")
                value = given[parameter["name"]]
                schema, place = document.resolve(parameter["schema"])
                if schema.get("type") in ("integer", "number"):
                    value = json.loads(str(value))
                document.check(f"{method} {path}: parameter {parameter['name']}", value, schema,
                               place or f"/parameters/{method}/{path}/{parameter['name']}")
        content = document.root["paths"][path][method].get("requestBody", {}).get("content", {})
        kind = headers.get("Content-Type")
        if kind in content:
            document.seen.add(f"body {method} {path} {kind}")
            if is_json(kind):
                document.check(f"{method} {path}: body", json.loads(body), content[kind]["schema"],
                               f"/paths/{path.replace('/', '~1')}/{method}/requestBody/{kind.replace('/', '~1')}")

    def lines(self, path, text):
        for line in text.splitlines():
            message = json.loads(line)
            if path.startswith("/v1/audit"):
                self.document.check("a line of the audit", message, {"$ref": "#/components/schemas/AuditEntry"}, "line")
            else:
                channel = "deviceSession" if message.get("method") == "closed" else "device"
                self.links.take(channel, "send", message, {"hello": "hello"})


class Tap:
    """One WebSocket: what is said on it, either way, is checked."""

    def __init__(self, document, channel, link):
        self.document, self.channel, self.link = document, channel, link
        self.told = []
        self.asked, self.owed = {}, {}
        self.count = 0

    async def notify(self, method, **params):
        await self.say({"jsonrpc": "2.0", "method": method, "params": params})

    async def say(self, message, check=True):
        if "method" in message and "id" in message:
            name = self.document.by_method(self.channel, "receive").get(message["method"])
            if name:
                self.asked[message["id"]] = name
        if check:
            self.document.take(self.channel, "receive", message, self.owed)
        await self.link.send(json.dumps(message))

    async def ask(self, method, params=None, check=True, patience=10):
        self.count += 1
        request = f"r{self.count}"
        message = {"jsonrpc": "2.0", "id": request, "method": method}
        if params is not None:
            message["params"] = params
        await self.say(message, check)
        return await self.wait(lambda one: one.get("id") == request and "method" not in one, method, patience)

    def take(self, text):
        message = json.loads(text)
        if "method" in message and "id" in message:
            self.owed[message["id"]] = message["method"]
        self.document.take(self.channel, "send", message, self.asked)
        self.told.append(message)
        return message

    async def read(self):
        with contextlib.suppress(ConnectionClosed):
            async for text in self.link:
                message = self.take(text)
                await self.react(message)

    async def react(self, message):
        pass

    async def wait(self, fits, what, patience=10):
        end = time.monotonic() + patience
        while time.monotonic() < end:
            for message in self.told:
                if fits(message):
                    return message
            await asyncio.sleep(0.02)
        self.document.fault(f"{self.channel}: nothing came of {what}", value=str(self.told[-3:])[:500])
        return {}


PARAMETERS = {
    "seconds": {"type": "number", "text": "How long.", "unit": "s", "min": 0, "max": 60, "default": 0.4},
    "times": {"type": "integer", "optional": True},
    "hard": {"type": "boolean", "default": False},
    "mode": {"type": "string", "values": ["a", "b"], "maxBytes": 16, "default": "a"},
}
COMMANDS = [
    "succeed", "fail", "reject", "expire", "forget", "refuse", "accept", {"name": "cut", "danger": "none"},
    {"name": "slow", "text": "Takes its time.", "idempotent": True, "danger": "disruptive", "timeout": 20,
     "params": PARAMETERS},
    {"name": "mute", "timeout": 0.1, "danger": "dangerous"},
]
ANSWERS = {
    "succeed": {"state": "finished", "outcome": "succeeded", "exitCode": 0, "output": "done", "outputBytes": 4},
    "fail": {"state": "finished", "outcome": "failed", "exitCode": 3, "reason": "it always does"},
    "reject": {"state": "rejected", "reason": "not today"},
    "expire": {"state": "finished", "outcome": "expired"},
    "forget": {"state": "finished", "outcome": "unknown"},
}


class Device(Tap):
    """Carries out commands as their names say."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.tasks = {}
        self.beats = True

    async def beat(self):
        with contextlib.suppress(ConnectionClosed):
            while self.beats:
                await asyncio.sleep(1)
                await self.ask("heartbeat", {"mono": time.monotonic()})

    async def react(self, message):
        method, params = message.get("method"), message.get("params", {})
        if method == "command":
            name = params["name"]
            if name in ANSWERS:
                await self.answer(message, ANSWERS[name])
            elif name == "slow":
                await self.answer(message, {"state": "accepted"})
                self.tasks[params["command"]] = asyncio.create_task(self.slowly(params))
            elif name == "accept":
                await self.answer(message, {"state": "accepted"})
            elif name == "cut":
                if params["attempt"] == 1:
                    return self.link.transport.abort()
                await self.answer(message, {"state": "running"})
                await self.finished(params["command"], outcome="rejected")
            elif name == "refuse":
                await self.say({"jsonrpc": "2.0", "id": message["id"], "error": {
                    "code": -32000, "message": "no", "data": {"code": "busy"}}})
        elif method == "cancelCommand":
            if task := self.tasks.pop(params["command"], None):
                task.cancel()
            await self.answer(message, {"state": "running"})
            await self.finished(params["command"], outcome="cancelled", reason="stopped")

    async def answer(self, message, result):
        await self.say({"jsonrpc": "2.0", "id": message["id"], "result": result})

    async def slowly(self, params):
        command = params["command"]
        for step in range(4):
            await self.notify("commandProgress", command=command, percent=step * 25, text=f"step {step}",
                              output=f"{step}\n")
            await asyncio.sleep(params["params"]["seconds"] / 4)
        await self.finished(command, outcome="succeeded", exitCode=0, output="0123", outputBytes=4)

    async def finished(self, command, **how):
        self.count += 1
        await self.say({"jsonrpc": "2.0", "id": f"f{self.count}", "method": "commandFinished",
                        "params": {"command": command, **how}})


def hello(boot="boot-1", epoch="epoch-1", commands=COMMANDS, **more):
    return {
        "agent": {"name": "described", "version": "1.0"}, "boot": boot, "epoch": epoch, "acked": [[1, 2]],
        "clock": {"wall": time.time(), "mono": time.monotonic(), "synced": True},
        "profile": {"name": "all", "version": "1", "metrics": ["plain", {"name": "temperature", "unit": "Cel"}],
                    "commands": commands, "commandsAtOnce": 2},
        "labels": {"site": "lab", "role": "pump"},
        "lastLink": {"cause": "idle-cut", "lived": 60.5, "idle": 30, "closeCode": 1006, "transport": "ws",
                     "proxy": "squid"},
        "path": {"network": "wifi 192.0.2.1", "safe": 20, "fail": 60, "life": 3600, "interval": 20}, **more}


def readings(at):
    return [{"bn": "driven/", "bt": at, "bu": "Cel", "bver": 10, "bv": 0, "bs": 0, "n": "temperature", "v": 20.5, "ut": 5},
            {"n": "energy", "u": "J", "s": 5},
            {"n": "temperature", "v": 21, "t": 1}, {"n": "plain", "u": "m", "v": 1},
            {"n": "driven/word", "bn": "", "vs": "hello"}, {"bn": "driven/", "n": "bytes", "vd": "aGVsbG8"},
            {"n": "open", "vb": True}]

"""Requests of every kind, those among them that are refused, and those that are none."""

import asyncio
import contextlib
import http.client
import json
import re
import socket
import time
import urllib.parse
import zlib

from described_peers import hello


class Requests:
    async def history(self):
        base = {"device": "driven", "from": "-20m"}
        page = await self.call("get", "/v1/history", 200, {**base, "to": "-1s", "metric": "*", "label": "site:lab", "limit": 2, "resolution": "raw", "format": "json"})
        await self.call("get", "/v1/history", 200, {**base, "resolution": "raw", "limit": 2, "cursor": page["next"]})
        for resolution in ("raw", "1s", "10s", "1m", "10m", "1h", "1d"):
            await self.call("get", "/v1/history", 200, {**base, "resolution": resolution})
        await self.call("get", "/v1/history", 200, {**base, "points": 50, "functions": "first,last,count,sum,min,max,mean,stddev,p50,p90,p95,p99"})
        await self.call("get", "/v1/history", 200, {**base, "groupBy": "site,rack"})
        await self.call("get", "/v1/history", 200, {**base, "resolution": "raw", "limit": 1}, {"Accept": "text/csv"})
        await self.call("get", "/v1/history", 200, {**base, "resolution": "raw"}, {"Accept": "application/senml+json"})
        await self.call("get", "/v1/history", 200, {**base, "format": "senml", "functions": "mean,count"})
        await self.call("get", "/v1/history", 406, base, {"Accept": "text/html"})
        for wrong in ({"limt": 1}, {"limit": 0}, {"functions": "mode"}, {"cursor": "x"}, {"from": "yesterday"},
                      {"device": ""}, {"device": "a,,b"}, {"label": "site"}, {"to": "2026-02-30T00:00:00Z"}):
            await self.call("get", "/v1/history", 400, wrong)
        for wrong in ({"from": "-1m", "to": "-2m"}, {"points": 5, "resolution": "1s"}, {"groupBy": "site", "resolution": "raw"},
                      {"groupBy": "site", "format": "senml"}):
            await self.call("get", "/v1/history", 422, wrong)

    async def streams(self):
        wanted = {"device": "driven", "metric": "*", "label": "site:lab", "resolution": "1s", "functions": "last,mean",
                  "maxRate": 20, "since": "-20m", "watch": "series,devices"}
        cursor = await self.stream(wanted, {"Accept-Encoding": "gzip"}, {"subscribed", "devices", "update"})
        await self.stream({"device": "driven", "groupBy": "site"}, {"Last-Event-ID": cursor}, {"subscribed"})
        await self.stream({"device": "driven", "resolution": "raw", "since": "999999-1"}, {}, {"subscribed", "gap"})
        for wrong in ({"watch": "weather"}, {"maxRate": 0}, {"maxRate": 0.001}, {"device": ""}, {"metrics": "x"}, {"since": "x"},
                      {"functions": "last,"}, {"resolution": "2s"}):
            await self.call("get", "/v1/live/events", 400, wrong)
        await self.call("get", "/v1/live/events", 422, {"resolution": "raw", "groupBy": "site"})

    async def stream(self, query, headers, wanted):
        """Reads events until those wanted have come; the last id."""
        return await asyncio.to_thread(self.read_stream, query, headers, set(wanted))

    def read_stream(self, query, headers, wanted):
        path = "/v1/live/events"
        connection = http.client.HTTPConnection(self.http.address.hostname, self.http.address.port, timeout=10)
        connection.request("GET", path + "?" + urllib.parse.urlencode(query), headers=headers)
        answer = connection.getresponse()
        got = {k.lower(): v for k, v in answer.getheaders()}
        self.rest.answered("get", path, answer.status, got, "text")
        self.http.accepted("get", path, query, headers, {}, None)
        last, event, ends = None, None, time.monotonic() + 10
        inflater = zlib.decompressobj(31) if "content-encoding" in got else None
        text = b""
        while wanted and time.monotonic() < ends:
            line, found, rest = text.partition(b"\n")
            if not found:
                more = answer.read1(65536)
                text += inflater.decompress(more) if inflater else more
                continue
            text = rest
            field, _, value = line.decode().partition(": ")
            if field == "id":
                last = value
            elif field == "event":
                event = value
            elif field == "data":
                name = {"commandState": "commandChanged"}.get(event, event)
                payload = self.links.message(name)["payload"]["properties"]
                part = next(one for one in ("result", "params", "error") if one in payload)
                self.links.check(f"event {event}", json.loads(value), payload[part],
                                 f"/components/messages/{name}/payload/properties/{part}")
                wanted.discard(event)
        if wanted:
            self.links.fault(f"no events {wanted}", value=str(query))
        connection.close()
        return last

    async def requests(self):
        for path in ("/v1/devices", "/v1/series", "/openapi.json", "/asyncapi.json"):
            _, headers, _ = self.http.send("GET", path)
            await self.call("get", path, 200)
            await self.call("get", path, 304, headers={"If-None-Match": headers["etag"]})
            await self.call("get", path, 400, {"colour": "red"})
        page = await self.call("get", "/v1/devices", 200, {"limit": 1, "label": "site:lab", "state": "online", "device": "*"})
        await self.call("get", "/v1/devices", 200, {"cursor": page["next"]})
        await self.call("get", "/v1/devices/{id}", 200, id="driven")
        await self.call("get", "/v1/devices/{id}", 200, id="gone")
        await self.call("get", "/v1/devices/{id}", 200, id="twin")
        for kind in ("application/merge-patch+json", "application/json"):
            await self.call("patch", "/v1/devices/{id}", 200, body={"labels": {"shelf": "a", "rack": None}}, kind=kind, id="driven")
        await self.call("get", "/v1/devices/{id}", 200, id="driven")
        await self.call("patch", "/v1/devices/{id}", 400, body={"labels": {"shelf": 5}}, id="driven")
        await self.call("patch", "/v1/devices/{id}", 413, body=" " * (100 << 10), id="driven")
        await self.call("patch", "/v1/devices/{id}", 415, body={"labels": {}}, kind="text/plain", id="driven")
        await self.call("patch", "/v1/devices/{id}", 404, body={"labels": {}}, id="nobody")
        page = await self.call("get", "/v1/series", 200, {"limit": 1, "device": "driven", "metric": "*", "label": "site:*"})
        await self.call("get", "/v1/series", 200, {"cursor": page["next"]})
        page = await self.call("get", "/v1/links", 200, {"from": "-1h", "to": "-0s", "network": "*", "device": "*", "limit": 1})
        await self.call("get", "/v1/links", 200, {"cursor": page["next"]})
        await self.call("get", "/v1/links", 422, {"from": "-1m", "to": "-2m"})
        for path in ("/healthz", "/readyz", "/metrics"):
            await self.call("get", path, 200)
        for path in ("/v1/live", "/v1/device"):
            await self.call("get", path, 426)
        # What names nothing, and what is asked too much.
        for path, method, one in list(self.rest.operations()):
            parts = {name: "nobody" for name in ("id", "session") if "{%s}" % name in path}
            body = {"labels": {}} if method == "patch" else "{}" if method == "post" and "session" in path else None
            if "404" in one["responses"] and (method != "post" or not path.endswith("/commands")):
                await self.call(method, path, 404, body=body, **parts)
            if path.startswith("/v1/") and path not in ("/v1/live", "/v1/device") and "400" in one["responses"]:
                await self.call(method, path, 400, {"colour": "red"}, body=body, **parts)
        await self.call("delete", "/v1/devices/{id}", 204, id="gone")

    async def session(self):
        path, kind = "/v1/device/session", "application/x-ndjson"
        first = json.dumps({"jsonrpc": "2.0", "id": "hello", "method": "hello", "params": hello(commands=[])})
        opened = json.loads(await self.call("post", path, 200, {"device": "held"}, body=first + "\n", kind=kind))
        session = opened["result"]["session"]
        beat = json.dumps({"jsonrpc": "2.0", "id": "b", "method": "telemetry", "params": {"seq": 3, "pack": [{"n": "plain", "u": "m", "v": 1}]}})
        await self.call("post", path + "/{session}/up", 200, body=beat + "\n", kind=kind, session=session)
        await self.call("get", "/v1/devices/{id}", 200, id="held")
        held = asyncio.create_task(self.call("get", path + "/{session}/down", 200, session=session))
        await asyncio.sleep(0.2)
        again = json.loads(await self.call("post", path, 200, {"device": "held"}, body=first, kind=kind))
        await held
        session = again["result"]["session"]
        held = asyncio.create_task(self.call("get", path + "/{session}/down", 204, session=session))
        await asyncio.sleep(0.2)
        # A newer one ends it.
        newer = asyncio.create_task(self.call("get", path + "/{session}/down", 404, session=session))
        await held
        await self.call("delete", path + "/{session}", 204, session=session)
        await newer
        await self.call("post", path, 400, {"device": "held"}, body="{", kind=kind)
        await self.call("post", path, 413, {"device": "held"}, body=" " * (300 << 10), kind=kind)
        third = json.loads(await self.call("post", path, 200, {"device": "held"}, body=first, kind=kind))["result"]["session"]
        await self.call("post", path + "/{session}/up", 413, body=" " * (300 << 10), kind=kind, session=third)
        await self.call("post", path + "/{session}/up", 400, body="{", kind=kind, session=third)

    async def broken(self):
        """Requests that are none, and no handshakes."""
        host = "Host: 127.0.0.1"
        shake = [host, "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
                 "Sec-WebSocket-Version: 13"]
        long = [f"A{number}: " + "a" * 1000 for number in range(40)]
        good = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
        for status, code, lines, path in [
                (400, "malformedRequest", ["\x16\x03\x01 what is this"], None),
                (400, "malformedRequest", ["FOO /healthz HTTP/1.1", host], None),
                (400, "malformedRequest", ["GET /healthz HTTP/3.7", host], None),
                (400, "malformedRequest", ["GET /healthz HTTP/1.1"], None),
                (400, "malformedRequest", ["GET /healthz HTTP/1.1", host, host], None),
                (400, "malformedRequest", ["GET /healthz HTTP/1.1", host, "Content-Length: many"], None),
                (400, "malformedRequest", [good + "what is this"], None),
                (400, "malformedRequest", ["POST /v1/rollouts HTTP/1.1", host, "Transfer-Encoding: chunked", "", "no size"], None),
                (431, "headTooLarge", ["GET /v1/live HTTP/1.1", host, *long], "/v1/live"),
                (431, "headTooLarge", ["GET /v1/device?device=a HTTP/1.1", host, *long], "/v1/device"),
                (431, "headTooLarge", [good + "GET /healthz HTTP/1.1", host, *long], None),
                (404, "notFound", ["GET /nowhere HTTP/1.1", host], None),
                (405, "methodNotAllowed", ["PUT /v1/devices HTTP/1.1", host], None),
                (405, "methodNotAllowed", ["POST /v1/live HTTP/1.1", *shake], None),
                (400, "badHandshake", ["GET /v1/live HTTP/1.0", *shake], "/v1/live"),
                (400, "badHandshake", ["GET /v1/live HTTP/1.1", *shake, "Sec-WebSocket-Extensions: a; ="], "/v1/live"),
                (400, "badHandshake", ["GET /v1/device?device=a HTTP/1.1", *shake], "/v1/device"),
                (400, "invalidParameter", ["GET /v1/device HTTP/1.1", *shake], "/v1/device"),
                (426, "upgradeRequired", ["GET /v1/live HTTP/1.1", *shake[:-1], "Sec-WebSocket-Version: 8"], "/v1/live"),
                (403, "forbiddenOrigin", ["GET /v1/live HTTP/1.1", *shake, "Origin: http://evil.example"], "/v1/live"),
                (403, "forbiddenOrigin", ["GET /v1/device?device=a HTTP/1.1", "Host: evil.example", *shake[1:]], "/v1/device")]:
            await self.raw(status, code, "\r\n".join(lines) + "\r\n\r\n", path)
        for path in ("/v1/live", "/v1/device"):
            await self.raw(408, "requestTimeout", f"GET {path} HTTP/1.1\r\nHost: localhost\r\n", path)

    async def raw(self, status, code, text, path):
        """Bytes as they are, the last answer to which is a problem with a code."""
        self.judge(await asyncio.to_thread(self.exchange, text), status, code, text, path)

    def judge(self, answer, status, code, text, path, method="get"):
        """Checks that the last of an exchange's answers is a problem with a code."""
        answer = answer.decode() or "HTTP/1.1 000 \r\n"
        *_, last = re.finditer(r"(?:^|(?<=}))HTTP/1\.1 (?=[0-9]{3} )", answer)
        head, _, body = answer[last.end():].partition("\r\n\r\n")
        what = repr(text[:80])
        fields = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:])
        if not head.startswith(str(status)) or "problem+json" not in fields.get("content-type", ""):
            return self.rest.fault(f"{what}: no problem {status}", value=answer[:300])
        problem = json.loads(body)
        if problem["code"] != code or problem["status"] != status:
            self.rest.fault(f"{what}: no problem {code}", value=body)
        if path:
            self.rest.answered(method, path, status, fields, body, problem)
        else:
            self.rest.check(what, problem, {"$ref": "#/components/schemas/Problem"}, "raw")

    def exchange(self, text):
        with socket.create_connection((self.http.address.hostname, self.http.address.port), timeout=5) as link:
            link.sendall(text.encode("latin-1"))
            answer = b""
            with contextlib.suppress(TimeoutError, ConnectionError):
                while part := link.recv(65536):
                    answer += part
                    if b"problem+json" in answer and answer.endswith(b"}"):
                        break
            return answer

    async def foreign(self):
        """No page of another origin, and no other host's name, gets anything."""
        for path, method, _ in list(self.rest.operations()):
            for headers in ({"Host": "evil.example"}, {"Origin": "http://evil.example"}):
                await self.call(method, path, 403, headers=headers)

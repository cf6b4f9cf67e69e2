"""A client of the live link that knows nothing but what `/asyncapi.json` says.

Where to connect, which subprotocol to offer, what requests look like and what may come back are all taken from
the document; every message is checked against its schema. Writes `{"opened"}`, `{"told": NAME, …}` for
messages, and at the end `{"report": {"told": {NAME: count}, "invalid": […], "accepted", "refused",
"notRefused": […]}}`.
"""

import argparse
import asyncio
import collections
import json
import urllib.request

import jsonschema
from websockets.asyncio.client import connect


class Document:
    def __init__(self, broker):
        with urllib.request.urlopen(broker.rstrip("/") + "/asyncapi.json", timeout=10) as answer:
            self.root = json.load(answer)
        self.channel = self.root["channels"]["live"]
        self.validators = {}
        for name in self.channel["messages"]:
            message = self.resolve(self.channel["messages"][name])
            self.validators[name] = jsonschema.Draft202012Validator(
                {**message["payload"], "components": self.root["components"]})

    def resolve(self, node):
        while "$ref" in node:
            found = self.root
            for part in node["$ref"].removeprefix("#/").split("/"):
                found = found[part]
            node = found
        return node

    def message(self, name):
        return self.resolve(self.channel["messages"][name])

    def names(self, action):
        names = []
        for operation in self.root["operations"].values():
            if operation["action"] == action and operation["channel"]["$ref"] == "#/channels/live":
                names += [message["$ref"].split("/")[-1] for message in operation["messages"]]
        return names

    def replies(self, name):
        for operation in self.root["operations"].values():
            if any(message["$ref"].endswith(f"live/messages/{name}") for message in operation["messages"]):
                return [message["$ref"].split("/")[-1] for message in operation["reply"]["messages"]]
        return []

    def problems(self, name, message):
        return [f"{'/'.join(map(str, error.path))}: {error.message[:200]}"
                for error in self.validators[name].iter_errors(message)]


def variants(document, schema):
    """Params that the schema allows, and ones that it does not, with the field that is wrong."""
    schema = document.resolve(schema)
    properties = schema.get("properties", {})
    good, bad = [{}] if not schema.get("required") else [], []
    for name, part in properties.items():
        part = document.resolve(part)
        for value in values(document, part):
            good.append({name: value})
        kinds = {part.get("type")} | {document.resolve(one).get("type") for one in part.get("anyOf", [])}
        for value in (7, "§", [], {}, True, ["§"], {"§": []}):
            if not jsonschema.Draft202012Validator(
                    {**part, "components": document.root["components"]}).is_valid(value) and kinds != {None}:
                bad.append((name, {name: value}))
    return good, bad


def values(document, part):
    part = document.resolve(part)
    if "enum" in part:
        return part["enum"]
    if part.get("type") == "array":
        inner = values(document, part["items"])
        return [[], inner[:1], inner[:part.get("maxItems", 3)]] if inner else [[]]
    if part.get("type") == "object":
        return [{}] + [{name: value} for name, inner in part.get("properties", {}).items()
                       for value in values(document, inner)[:2]]
    if part.get("type") in ("number", "integer"):
        return [max(part.get("minimum", 0), 0.5) if part["type"] == "number" else 1]
    if "anyOf" in part:
        return ["-1m"]
    return ["x"]


async def main(arguments):
    document = Document(arguments.broker)
    binding = document.channel["bindings"]["ws"]["headers"]["properties"]
    uri = arguments.broker.replace("http", "ws", 1).rstrip("/") + document.channel["address"]
    report = {"told": collections.Counter(), "invalid": [], "accepted": 0, "refused": 0, "notRefused": []}
    async with connect(uri, subprotocols=[binding["Sec-WebSocket-Protocol"]["const"]]) as link:
        print(json.dumps({"opened": link.subprotocol}), flush=True)
        waiting, names, count = {}, {}, 0
        told = document.names("send")
        by_method = {document.message(name)["payload"]["properties"]["method"]["const"]: name for name in told}

        def take(text):
            message = json.loads(text)
            if "method" in message:
                kinds = [by_method.get(message["method"], "?")]
            else:
                kinds = [kind for kind in waiting.pop(message.get("id"), ([], None))[0]
                         if ("error" in message) == (kind == "refused")]
            kind = kinds[0] if kinds else "?"
            report["told"][kind] += 1
            problems = document.problems(kind, message) if kind in document.validators else ["unknown"]
            if problems:
                report["invalid"].append({"kind": kind, "problems": problems[:3], "message": text[:300]})
            for one in (message.get("params") or message.get("result") or {}).get("series", []):
                names[one["series"]] = one
            if kind == "update":
                for row in message["params"]["rows"]:
                    one = names[row[0]]
                    print(json.dumps({"told": kind, "device": one.get("device"), "metric": one["metric"],
                                      "time": row[1], "values": row[2:]}), flush=True)
            return message

        async def ask(name, params, check=True):
            nonlocal count
            count += 1
            method = document.message(name)["payload"]["properties"]["method"]["const"]
            request = {"jsonrpc": "2.0", "id": str(count), "method": method, "params": params}
            if check and document.problems(name, request):
                report["invalid"].append({"kind": name, "problems": document.problems(name, request)})
            waiting[str(count)] = (document.replies(name), None)
            await link.send(json.dumps(request))
            while True:
                message = take(await asyncio.wait_for(link.recv(), 10))
                if message.get("id") == request["id"]:
                    return message

        for name in document.names("receive"):
            if "commandView" in document.replies(name):
                # Needs a device that can be ordered about, and an effect on it.
                continue
            schema = document.message(name)["payload"]["properties"]["params"]
            good, bad = variants(document, schema)
            for field, params in bad:
                example = document.message(name).get("examples", [{}])[0].get("payload", {}).get("params", {})
                answer = await ask(name, {**example, **params}, check=False)
                if "error" not in answer:
                    report["notRefused"].append([name, params])
                    if "subscription" in answer["result"]:
                        await ask("unsubscribe", {"subscription": answer["result"]["subscription"]})
                elif not (answer["error"].get("data") or {}).get("field", "").startswith(f"params.{field}"):
                    report["notRefused"].append([name, params, answer["error"]])
                else:
                    report["refused"] += 1
            if name == "unsubscribe":
                continue
            for params in good:
                answer = await ask(name, params)
                if "result" not in answer:
                    report["invalid"].append({"kind": name, "params": params, "error": answer["error"]})
                    continue
                report["accepted"] += 1
                if "subscription" in answer["result"]:
                    await ask("unsubscribe", {"subscription": answer["result"]["subscription"]})
        await ask("subscribe", {
            "query": {"devices": [arguments.device]}, "resolution": "raw", "since": "-1m"})
        end = asyncio.get_event_loop().time() + arguments.seconds
        while (left := end - asyncio.get_event_loop().time()) > 0:
            try:
                take(await asyncio.wait_for(link.recv(), left))
            except asyncio.TimeoutError:
                break
    print(json.dumps({"report": report}), flush=True)


parser = argparse.ArgumentParser()
parser.add_argument("broker")
parser.add_argument("--device", default="*")
parser.add_argument("--seconds", type=float, default=4)
asyncio.run(main(parser.parse_args()))

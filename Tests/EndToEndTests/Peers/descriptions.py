"""The broker's descriptions as checks: of what it says against them, and of them against what it says.

The documents leave objects open, as members may be added. Here each object that lists its members is closed, and each
list of known words is all that there are (`closed`): so what is said and not described is found. And what is
described is noted when it is seen, so that what is described and never said is found too (`Description.unseen`).
"""

import jsonschema


def is_json(kind):
    """Whether a media type is one of JSON."""
    kind = kind.split(";")[0]
    return kind == "application/json" or kind.endswith("+json")


def closed(node):
    """A schema, or anything made of schemas, in which every object that lists properties has no others."""
    if isinstance(node, list):
        return [closed(one) for one in node]
    if not isinstance(node, dict):
        return node
    result = {key: value if key in ("enum", "const", "examples", "example", "default") else closed(value)
              for key, value in node.items()}
    if isinstance(node.get("properties"), dict) and node.get("type") == "object":
        result["unevaluatedProperties"] = False
    if "x-extensible-enum" in node:
        result["enum"] = node["x-extensible-enum"]
    return result


class Description:
    def __init__(self, root):
        self.root = root
        self.components = root["components"]
        self.tight = closed(self.components)
        self.validators = {}
        self.seen = set()
        self.faults = []

    def resolve(self, node, place=""):
        """What a node says, and where that stands."""
        while "$ref" in node:
            place = node["$ref"].removeprefix("#")
            found = self.root
            for part in place.split("/")[1:]:
                found = found[part.replace("~1", "/").replace("~0", "~")]
            node = found
        return node, place

    def check_references(self):
        """Everything that is referred to is there, and everything that can be is referred to."""
        used, waiting = set(), [self.root]
        while waiting:
            node = waiting.pop()
            waiting += node.values() if isinstance(node, dict) else node if isinstance(node, list) else []
            if isinstance(node, dict) and isinstance(node.get("$ref"), str):
                used.add(node["$ref"])
                try:
                    self.resolve(node)
                except KeyError:
                    self.fault("a reference leads nowhere", value=node["$ref"])
        for kind, parts in self.components.items():
            for name in parts:
                if f"#/components/{kind}/{name}" not in used:
                    self.fault("nothing refers to a component", value=f"{kind}/{name}")

    def validator(self, schema, place, open=False):
        key = (place, open)
        if key not in self.validators:
            self.validators[key] = jsonschema.Draft202012Validator(
                {**schema, "components": self.components} if open else {**closed(schema), "components": self.tight})
        return self.validators[key]

    def problems(self, value, schema, place, open=False):
        return [f"{'/'.join(map(str, error.path))}: {error.message[:300]}"
                for error in self.validator(schema, place, open).iter_errors(value)]

    def check(self, what, value, schema, place, open=False):
        """Holds a value against a schema, and notes what of the schema it shows."""
        problems = self.problems(value, schema, place, open)
        if problems:
            self.fault(what, problems=problems[:3], value=str(value)[:600])
        self.note(value, schema, place)
        return not problems

    def fault(self, what, **more):
        self.faults.append({"what": what, **more})

    def note(self, value, schema, place):
        schema, place = self.resolve(schema, place)
        for kind in ("anyOf", "oneOf", "allOf"):
            for index, one in enumerate(schema.get(kind, [])):
                inner = f"{place}/{kind}/{index}"
                if self.validator(one, inner).is_valid(value):
                    self.note(value, one, inner)
        if isinstance(value, dict):
            properties = schema.get("properties", {})
            for name, inner in properties.items():
                if name in value:
                    self.seen.add(f"{place}/properties/{name}")
                    self.note(value[name], inner, f"{place}/properties/{name}")
            if isinstance(schema.get("additionalProperties"), dict):
                for name in value.keys() - properties.keys():
                    self.note(value[name], schema["additionalProperties"], f"{place}/additionalProperties")
        if isinstance(value, list):
            first = schema.get("prefixItems", [])
            for index, one in enumerate(value[:len(first)]):
                self.note(one, first[index], f"{place}/prefixItems/{index}")
            if isinstance(schema.get("items"), dict):
                for one in value[len(first):]:
                    self.note(one, schema["items"], f"{place}/items")
        for kind, words in (("enum", schema.get("enum")), ("enum", schema.get("x-extensible-enum"))):
            if words and value in words:
                self.seen.add(f"{place}/{kind}/{value}")

    def described(self, schema, place, found, visited):
        """Every property and word that a schema describes."""
        schema, place = self.resolve(schema, place)
        if place in visited:
            return
        visited.add(place)
        for kind in ("anyOf", "oneOf", "allOf"):
            for index, one in enumerate(schema.get(kind, [])):
                self.described(one, f"{place}/{kind}/{index}", found, visited)
        for name, inner in schema.get("properties", {}).items():
            if schema.get("type") == "object":
                found.add(f"{place}/properties/{name}")
            self.described(inner, f"{place}/properties/{name}", found, visited)
        for index, inner in enumerate(schema.get("prefixItems", [])):
            self.described(inner, f"{place}/prefixItems/{index}", found, visited)
        for kind in ("items", "additionalProperties"):
            if isinstance(schema.get(kind), dict):
                self.described(schema[kind], f"{place}/{kind}", found, visited)
        for word in schema.get("enum") or schema.get("x-extensible-enum") or []:
            found.add(f"{place}/enum/{word}")

    def unseen(self):
        found, visited = set(), set()
        for schema, place in self.everything():
            self.described(schema, place, found, visited)
        return sorted((found | self.marks()) - self.seen)


class AsyncAPI(Description):
    """Messages are named as in `components.messages`."""

    def channel(self, name):
        return self.root["channels"][name]

    def message(self, name):
        return self.components["messages"][name]

    def everything(self):
        for channel in self.root["channels"].values():
            for name in channel["messages"]:
                yield self.message(name)["payload"], f"/components/messages/{name}/payload"

    def marks(self):
        return {f"message {channel} {name}" for channel, one in self.root["channels"].items() for name in one["messages"]}

    def operations(self, channel, action):
        return [one for one in self.root["operations"].values()
                if one["action"] == action and one["channel"]["$ref"] == f"#/channels/{channel}"]

    @staticmethod
    def names(messages):
        return [one["$ref"].split("/")[-1] for one in messages]

    def replies(self, channel, request):
        for one in self.root["operations"].values():
            if one["channel"]["$ref"] == f"#/channels/{channel}" and request in self.names(one["messages"]):
                return self.names(one.get("reply", {"messages": []})["messages"])
        return []

    def by_method(self, channel, action):
        names = [name for one in self.operations(channel, action) for name in self.names(one["messages"])]
        return {self.message(name)["payload"]["properties"]["method"]["const"]: name
                for name in names if "method" in self.message(name)["payload"]["properties"]}

    def take(self, channel, action, message, asked, open=False):
        """Checks one message of a link; `asked` are requests' names by id, of the other side. Its name, or None."""
        if "method" in message:
            name = self.by_method(channel, action).get(message["method"])
        else:
            replies = self.replies(channel, asked.get(message.get("id"))) or ["refused"]
            fitting = [one for one in replies if (one == "refused") == ("error" in message)]
            name = fitting[0] if fitting else None
        if name is None or name not in self.channel(channel)["messages"]:
            self.fault(f"a message of {channel} is not described", value=str(message)[:400])
            return None
        self.seen.add(f"message {channel} {name}")
        self.check(f"{channel}: {name}", message, self.message(name)["payload"],
                   f"/components/messages/{name}/payload", open)
        return name


class OpenAPI(Description):
    # What HTTP itself says of every answer (RFC 9110, RFC 9112) needs no words here.
    GENERAL = {"content-type", "content-encoding", "content-length", "transfer-encoding", "connection", "date", "cache-control", "vary",
               "trailer", "server"}

    def everything(self):
        for path, method, one in self.operations():
            place = f"/paths/{path.replace('/', '~1')}/{method}"
            for kind, body in one.get("requestBody", {}).get("content", {}).items():
                yield body["schema"], f"{place}/requestBody/{kind.replace('/', '~1')}"
            for status, response in one["responses"].items():
                response, where = self.resolve(response, f"{place}/responses/{status}")
                for kind, body in response.get("content", {}).items():
                    yield body["schema"], f"{where}/content/{kind.replace('/', '~1')}/schema"

    def operations(self):
        for path, item in self.root["paths"].items():
            for method, one in item.items():
                if method != "parameters":
                    yield path, method, one

    def parameters(self, path, method):
        item = self.root["paths"][path]
        return [self.resolve(one)[0] for one in item.get("parameters", []) + item[method].get("parameters", [])]

    def marks(self):
        marks = set()
        for path, method, one in self.operations():
            for parameter in self.parameters(path, method):
                marks.add(f"parameter {method} {path} {parameter['name']}")
            for kind in one.get("requestBody", {}).get("content", {}):
                marks.add(f"body {method} {path} {kind}")
            for status, response in one["responses"].items():
                response, _ = self.resolve(response)
                marks.add(f"response {method} {path} {status}")
                for kind in response.get("content", {}):
                    marks.add(f"response {method} {path} {status} {kind}")
                for name in response.get("headers", {}):
                    marks.add(f"header {method} {path} {status} {name}")
        return marks

    def answered(self, method, path, status, headers, body, value=None):
        """Checks one answer; `value` is its body where that is JSON."""
        what = f"{method} {path} {status}"
        one = self.root["paths"][path][method]
        if str(status) not in one["responses"]:
            return self.fault(f"{what} is not described", value=str(body)[:300])
        response, place = self.resolve(
            one["responses"][str(status)], f"/paths/{path.replace('/', '~1')}/{method}/responses/{status}")
        self.seen.add(f"response {what}")
        for name, value_ in headers.items():
            known = {key.lower(): key for key in response.get("headers", {})}
            if name not in known:
                if name not in self.GENERAL:
                    self.fault(f"{what}: header {name} is not described", value=value_)
                continue
            self.seen.add(f"header {what} {known[name]}")
            header, where = self.resolve(response["headers"][known[name]], f"{place}/headers/{known[name]}")
            schema = header["schema"]
            self.check(f"{what}: header {name}", int(value_) if schema.get("type") == "integer" else value_, schema, where)
        for name, header in response.get("headers", {}).items():
            if self.resolve(header)[0].get("required") and name.lower() not in headers:
                self.fault(f"{what}: no header {name}")
        kind = headers.get("content-type", "").split(";")[0]
        content = response.get("content", {})
        if not content:
            if body:
                self.fault(f"{what}: a body that is not described", value=str(body)[:300])
            return None
        if kind not in content:
            return self.fault(f"{what}: {kind} is not described", value=str(body)[:300])
        self.seen.add(f"response {what} {kind}")
        self.check(what, value if is_json(kind) else body, content[kind]["schema"],
                   f"{place}/content/{kind.replace('/', '~1')}/schema")
        return None

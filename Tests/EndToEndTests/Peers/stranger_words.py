"""What a stranger may say: numbers, times, texts and JSON at or beyond an edge, drawn from a seed."""

import json
import math
import random
import re
import time
import urllib.parse

EDGES = [
    "0", "1", "-1", "-0", "2", "9", "60", "1000", "100000", "9007199254740991", "9007199254740993",
    "2147483647", "2147483648", "-2147483648", "4294967296", "9223372036854775807",
    "9223372036854775806", "-9223372036854775808", "-9223372036854775807", "9223372036854775808",
    "18446744073709551615", "18446744073709551616", "253402300799", "253402300800", "-62167219201",
    "9223372036854", "9223372036854.775807", "1e5", "1e18", "1e19", "1e308", "-1e308", "1e400",
    "1e-320", "0.0000001", "NaN", "nan", "inf", "-inf", "0x10", "1_000", "+1", " 1", "1.", ".5",
]
# Those that JSON has.
JSON_EDGES = [
    edge for edge in EDGES
    if re.fullmatch(r"-?(0|[1-9]\d*)(\.\d+)?(e[+-]?\d+)?", edge) and math.isfinite(float(edge))
]
TIMES = [
    "-10m", "-1h", "-0s", "-1e300d", "-1e18s", "-99999999999999999999d", "-nand", "-infs", "--1s",
    "1970-01-01T00:00:00Z", "0000-01-01T00:00:00+23:59", "0000-01-01T00:00:00Z",
    "9999-12-31T23:59:60.999999999-23:59", "2026-02-30T00:00:00Z", "2026-01-31T12:00:00.5Z", "now",
]
TEXTS = [
    "", "*", "?", "a", "odd", "edge", "edge/*", "**************************a", "%00", "%", "%zz",
    "%ff%fe", "%F0%9F%92%A9", "..", "../../etc", "a%2Fb", ",", ",,,,", ":", "a:", ":b", "a:b:c",
    "'; DROP TABLE window; --", "null", "true", "x" * 300, "x" * 3000, "%e2%80%a8", "%1b[2J",
]
RESOLUTIONS = ["raw", "1s", "10s", "1m", "10m", "1h", "1d"]
FUNCTIONS = [
    "first", "last", "count", "sum", "min", "max", "mean", "stddev", "p50", "p90", "p95", "p99",
]


class Chance(random.Random):
    def number(self):
        return self.choice(EDGES) if self.random() < 0.8 else str(self.randint(-(2**70), 2**70))

    def raw(self):
        """A number in JSON, only rarely one that JSON does not have."""
        return Raw(self.number() if self.random() < 0.02 else self.choice(JSON_EDGES))

    def cursor(self):
        separator, count = self.choice(
            [("_", 6), ("_", 6), ("_", 5), ("_", 7), ("-", 2), ("-", 3), ("-", 4), ("-", 4), ("-", 5)])
        now = int(time.time() * 1e6)
        parts = [
            self.choice([self.number(), "0", "1", "3", str(now), str(now - 5_000_000), str(2**63 - 1)])
            for _ in range(count)
        ]
        return separator.join(parts)

    def text(self):
        pick = self.random()
        if pick < 0.6:
            return self.choice(TEXTS)
        if pick < 0.7:
            return ",".join(self.choice(TEXTS[:12]) for _ in range(self.choice([2, 300, 2000])))
        if pick < 0.8:
            return urllib.parse.quote(bytes(self.randrange(256) for _ in range(self.randrange(20))))
        return self.choice([self.number, self.time, self.cursor])()

    def time(self):
        pick = self.random()
        if pick < 0.4:
            return self.choice(TIMES)
        if pick < 0.6:
            return f"-{self.number()}{self.choice('smhdx')}"
        return self.number() if pick < 0.9 else str(time.time() + self.choice([-1e9, -60, 0, 60, 1e9]))

    def functions(self):
        count = self.choice([1, 2, 12, 13, 500])
        return ",".join(self.choice(FUNCTIONS + ["p999"] * (self.random() < 0.1)) for _ in range(count))

    def word(self, name):
        """Something for a parameter: mostly of its own kind, at times of any."""
        if self.random() < 0.1:
            return self.text()
        kinds = {
            "from": self.time, "to": self.time, "since": lambda: self.choice([self.time, self.cursor])(),
            "cursor": self.cursor, "after": self.cursor, "functions": self.functions,
            "resolution": lambda: self.choice(RESOLUTIONS),
            "limit": self.number, "points": self.number, "maxRate": self.number,
            "wait": lambda: self.choice(["0", "-1", "26", "1e0", "9223372036854775808"]),
            "label": lambda: self.choice(["site:a", "site:*", ":", "a", ",".join(["k:v"] * 400)]),
            "groupBy": lambda: self.choice(["", "site", "site,site", ",".join(map(str, range(99)))]),
            "format": lambda: self.choice(["json", "csv", "senml", "ndjson"]),
            "state": lambda: self.choice(["online", "offline", "queued", "failed"]),
            "watch": lambda: self.choice(["series", "devices", "series,devices"]),
            "device": lambda: self.choice(["edge", "odd", "*", "e*,o*"]),
            "metric": lambda: self.choice(["*", "t*", "big", "text", "none"]),
        }
        return kinds.get(name, self.text)()

    def query(self, names):
        pairs = []
        for name in names:
            if self.random() < 0.4:
                pairs.append((name, self.word(name)))
        if self.random() < 0.05:
            pairs.append((self.choice(list(names) or ["x"]), self.text()))
        quoted = []
        for name, value in pairs:
            # Texts with a percent sign go as they are.
            safe = "%" if self.random() < 0.5 else ""
            quoted.append(f"{name}={urllib.parse.quote(value, safe=safe + '*:,/')}")
        return "?" + "&".join(quoted) if quoted else ""

    def value(self, depth=0):
        pick = self.random()
        if pick < 0.35:
            return self.raw()
        if pick < 0.6:
            return urllib.parse.unquote(self.text(), errors="replace")
        if pick < 0.75 or depth > 3:
            return self.choice([None, True, False, {}, [], "", 0])
        if pick < 0.78:
            return Raw("[" * 3000 + "]" * 3000)
        if pick < 0.83:
            return [self.number()] * self.choice([300, 1000])
        if pick < 0.9:
            return [self.value(depth + 1) for _ in range(3)]
        return {urllib.parse.unquote(self.text(), errors="replace"): self.value(depth + 1) for _ in range(3)}

    def spoilt(self, what, long=True):
        """The same, with some members replaced, left out or added."""
        if isinstance(what, dict):
            made = {}
            for key, value in what.items():
                pick = self.random()
                if pick < 0.12:
                    made[key] = self.value()
                elif pick > 0.04 + 0.12:
                    made[key] = self.spoilt(value, long)
            return made
        if isinstance(what, list) and what:
            times = self.choice([1, 1, 1, 2, 40]) if long else 1
            return [self.spoilt(one, long and times == 1) for one in what] * times
        return self.value() if self.random() < 0.08 else what


class Raw(str):
    """A number as it is to stand in JSON, also where Python has none like it."""


def text_of(what):
    """JSON, or nearly: numbers that are none of JSON's are written all the same."""
    if isinstance(what, Raw):
        return what.strip() or "0"
    if isinstance(what, dict):
        return "{" + ",".join(f"{json.dumps(k)}:{text_of(v)}" for k, v in what.items()) + "}"
    if isinstance(what, list):
        return "[" + ",".join(map(text_of, what)) + "]"
    return json.dumps(what)

"""Feeds InfluxDB's line protocol from standard input in posts of 10,000 lines, and tells what that
cost: influxdb.py PORT PID FOLDER [chart]. With `chart` it then asks for the chart of one series."""

import http.client
import json
import os
import statistics
import sys
import time
import urllib.parse

port, process, folder = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]


def cpu_seconds():
    with open(f"/proc/{process}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def disk_bytes(*parts):
    total = 0
    for part in parts:
        for path, _, files in os.walk(os.path.join(folder, part)):
            total += sum(os.path.getsize(os.path.join(path, file)) for file in files)
    return total


def post(path, body):
    connection.request("POST", path, body)
    answer = connection.getresponse()
    text = answer.read()
    if answer.status >= 300:
        raise SystemExit(f"InfluxDB said {answer.status}: {text[:200]!r}")
    return text


connection = http.client.HTTPConnection("127.0.0.1", port)
for _ in range(100):
    try:
        post("/query?q=CREATE+DATABASE+bench", None)
        break
    except OSError:
        connection.close()
        time.sleep(0.1)

batches, lines = [], []
for line in sys.stdin.buffer:
    lines.append(line)
    if len(lines) == 10_000:
        batches.append((len(lines), b"".join(lines)))
        lines = []
if lines:
    batches.append((len(lines), b"".join(lines)))

readings = sum(count for count, _ in batches)
began, wall = cpu_seconds(), time.monotonic()
for _, body in batches:
    post("/write?db=bench&precision=ms", body)
spent, took = cpu_seconds() - began, time.monotonic() - wall
print(
    f"  InfluxDB: {readings / spent / 1e6:.2f} M readings/CPU s "
    f"({spent:.2f} CPU s, {took:.2f} s); "
    f"{disk_bytes('data', 'wal') / readings:.2f} bytes a reading when written"
)
if sys.argv[4:] == ["chart"]:
    query = urllib.parse.urlencode(
        {"db": "bench", "epoch": "ms", "q": """SELECT mean, min, max FROM chart WHERE "series" = '54321'"""})
    times, costs = [], []
    for _ in range(30):
        began, wall = cpu_seconds(), time.monotonic()
        answer = post(f"/query?{query}", None)
        times.append((time.monotonic() - wall) * 1000)
        costs.append((cpu_seconds() - began) * 1000)
    rows = len(json.loads(answer)["results"][0]["series"][0]["values"])
    print(
        f"  InfluxDB, a chart of {rows} windows as JSON over HTTP: median {statistics.median(times):.1f} ms, "
        f"{min(times):.1f}…{max(times):.1f}; {statistics.mean(costs):.1f} ms of CPU in the mean"
    )

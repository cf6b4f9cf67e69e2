"""What idle HTTP device sessions cost a broker: resident bytes and processor time a session.

    http_idle.py PATH/TO/hawser [SESSIONS]

Starts a broker of its own, opens the sessions (1,000 by default) over connections that are closed
again, then holds a GET for each. Writes one JSON line for each state, in bytes a session above the
idle broker, and the share of one core that the sessions need when all of them ask anew every 20 s.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time

SESSIONS = int(sys.argv[2]) if len(sys.argv) > 2 else 1000


def resident(pid):
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def cpu(pid):
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def ask(port, method, path, body=""):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write((f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
                  f"Content-Length: {len(body)}\r\n\r\n{body}").encode())
    return reader, writer


async def answer(reader, writer):
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    length = next((int(line.split(":")[1]) for line in head.split("\r\n")
                   if line.lower().startswith("content-length:")), 0)
    body = await reader.readexactly(length)
    writer.close()
    return int(head.split()[1]), body


async def open_session(port, number):
    hello = {"jsonrpc": "2.0", "id": "1", "method": "hello", "params": {
        "agent": {"name": "idle", "version": "1"}, "boot": f"b{number}", "epoch": f"e{number}",
        "acked": [], "path": {"network": "loopback", "interval": 20}}}
    while True:
        status, body = await answer(*await ask(
            port, "POST", f"/v1/device/session?device=idle-{number}", json.dumps(hello)))
        if status == 200:
            return json.loads(body)["result"]["session"]
        assert status == 503, (status, body)
        await asyncio.sleep(1)


async def hold(port, session, until):
    while time.monotonic() < until:
        status, _ = await answer(*await ask(port, "GET", f"/v1/device/session/{session}/down"))
        assert status in (200, 204), status


async def main():
    with tempfile.TemporaryDirectory() as folder:
        broker = subprocess.Popen(
            [sys.argv[1], "broker", "--listen", "127.0.0.1:0", "--state", folder],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            line = broker.stdout.readline()
            while "ready at" not in line:
                line = broker.stdout.readline()
            port = int(line.rstrip().rstrip("/").rsplit(":", 1)[1])
            # The first session brings what every further one shares.
            await open_session(port, "warm")
            await asyncio.sleep(1)
            empty = resident(broker.pid)
            sessions = []
            for first in range(0, SESSIONS, 100):
                sessions += await asyncio.gather(
                    *(open_session(port, n) for n in range(first, min(first + 100, SESSIONS))))
            await asyncio.sleep(2)
            idle = resident(broker.pid)
            print(json.dumps({"sessions": len(sessions), "brokerBytes": empty,
                              "bytesEachWithoutRequest": round((idle - empty) / len(sessions))}))
            holding = asyncio.gather(
                *(hold(port, session, time.monotonic() + 55) for session in sessions))
            await asyncio.sleep(15)
            held = resident(broker.pid)
            print(json.dumps({"bytesEachWithHeldGet": round((held - empty) / len(sessions))}))
            began, used = time.monotonic(), cpu(broker.pid)
            await holding
            seconds = time.monotonic() - began
            print(json.dumps({"seconds": round(seconds, 1), "coreShare": round(
                (cpu(broker.pid) - used) / seconds, 4)}))
        finally:
            broker.terminate()
            broker.wait(10)


asyncio.run(main())

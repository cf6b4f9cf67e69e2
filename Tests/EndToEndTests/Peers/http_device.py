"""A device that counts over plain HTTP requests, independent of Hawser's own code.

First with short POSTs alone, then with a held GET beside them; pack n carries the reading n. What it
finds out it writes as one JSON line each: `{"step": NAME, …}`, at the end `{"finished": N}`.
"""

import argparse
import http.client
import json
import threading
import time
import urllib.parse


def say(**what):
    print(json.dumps(what), flush=True)


class Device:
    def __init__(self, arguments):
        self.host = urllib.parse.urlsplit(arguments.broker).netloc
        self.device = arguments.device
        self.epoch = f"http-{time.time_ns()}"
        self.acked = set()
        self.began = time.time()

    def ask(self, method, path, body=None, timeout=30):
        connection = http.client.HTTPConnection(self.host, timeout=timeout)
        try:
            connection.request(method, path, body, {"Content-Type": "application/x-ndjson"})
            answer = connection.getresponse()
            return answer.status, answer.read().decode(), answer.headers
        finally:
            connection.close()

    def open(self, resume=None):
        params = {"agent": {"name": "http-device", "version": "1.0"}, "boot": "b",
                  "epoch": self.epoch, "acked": []}
        if resume:
            params["resume"] = resume
        hello = {"jsonrpc": "2.0", "id": "hello", "method": "hello", "params": params}
        status, body, _ = self.ask("POST", f"/v1/device/session?device={self.device}",
                                   json.dumps(hello) + "\n")
        assert status == 200, (status, body)
        return json.loads(body)["result"]

    def pack(self, number):
        return {"jsonrpc": "2.0", "method": "telemetry", "params": {
            "seq": number, "lane": "live",
            "pack": [{"n": "counter", "t": self.began + number / 1000, "v": number}]}}

    def up(self, session, messages):
        body = "".join(json.dumps(message) + "\n" for message in messages)
        status, answer, _ = self.ask("POST", f"/v1/device/session/{session}/up", body)
        assert status == 200, (status, answer)
        return self.take(answer)

    def take(self, body):
        lines = [json.loads(line) for line in body.splitlines()]
        for line in lines:
            if line.get("method") == "ack":
                for first, last in line["params"]["acked"]:
                    self.acked.update(range(first, last + 1))
        return lines

    def short_posts(self):
        session = self.open()["session"]
        heartbeat = {"jsonrpc": "2.0", "id": "1", "method": "heartbeat", "params": {"mono": 5}}
        began = time.monotonic()
        lines = self.up(session, [self.pack(n) for n in range(1, 51)] + [heartbeat])
        say(step="posted", acked=len(self.acked), seconds=time.monotonic() - began,
            heartbeat=any(line.get("id") == "1" for line in lines))
        # An empty POST is a question; nothing waits, so it is answered at once. The same packs again
        # are acked again.
        say(step="polled", lines=len(self.up(session, [])))
        self.acked.clear()
        self.up(session, [self.pack(n) for n in range(1, 51)])
        say(step="repeated", acked=len(self.acked))
        return session

    def held_get(self, resume):
        session = self.open(resume)["session"]
        down = f"/v1/device/session/{session}/down"
        stop = threading.Event()

        def fetch():
            while not stop.is_set():
                status, body, _ = self.ask("GET", down)
                if status not in (200, 204):
                    return
                self.take(body)

        fetcher = threading.Thread(target=fetch)
        fetcher.start()
        time.sleep(0.3)
        began = time.monotonic()
        self.up(session, [self.pack(n) for n in range(51, 101)])
        seconds = time.monotonic() - began
        until = time.monotonic() + 5
        while len(self.acked) < 100 and time.monotonic() < until:
            time.sleep(0.01)
        say(step="held", acked=len(self.acked), seconds=seconds)
        # A link that was handed over still takes what is on its way.
        self.up(resume, [self.pack(n) for n in range(101, 111)])
        until = time.monotonic() + 5
        while len(self.acked) < 110 and time.monotonic() < until:
            time.sleep(0.01)
        say(step="handedOver", acked=len(self.acked))
        stop.set()
        return session, fetcher

    def faults(self, session):
        up = f"/v1/device/session/{session}/up"
        unknown = self.ask("POST", "/v1/device/session/nobody/up", "")
        large = self.ask("POST", up, "x" * (300 << 10))
        text = self.ask("POST", up, b"\xff\xfe\n")
        # A spare link measures silence, which single requests do not have.
        probe = {"jsonrpc": "2.0", "id": "1", "method": "probe", "params": {"silence": 5}}
        spare = self.ask("POST", f"/v1/device/session?device={self.device}", json.dumps(probe))
        say(step="faults", unknown=unknown[0], code=json.loads(unknown[1])["code"],
            large=large[0], text=text[0], spare=spare[0])

    def run(self, wait):
        first = self.short_posts()
        session, fetcher = self.held_get(first)
        self.faults(session)
        if wait:
            # The broker stops: the held GET ends with what it said last.
            fetcher.join(0)
            say(step="waiting")
            status, body, _ = self.ask("GET", f"/v1/device/session/{session}/down")
            last = [json.loads(line) for line in body.splitlines()]
            say(step="stopped", status=status, methods=[line.get("method") for line in last],
                code=last[-1]["params"]["code"] if last else None)
            return
        deleted = self.ask("DELETE", f"/v1/device/session/{session}")[0]
        fetcher.join(5)
        gone = self.ask("POST", f"/v1/device/session/{session}/up", "")[0]
        # A newer session without `resume` ends an older one; its last line says why.
        older = self.open()["session"]
        self.open()
        status, body, _ = self.ask("GET", f"/v1/device/session/{older}/down")
        say(step="ended", deleted=deleted, gone=gone, status=status,
            code=json.loads(body.splitlines()[-1])["params"]["code"],
            after=self.ask("POST", f"/v1/device/session/{older}/up", "")[0])
        say(finished=len(self.acked))


parser = argparse.ArgumentParser()
parser.add_argument("broker")
parser.add_argument("--device", default="poster")
parser.add_argument("--wait", action="store_true")
arguments = parser.parse_args()
Device(arguments).run(arguments.wait)

"""Commands through a storm, independent of Hawser's own code.

Starts a broker and some agents, orders commands over REST, each under a key of its own and again until
it is taken, cancels some of them, and all the while kills the broker and the agents with SIGKILL and
starts them anew. Each command's program makes one folder each time it runs, named by the command's id.
In the end, when everything has run long enough for every command to be over, what the broker says of
each is held against what was done. Writes JSON lines: `{"ordered": …, "kills": …, "outcomes": {…}}` and,
for each untruth, `{"wrong": "…"}`.
"""

import argparse
import asyncio
import collections
import json
import os
import pwd
import random
import signal
import time
import urllib.error
import urllib.request

FINAL = {"succeeded", "failed", "rejected", "cancelled", "expired", "unknown"}
TTL = 20


def say(**what):
    print(json.dumps(what), flush=True)


class Storm:
    def __init__(self, arguments):
        self.arguments = arguments
        self.folder = arguments.folder
        self.random = random.Random(arguments.seed)
        self.url = f"http://127.0.0.1:{arguments.port}"
        self.broker = None
        self.agents = {}
        self.kills = collections.Counter()
        # Key -> device, name, id.
        self.orders = {}
        self.isOver = False

    async def start(self, program, *arguments, log):
        with open(f"{self.folder}/{log}.log", "ab") as file:
            return await asyncio.create_subprocess_exec(
                program, *arguments, stdout=file, stderr=file)

    async def start_broker(self):
        self.broker = await self.start(
            self.arguments.broker, "broker", "--listen", f"127.0.0.1:{self.arguments.port}",
            "--state", f"{self.folder}/broker", log="broker")

    async def start_agent(self, name):
        self.agents[name] = await self.start(
            self.arguments.agent, "run", "--broker", self.url, "--device", name, "--state",
            f"{self.folder}/{name}", "--set", f"profile={self.folder}/profile.yaml", "--set",
            "link.reconnect.base=200ms", "--set", "link.reconnect.first=100ms", "--set",
            "link.reconnect.most=1s", "--set", "link.probeInterval=", log=name)

    async def ask(self, method, path, body=None, key=None):
        """The answer as JSON; nil where there is none, as of a broker that was killed."""
        def send():
            request = urllib.request.Request(self.url + path, method=method)
            request.add_header("Content-Type", "application/json")
            if key:
                request.add_header("Idempotency-Key", key)
            data = json.dumps(body).encode() if body is not None else None
            try:
                with urllib.request.urlopen(request, data, timeout=5) as response:
                    return json.load(response)
            except (OSError, ValueError, urllib.error.HTTPError):
                return None
        return await asyncio.to_thread(send)

    async def order(self, number):
        device = self.random.choice(list(self.agents))
        name = self.random.choice(["act", "act", "again"])
        body = {"name": name, "params": {"seconds": self.random.choice([0, 0, 0.3, 2])}, "ttl": TTL}
        key = f"order-{number}"
        for _ in range(200):
            answer = await self.ask("POST", f"/v1/devices/{device}/commands", body, key)
            if answer and "command" in answer:
                break
            await asyncio.sleep(0.2)
        else:
            return say(wrong=f"{key} was never taken")
        # Whoever did not hear the answer asks again.
        if self.random.random() < 0.3:
            again = await self.ask("POST", f"/v1/devices/{device}/commands", body, key)
            if again and again.get("command") != answer["command"]:
                say(wrong=f"{key} became two commands")
        self.orders[key] = (device, name, answer["command"])
        if self.random.random() < 0.15:
            await asyncio.sleep(self.random.random() * 2)
            await self.ask("DELETE", f"/v1/commands/{answer['command']}")

    async def orders_come(self):
        number = 0
        pending = []
        while not self.isOver:
            number += 1
            pending.append(asyncio.ensure_future(self.order(number)))
            await asyncio.sleep(self.random.random() * 0.5)
        await asyncio.gather(*pending)

    async def kill(self):
        await asyncio.sleep(self.random.random() * 2.5)
        if self.random.random() < 0.3:
            self.broker.send_signal(signal.SIGKILL)
            await self.broker.wait()
            self.kills["broker"] += 1
            await asyncio.sleep(self.random.random())
            await self.start_broker()
        else:
            name = self.random.choice(list(self.agents))
            self.agents[name].send_signal(signal.SIGKILL)
            await self.agents[name].wait()
            self.kills["agent"] += 1
            await asyncio.sleep(self.random.random())
            await self.start_agent(name)

    async def settle(self):
        """Until all commands are over: their time to live, and a little."""
        end = time.monotonic() + TTL + 30
        while True:
            open_ones = []
            for key, (_, _, command) in self.orders.items():
                answer = await self.ask("GET", f"/v1/commands/{command}")
                if not answer or answer["state"] not in FINAL:
                    open_ones.append((key, answer and answer["state"]))
            if not open_ones:
                return
            if time.monotonic() > end:
                return say(wrong=f"not over: {open_ones[:5]}")
            await asyncio.sleep(0.5)

    async def check(self):
        acts = collections.Counter(name.split(".")[0] for name in os.listdir(f"{self.folder}/acts"))
        outcomes = collections.Counter()
        known = set()
        for key, (device, name, command) in self.orders.items():
            answer = await self.ask("GET", f"/v1/commands/{command}")
            state, count = (answer or {}).get("state"), acts[command]
            outcomes[state] += 1
            known.add(command)
            if name == "act" and count > 1 or count > 3:
                say(wrong=f"{key} acted {count} times on {device} and is {state}")
            if state == "succeeded" and count == 0:
                say(wrong=f"{key} succeeded without acting")
            if state in ("rejected", "expired") and count:
                say(wrong=f"{key} acted {count} times and is {state}: {json.dumps(answer)[:2000]}")
        for command in acts:
            if command not in known:
                say(wrong=f"{command} was done and never ordered")
        say(ordered=len(self.orders), kills=dict(self.kills), outcomes=outcomes,
            acts=sum(acts.values()))

    async def run(self):
        os.makedirs(f"{self.folder}/acts")
        user = pwd.getpwuid(os.getuid()).pw_name
        with open(f"{self.folder}/profile.yaml", "w") as file:
            file.write('name: storm\nversion: "1"\ncommandsAtOnce: 2\ncommands:\n')
            for name, idempotent in [("act", "false"), ("again", "true")]:
                file.write(f"""  {name}:
    does: runProgram
    idempotent: {idempotent}
    program: /bin/sh
    arguments: ["-c", "mkdir {self.folder}/acts/$HAWSER_COMMAND.$$; sleep $0", "{{seconds}}"]
    params: {{seconds: {{type: number, default: 0}}}}
    timeout: 10s
    user: {user}
""")
        await self.start_broker()
        for number in range(self.arguments.agents):
            await self.start_agent(f"storm-{number}")
        try:
            for name in self.agents:
                while not await self.ask("GET", f"/v1/devices/{name}"):
                    await asyncio.sleep(0.1)
            orders = asyncio.ensure_future(self.orders_come())
            for _ in range(self.arguments.kills):
                await self.kill()
            self.isOver = True
            await orders
            await self.settle()
            await self.check()
        finally:
            for process in [*self.agents.values(), self.broker]:
                if process.returncode is None:
                    process.send_signal(signal.SIGTERM)
            for process in [*self.agents.values(), self.broker]:
                try:
                    await asyncio.wait_for(process.wait(), 15)
                except asyncio.TimeoutError:
                    process.kill()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--broker", required=True)
    parser.add_argument("--agent", required=True)
    parser.add_argument("--folder", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--agents", type=int, default=3)
    parser.add_argument("--kills", type=int, default=12)
    parser.add_argument("--seed", type=int, default=1)
    asyncio.run(Storm(parser.parse_args()).run())


main()

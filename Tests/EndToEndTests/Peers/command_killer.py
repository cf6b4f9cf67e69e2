"""A broker that kills the agent it commands, independent of Hawser's own code.

For each trial it starts an agent with an empty state folder, waits for its hello, and attaches strace,
which kills the agent with SIGKILL when it enters a certain system call for the n-th time, of those by
which anything becomes durable, leaves the machine or begins; then it sends a command. Whatever becomes of that agent, another
is started over the same state, and the same command is sent again, with the next attempt, until there
is an outcome; then once more. The command's program makes one folder each time it runs, so what was
done can be counted. Writes a JSON line a trial:
`{"trial": NAME, "killed": true, "acts": 0, "outcome": "…", "repeated": "…", "told": 1}`.
"""

import argparse
import asyncio
import json
import os
import pwd
import shutil
import signal
import time

from websockets.asyncio.server import serve

# Everything that an agent does about a command and that is seen outside of it.
CALLS = ["write", "fdatasync", "fsync", "writev", "sendto", "sendmsg", "clone", "clone3", "fork"]


def profile(folder):
    user = pwd.getpwuid(os.getuid()).pw_name
    return f"""name: killed
version: "1"
commands:
  act:
    does: runProgram
    program: /bin/sh
    arguments: ["-c", "mkdir {folder}/acts/$$; sleep $0", "{{seconds}}"]
    params: {{seconds: {{type: number, default: 0}}}}
    user: {user}
  again:
    does: runProgram
    idempotent: true
    program: /bin/sh
    arguments: ["-c", "mkdir {folder}/acts/$$; sleep $0", "{{seconds}}"]
    params: {{seconds: {{type: number, default: 0}}}}
    user: {user}
  restartAgent:
"""


class Broker:
    """One agent's link, the newest."""

    def __init__(self):
        self.link = None
        self.up = asyncio.Event()
        self.profile = None
        self.answers = {}
        self.finished = []
        self.confirms = True
        self.requests = 0

    async def handle(self, link):
        try:
            async for text in link:
                await self.take(link, json.loads(text))
        except Exception:
            pass
        if self.link is link:
            self.link = None
            self.up.clear()

    async def take(self, link, message):
        method = message.get("method")
        if method == "hello":
            self.profile = message["params"].get("profile")
            await link.send(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": {
                "session": "s", "generation": 1, "acked": [], "now": time.time(),
                "heartbeat": {"interval": 20, "timeout": 60},
                "window": {"messages": 100, "bytes": 1 << 20}, "maxMessage": 1 << 20,
                "server": {"name": "killer", "version": "1"}}}))
            self.link = link
            self.up.set()
        elif method == "heartbeat":
            await link.send(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": {
                "mono": message["params"]["mono"], "now": time.time()}}))
        elif method == "commandFinished":
            self.finished.append(message["params"])
            if self.confirms:
                await link.send(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": {}}))
        elif method == "telemetry":
            sequence = message["params"]["seq"]
            await link.send(json.dumps({"jsonrpc": "2.0", "method": "ack", "params": {
                "acked": [[1, sequence]]}}))
        elif "result" in message:
            waiting = self.answers.pop(message["id"], None)
            if waiting is not None and not waiting.done():
                waiting.set_result(message["result"])

    async def ask(self, method, params, within):
        """The result, or nil where none came in time or the link is down."""
        if self.link is None:
            return None
        self.requests += 1
        name = f"q{self.requests}"
        waiting = asyncio.get_running_loop().create_future()
        self.answers[name] = waiting
        try:
            await self.link.send(json.dumps(
                {"jsonrpc": "2.0", "id": name, "method": method, "params": params}))
            return await asyncio.wait_for(waiting, within)
        except Exception:
            return None


class Trials:
    def __init__(self, arguments):
        self.arguments = arguments
        self.broker = Broker()
        self.port = 0

    async def agent(self, folder):
        return await asyncio.create_subprocess_exec(
            self.arguments.agent, "run", "--broker", f"http://127.0.0.1:{self.port}", "--device",
            "killed", "--state", f"{folder}/state", "--set", f"profile={folder}/profile.yaml",
            "--set", "sampling.interval=1h", "--set", "link.reconnect.first=10ms",
            "--set", "link.reconnect.base=10ms", "--set", "link.probeInterval=",
            stdout=asyncio.subprocess.DEVNULL, stderr=open(f"{folder}/agent.log", "ab"))

    async def linked(self):
        await asyncio.wait_for(self.broker.up.wait(), 30)

    async def until(self, condition, within):
        end = time.monotonic() + within
        while not condition() and time.monotonic() < end:
            await asyncio.sleep(0.01)
        return condition()

    def command(self, name, params, attempt, ttl=120):
        return {"command": "c-1", "name": name, "params": params, "expires": time.time() + ttl,
                "remaining": ttl, "attempt": attempt}

    async def trial(self, title, name, kill, seconds=0):
        """`kill` waits for its moment and kills the agent, given its process."""
        folder = f"{self.arguments.folder}/{title}"
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(f"{folder}/acts")
        with open(f"{folder}/profile.yaml", "w") as file:
            file.write(profile(folder))
        self.broker.finished = []
        self.broker.confirms = True
        agent = await self.agent(folder)
        await self.linked()
        # What the start itself writes is not meant.
        await asyncio.sleep(0.3)
        killer = await kill(agent)
        await self.broker.ask("command", self.command(name, {"seconds": seconds}, 1), 2)
        await self.until(lambda: agent.returncode is not None or self.broker.finished, 3 + seconds)
        if self.broker.finished:
            # The last write is that it was confirmed.
            await asyncio.sleep(0.2)
        died = agent.returncode is not None
        if killer is not None and killer.returncode is None:
            killer.kill()
            await killer.wait()
        if agent.returncode is None:
            agent.send_signal(signal.SIGKILL)
        await agent.wait()
        await self.until(lambda: self.broker.link is None, 10)
        agent = await self.agent(folder)
        await self.linked()
        outcome = None
        attempt = 1
        while outcome is None and attempt < 20:
            attempt += 1
            answer = await self.broker.ask("command", self.command(name, {"seconds": seconds}, attempt), 5)
            if self.broker.finished:
                outcome = self.broker.finished[-1]["outcome"]
            elif answer and answer["state"] in ("finished", "rejected"):
                outcome = answer.get("outcome", answer["state"])
            else:
                await self.until(lambda: self.broker.finished, 2)
        again = await self.broker.ask("command", self.command(name, {"seconds": seconds}, attempt + 1), 5)
        acts = len(os.listdir(f"{folder}/acts"))
        print(json.dumps({
            "trial": title, "killed": died, "acts": acts, "outcome": outcome,
            "repeated": (again or {}).get("outcome"), "told": len(self.broker.finished)}), flush=True)
        agent.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(agent.wait(), 10)
        except asyncio.TimeoutError:
            agent.kill()
            await agent.wait()
        await self.until(lambda: self.broker.link is None, 10)
        return died

    def at_call(self, calls, number):
        async def kill(agent):
            killer = await asyncio.create_subprocess_exec(
                "strace", "-f", "-qq", "-p", str(agent.pid), "-e", f"trace={calls}",
                "-e", f"inject={calls}:signal=SIGKILL:when={number}", "-o", "/dev/null",
                stderr=asyncio.subprocess.DEVNULL)
            # All threads are traced when the status of each says so.
            def traced():
                try:
                    return all(
                        "TracerPid:\t0" not in open(f"/proc/{agent.pid}/task/{task}/status").read()
                        for task in os.listdir(f"/proc/{agent.pid}/task"))
                except OSError:
                    return True
            await self.until(traced, 10)
            return killer
        return kill

    async def run(self):
        async with serve(self.broker.handle, "127.0.0.1", 0, subprotocols=["hawser.device.v1"],
                         compression=None) as server:
            self.port = server.sockets[0].getsockname()[1]
            for call in CALLS:
                for number in range(1, 20):
                    if not await self.trial(
                            f"{call}-{number}", "act", self.at_call(call, number)):
                        break

            async def midst(agent):
                async def later():
                    await asyncio.sleep(0.7)
                    agent.send_signal(signal.SIGKILL)
                self.later = asyncio.ensure_future(later())
            await self.trial("midst", "act", midst, seconds=2)
            await self.trial("midst-idempotent", "again", midst, seconds=2)

            async def unheard(agent):
                # It finishes, and nobody confirms.
                self.broker.confirms = False
                async def later():
                    await self.until(lambda: self.broker.finished, 5)
                    agent.send_signal(signal.SIGKILL)
                    self.broker.finished = []
                    self.broker.confirms = True
                self.later = asyncio.ensure_future(later())
            await self.trial("unconfirmed", "act", unheard)
            await self.restart()

    async def restart(self):
        """The agent starts itself anew: another hello of the same process, then the result."""
        folder = f"{self.arguments.folder}/restart"
        os.makedirs(folder)
        with open(f"{folder}/profile.yaml", "w") as file:
            file.write(profile(folder))
        self.broker.finished = []
        agent = await self.agent(folder)
        await self.linked()
        before = self.broker.link
        answer = await self.broker.ask("command", self.command("restartAgent", {}, 1), 5)
        await self.until(lambda: self.broker.link not in (None, before), 20)
        await self.until(lambda: self.broker.finished, 5)
        print(json.dumps({
            "trial": "restart", "killed": False, "acts": int(self.broker.link is not before),
            "outcome": (self.broker.finished or [{}])[-1].get("outcome"),
            "repeated": (answer or {}).get("state"), "told": len(self.broker.finished),
            "alive": agent.returncode is None}), flush=True)
        agent.send_signal(signal.SIGTERM)
        print(json.dumps({"ended": await asyncio.wait_for(agent.wait(), 20)}), flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--agent", required=True)
    parser.add_argument("--folder", required=True)
    asyncio.run(Trials(parser.parse_args()).run())


main()

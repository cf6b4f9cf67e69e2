"""What scripts need that command an agent: a broker for one device, independent of Hawser's own code."""

import asyncio
import contextlib
import json
import time

from websockets.asyncio.server import serve


class Broker:
    """One agent's link, the newest. `ahead` is how far its clock is from this machine's."""

    def __init__(self, ahead=0):
        self.ahead = ahead
        self.port = 0
        self.link = None
        self.up = asyncio.Event()
        self.profile = None
        self.answers = {}
        self.finished = []
        self.progress = []
        self.packs = 0
        self.confirms = True
        self.requests = 0

    def now(self):
        return time.time() + self.ahead

    @contextlib.asynccontextmanager
    async def listening(self):
        async with serve(self.handle, "127.0.0.1", 0, subprotocols=["hawser.device.v1"],
                         compression=None) as server:
            self.port = server.sockets[0].getsockname()[1]
            yield

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
                "session": "s", "generation": 1, "acked": [], "now": self.now(),
                "heartbeat": {"interval": 20, "timeout": 60},
                "window": {"messages": 100, "bytes": 1 << 20}, "maxMessage": 1 << 20,
                "server": {"name": "commanding", "version": "1"}}}))
            self.link = link
            self.up.set()
        elif method == "heartbeat":
            await link.send(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": {
                "mono": message["params"]["mono"], "now": self.now()}}))
        elif method == "commandFinished":
            self.finished.append(message["params"])
            if self.confirms:
                await link.send(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": {}}))
        elif method == "commandProgress":
            self.progress.append(message["params"])
        elif method == "telemetry":
            self.packs += 1
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

    async def agent(self, program, folder, *arguments, **options):
        """An agent with its state, log and profile in the folder."""
        with open(f"{folder}/agent.log", "ab") as log:
            return await asyncio.create_subprocess_exec(
                program, "run", "--broker", f"http://127.0.0.1:{self.port}", "--device",
                "commanded", "--state", f"{folder}/state", "--set", f"profile={folder}/profile.yaml",
                "--set", "link.reconnect.first=10ms", "--set", "link.reconnect.base=10ms",
                "--set", "link.probeInterval=", *arguments,
                stdout=asyncio.subprocess.DEVNULL, stderr=log, **options)

    async def linked(self):
        await asyncio.wait_for(self.up.wait(), 30)

    async def until(self, condition, within):
        end = time.monotonic() + within
        while not condition() and time.monotonic() < end:
            await asyncio.sleep(0.01)
        return condition()

    async def stopped(self, agent, number=None):
        """The agent is over and its link gone; the exit code."""
        if number is not None and agent.returncode is None:
            agent.send_signal(number)
        try:
            await asyncio.wait_for(agent.wait(), 20)
        except asyncio.TimeoutError:
            agent.kill()
            await agent.wait()
        await self.until(lambda: self.link is None, 10)
        return agent.returncode

    def command(self, name, params, attempt=1, command="c-1", ttl=120):
        return {"command": command, "name": name, "params": params,
                "expires": self.now() + ttl, "remaining": ttl, "attempt": attempt}

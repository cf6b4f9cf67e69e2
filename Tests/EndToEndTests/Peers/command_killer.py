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

from commanding_broker import Broker

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


class Trials:
    def __init__(self, arguments):
        self.arguments = arguments
        self.broker = Broker()

    async def agent(self, folder):
        return await self.broker.agent(
            self.arguments.agent, folder, "--set", "sampling.interval=1h")

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
        await self.broker.linked()
        # What the start itself writes is not meant.
        await asyncio.sleep(0.3)
        killer = await kill(agent)
        await self.broker.ask("command", self.broker.command(name, {"seconds": seconds}, 1), 2)
        await self.broker.until(lambda: agent.returncode is not None or self.broker.finished, 3 + seconds)
        if self.broker.finished:
            # The last write is that it was confirmed.
            await asyncio.sleep(0.2)
        died = agent.returncode is not None
        if killer is not None and killer.returncode is None:
            killer.kill()
            await killer.wait()
        await self.broker.stopped(agent, signal.SIGKILL)
        agent = await self.agent(folder)
        await self.broker.linked()
        outcome = None
        attempt = 1
        while outcome is None and attempt < 20:
            attempt += 1
            answer = await self.broker.ask("command", self.broker.command(name, {"seconds": seconds}, attempt), 5)
            if self.broker.finished:
                outcome = self.broker.finished[-1]["outcome"]
            elif answer and answer["state"] in ("finished", "rejected"):
                outcome = answer.get("outcome", answer["state"])
            else:
                await self.broker.until(lambda: self.broker.finished, 2)
        again = await self.broker.ask("command", self.broker.command(name, {"seconds": seconds}, attempt + 1), 5)
        acts = len(os.listdir(f"{folder}/acts"))
        print(json.dumps({
            "trial": title, "killed": died, "acts": acts, "outcome": outcome,
            "repeated": (again or {}).get("outcome"), "told": len(self.broker.finished)}), flush=True)
        await self.broker.stopped(agent, signal.SIGTERM)
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
            await self.broker.until(traced, 10)
            return killer
        return kill

    async def run(self):
        async with self.broker.listening():
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
                    await self.broker.until(lambda: self.broker.finished, 5)
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
        await self.broker.linked()
        before = self.broker.link
        answer = await self.broker.ask("command", self.broker.command("restartAgent", {}, 1), 5)
        await self.broker.until(lambda: self.broker.link not in (None, before), 20)
        await self.broker.until(lambda: self.broker.finished, 5)
        print(json.dumps({
            "trial": "restart", "killed": False, "acts": int(self.broker.link is not before),
            "outcome": (self.broker.finished or [{}])[-1].get("outcome"),
            "repeated": (answer or {}).get("state"), "told": len(self.broker.finished),
            "alive": agent.returncode is None}), flush=True)
        print(json.dumps({"ended": await self.broker.stopped(agent, signal.SIGTERM)}), flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--agent", required=True)
    parser.add_argument("--folder", required=True)
    asyncio.run(Trials(parser.parse_args()).run())


main()

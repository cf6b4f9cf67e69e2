"""What an agent does when it is told to, seen from outside, independent of Hawser's own code.

A broker of its own, whose clock is a year ahead of the machine's, commands a real agent; the system's
tools are scripts that say what they were called with, the GPIO chip is `gpio_lines.c`. Writes a JSON
line for each thing that was looked at: `{"checked": "…"}` or `{"wrong": "…", "detail": "…"}`.
"""

import argparse
import asyncio
import json
import os
import pwd
import signal
import time

from commanding_broker import Broker

PROFILE = """name: deeds
version: "1"
commandsAtOnce: 2
commands:
  readNow:
  setInterval:
  diagnose:
  reboot: {{program: {folder}/tools/reboot}}
  print:
    does: runProgram
    program: {folder}/tools/print
    arguments: ["{{what}}"]
    params: {{what: {{type: string, values: [text, binary, flood, fail, sleep, deaf, slow, "$(reboot)"]}}}}
    timeout: 4s
    output: 300KiB
    user: {user}
  status: {{does: serviceStatus, units: [pump.service]}}
  restart: {{does: serviceRestart, units: [pump.service]}}
  tailJournal: {{units: [pump.service]}}
  lamp: {{does: setOutput, lines: [LAMP, MISSING]}}
  forbidden: {{does: readNow}}
"""

SCRIPT = r"""
case $1 in
  text) echo out; echo err >&2 ;;
  binary) printf '\377\000' ;;
  flood) while :; do echo 0123456789012345678901234567890123456789; done ;;
  fail) exit 7 ;;
  sleep) echo begun; sleep 60 ;;
  deaf) trap '' TERM; echo begun; while :; do sleep 1; done ;;
  slow) for n in 1 2 3; do echo line $n; sleep 0.7; done ;;
  *) echo given $1 ;;
esac
"""

YEAR = 366 * 86400


class Deeds:
    def __init__(self, arguments):
        self.arguments = arguments
        self.folder = arguments.folder
        self.broker = Broker(ahead=YEAR)
        self.count = 0

    def check(self, what, holds, detail=None):
        report = {"checked": what} if holds else {"wrong": what, "detail": repr(detail)}
        print(json.dumps(report), flush=True)

    async def run_agent(self):
        environment = dict(
            os.environ, LD_PRELOAD=self.arguments.gpio, GPIO_FOLDER=f"{self.folder}/dev",
            PATH=f"{self.folder}/tools:{os.environ['PATH']}")
        agent = await self.broker.agent(
            self.arguments.agent, self.folder, "--set", "sampling.interval=1h", "--set",
            "commands.forbid=forbidden", env=environment)
        await self.broker.linked()
        return agent

    def tool(self, name, text):
        path = f"{self.folder}/tools/{name}"
        with open(path, "w") as file:
            file.write(f"#!/bin/sh\n{text}\n")
        os.chmod(path, 0o755)

    async def do(self, name, params=None, ttl=60, cancel_after=None, within=20):
        """The answer, and the result as it was told."""
        self.count += 1
        command = f"d-{self.count}"
        self.last = command
        answer = await self.broker.ask(
            "command", self.broker.command(name, params or {}, 1, command, ttl), 10)
        if answer is None or answer["state"] in ("rejected", "finished"):
            return answer, answer or {}
        if cancel_after is not None:
            await asyncio.sleep(cancel_after)
            await self.broker.ask("cancelCommand", {"command": command}, 5)
        await self.broker.until(lambda: self.result(command), within)
        return answer, self.result(command) or {}

    def result(self, command):
        return next((one for one in self.broker.finished if one["command"] == command), None)

    def news(self):
        return [one for one in self.broker.progress if one["command"] == self.last]

    async def programs(self):
        _, result = await self.do("print", {"what": "text"})
        self.check("a program's output and exit code", result.get("outcome") == "succeeded"
                   and result.get("output") == "out\nerr\n" and result.get("exitCode") == 0, result)
        _, result = await self.do("print", {"what": "$(reboot)"})
        self.check("no shell reads a parameter", result.get("output") == "given $(reboot)\n", result)
        _, result = await self.do("print", {"what": "fail"})
        self.check("a failed program", result.get("outcome") == "failed"
                   and result.get("exitCode") == 7, result)
        _, result = await self.do("print", {"what": "binary"})
        self.check("binary output", result.get("output") ==
                   "data:application/octet-stream;base64,/wA=" and result.get("outputBytes") == 2, result)
        _, result = await self.do("print", {"what": "flood"})
        self.check("too much output", result.get("outcome") == "failed"
                   and "printed more than 307200 bytes" in result.get("reason", "")
                   and result.get("outputBytes", 0) > 307200
                   and len(result.get("output", "")) <= 65536, {**result, "output": ""})
        streamed = "".join(one.get("output", "") for one in self.news())
        self.check("a bounded stream that says so", len(streamed) < 300 * 1024
                   and "bytes left out]" in streamed, len(streamed))
        begun = time.monotonic()
        _, result = await self.do("print", {"what": "sleep"})
        self.check("a program that takes too long", result.get("outcome") == "failed"
                   and "longer than 4.0 s" in result.get("reason", "")
                   and time.monotonic() - begun < 9, result)
        _, result = await self.do("print", {"what": "deaf"}, cancel_after=0.5)
        self.check("a cancelled program that does not hear", result.get("outcome") == "cancelled",
                   result)
        _, result = await self.do("print", {"what": "slow"})
        lines = [one.get("output") for one in self.news()]
        self.check("output comes while it runs", len(lines) >= 3 and "".join(lines) ==
                   "line 1\nline 2\nline 3\n" == result.get("output"), lines)

    async def refusals(self):
        for name, params, word in [
                ("dance", {}, "no command dance"), ("forbidden", {}, "commands.forbid"),
                ("print", {"what": "other"}, "what"), ("print", {"what": 3}, "what"),
                ("print", {}, "what"), ("print", {"what": "text", "more": 1}, "more"),
                ("setInterval", {"seconds": 0.001}, "seconds"),
                ("setInterval", {"seconds": 1e300}, "seconds"),
                ("status", {"unit": "ssh.service"}, "unit"),
                ("status", {"unit": "--help"}, "unit"),
                ("lamp", {"line": "PUMP", "value": True}, "line"),
                ("tailJournal", {"lines": 100000}, "lines")]:
            answer, _ = await self.do(name, params)
            self.check(f"refused: {name} {params}", answer is not None
                       and answer["state"] == "rejected" and word in answer.get("reason", ""), answer)
        _, result = await self.do("readNow", ttl=0)
        self.check("too late by the broker's clock", result.get("outcome") == "expired", result)
        cancelled = await self.broker.ask("cancelCommand", {"command": "never-sent"}, 5)
        answer = await self.broker.ask(
            "command", self.broker.command("readNow", {}, 1, "never-sent"), 5)
        self.check("cancelled before it came", cancelled["outcome"] == "cancelled"
                   == answer["outcome"], (cancelled, answer))

    async def tools(self):
        _, result = await self.do("status", {"unit": "pump.service"})
        self.check("the state of a service", result.get("output", "").startswith(
            "systemctl --no-pager show --property=Id,") and result["output"].endswith(
            " -- pump.service\n"), result)
        _, result = await self.do("restart", {"unit": "pump.service"})
        self.check("a service is started anew", result.get("output") ==
                   "systemctl --no-ask-password restart -- pump.service\n", result)
        _, result = await self.do("tailJournal", {"lines": 5})
        self.check("the journal", result.get("output") ==
                   "journalctl --no-pager --quiet --output=short-iso --lines=5\n", result)
        _, result = await self.do("tailJournal", {"unit": "pump.service"})
        self.check("a unit's journal", result.get("output", "").endswith(
            " --lines=100 --unit=pump.service\n"), result)
        _, result = await self.do("diagnose", within=60)
        self.check("the path is diagnosed", result.get("outcome") == "succeeded"
                   and "upgrade" in result.get("output", ""), result)
        steps = [one.get("text") for one in self.news()]
        self.check("a diagnosis tells its steps", len(steps) >= 1 and all(steps), self.news())

    async def outputs(self):
        for value in [True, False, True]:
            _, result = await self.do("lamp", {"line": "LAMP", "value": value})
            self.check(f"the lamp {value}", result.get("outcome") == "succeeded", result)
        with open(f"{self.folder}/dev/changes") as file:
            changes = file.read()
        self.check("the kernel was asked for it", changes ==
                   "taken 1 hawser-agent\nset 0 \nset 1 \n", changes)
        _, result = await self.do("lamp", {"line": "MISSING", "value": True})
        self.check("a line that is not there", result.get("outcome") == "failed"
                   and result.get("reason") == "this machine has no GPIO line MISSING", result)

    async def readings(self, agent):
        before = self.broker.packs
        _, result = await self.do("readNow")
        await self.broker.until(lambda: self.broker.packs > before, 5)
        self.check("readNow sends readings", result.get("outcome") == "succeeded"
                   and self.broker.packs == before + 1, (result, self.broker.packs, before))
        _, result = await self.do("setInterval", {"seconds": 0.1})
        before = self.broker.packs
        await self.broker.until(lambda: self.broker.packs > before + 10, 10)
        self.check("setInterval holds", self.broker.packs > before + 10, result)
        # Nothing of it is in the agent's memory then.
        await self.broker.stopped(agent, signal.SIGKILL)
        agent = await self.run_agent()
        before = self.broker.packs
        await self.broker.until(lambda: self.broker.packs > before + 10, 10)
        self.check("setInterval survives", self.broker.packs > before + 10, self.broker.packs)
        _, result = await self.do("setInterval")
        self.check("setInterval is taken back", result.get("output") == "every 3600.0 s", result)
        await asyncio.sleep(0.5)
        before = self.broker.packs
        await asyncio.sleep(1)
        self.check("as configured again", self.broker.packs == before, self.broker.packs - before)
        return agent

    async def reboot(self, agent):
        answer, _ = await self.do("reboot", within=1)
        await self.broker.until(lambda: os.path.exists(f"{self.folder}/rebooted"), 5)
        self.check("the machine is told to reboot", os.path.exists(f"{self.folder}/rebooted")
                   and answer["state"] == "running" and not self.result(self.last), answer)
        waiting, _ = await self.do("readNow", within=0.5)
        self.check("nothing begins beside a reboot", waiting["state"] == "accepted", waiting)
        # The agent is gone, and the machine is not: nobody knows.
        await self.broker.stopped(agent, signal.SIGKILL)
        agent = await self.run_agent()
        reboot = f"d-{self.count - 1}"
        await self.broker.until(lambda: self.result(reboot) and self.result(self.last), 10)
        self.check("a reboot that did not come is unknown",
                   (self.result(reboot) or {}).get("outcome") == "unknown", self.result(reboot))
        self.check("what waited is done then",
                   (self.result(self.last) or {}).get("outcome") == "succeeded",
                   self.result(self.last))
        return agent

    async def run(self):
        for name in ["tools", "dev"]:
            os.makedirs(f"{self.folder}/{name}")
        open(f"{self.folder}/dev/gpiochip0", "w").close()
        for name in ["systemctl", "journalctl"]:
            self.tool(name, f'echo {name} "$@"')
        self.tool("print", SCRIPT)
        self.tool("reboot", f"touch {self.folder}/rebooted")
        with open(f"{self.folder}/profile.yaml", "w") as file:
            file.write(PROFILE.format(
                folder=self.folder, user=pwd.getpwuid(os.getuid()).pw_name))
        async with self.broker.listening():
            agent = await self.run_agent()
            names = [one["name"] for one in self.broker.profile["commands"]]
            self.check("hello declares the profile's commands", self.broker.profile["name"] ==
                       "deeds" and len(names) == 10 and self.broker.profile["commandsAtOnce"] == 2,
                       self.broker.profile)
            await self.programs()
            await self.refusals()
            await self.tools()
            await self.outputs()
            agent = await self.readings(agent)
            agent = await self.reboot(agent)
            code = await self.broker.stopped(agent, signal.SIGTERM)
            self.check("an orderly end", code == 0, code)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--agent", required=True)
    parser.add_argument("--folder", required=True)
    parser.add_argument("--gpio", required=True, help="gpio_lines.c as a library")
    asyncio.run(Deeds(parser.parse_args()).run())


main()

"""Commands and rollouts, through every state that there is."""

import asyncio
import time



class Orders:
    async def commands(self):
        reader, path = self.reader_, "/v1/devices/{id}/commands"
        ids = {}
        for name in ("succeed", "fail", "reject", "expire", "forget", "refuse", "cut"):
            if name == "cut":
                # The link drops: the command comes again over the next one.
                ids[name] = (await self.call("post", path, 202, body={"name": name}, id="driven"))["command"]
                await asyncio.sleep(0.2)
                self.driven = await self.device("driven")
                break
            ids[name] = (await self.call("post", path, 202, body={"name": name}, id="driven"))["command"]
            await reader.ask("watchCommand", {"command": ids[name]})
        slow = (await reader.ask("sendCommand", {
            "device": "driven", "name": "slow", "arguments": {"seconds": "2 s", "mode": "b"}, "ttl": 60, "key": "k"}))["result"]
        await reader.ask("sendCommand", {"device": "driven", "name": "succeed", "params": {}})
        await reader.wait(lambda one: one.get("method") == "commandProgress", "progress")
        shown = await self.call("get", "/v1/commands/{id}", 200, {"wait": 0, "after": "9.9"}, id=slow["command"])
        if "progress" not in shown:
            self.rest.fault("a running command shows no progress", value=str(shown))
        await reader.ask("cancelCommand", {"command": slow["command"]})
        await self.ended(slow["command"], "cancelled")
        values = {"seconds": {"value": 3, "unit": "s"}, "hard": True}
        stopped = (await self.call("post", path, 202, body={"name": "slow", "params": values, "ttl": 60}, id="driven", headers={"Idempotency-Key": "one"}))["command"]
        await self.call("post", path, 202, body={"name": "slow", "params": values, "ttl": 60}, id="driven", headers={"Idempotency-Key": "one"})
        await self.call("post", path, 422, body={"name": "succeed"}, id="driven", headers={"Idempotency-Key": "one"})
        await asyncio.sleep(0.3)
        await self.call("delete", "/v1/commands/{id}", 202, id=stopped)
        await self.ended(stopped, "cancelled")
        await self.call("delete", "/v1/commands/{id}", 409, id=stopped)
        muted = (await self.call("post", path, 202, body={"name": "mute", "ttl": 0.1}, id="driven"))["command"]
        waiting = (await self.call("post", path, 202, body={"name": "succeed", "ttl": 600}, id="gone"))["command"]
        await self.call("get", "/v1/commands", 200, {"device": "gone", "state": "queued", "limit": 1})
        await self.call("delete", "/v1/commands/{id}", 200, id=waiting)
        brief = (await self.call("post", path, 202, body={"name": "succeed", "ttl": 0.1, "params": None}, id="gone"))["command"]
        quick = (await self.call("post", path, 202, body={"name": "slow", "arguments": {}}, id="driven"))["command"]
        for state, command in (("succeeded", ids["succeed"]), ("failed", ids["fail"]), ("rejected", ids["reject"]),
                               ("expired", ids["expire"]), ("unknown", ids["forget"]), ("rejected", ids["refuse"]),
                               ("succeeded", quick), ("expired", brief), ("unknown", muted), ("rejected", ids["cut"])):
            await self.ended(command, state)
        # Its own word replaces the broker's, and a word on another's command is refused.
        await self.driven.finished(muted, outcome="failed")
        await self.ended(muted, "failed")
        await self.driven.ask("commandFinished", {"command": waiting, "outcome": "succeeded"})
        page = await self.call("get", path, 200, {"limit": 2}, id="driven")
        await self.call("get", path, 200, {"limit": 2, "cursor": page["next"], "state": "succeeded"}, id="driven")
        page = await self.call("get", "/v1/commands", 200, {"limit": 1})
        await self.call("get", "/v1/commands", 200, {"cursor": page["next"]})
        for name in ("driven", "novel"):
            await self.call("get", "/v1/devices/{id}/abilities", 200, id=name)
        for wrong in ({"name": ""}, {"name": "slow", "ttl": -1}, {"name": "slow", "params": {}, "arguments": {}}, [], {"when": 1}):
            await self.call("post", path, 400, body=wrong, id="driven")
        await self.call("post", path, 400, body="{", id="driven")
        for wrong in ({"name": "dance"}, {"name": "slow", "params": {"seconds": 61}}, {"name": "slow", "arguments": {"mode": "c"}}):
            await self.call("post", path, 422, body=wrong, id="driven")
        await self.call("post", path, 413, body=" " * (300 << 10), id="driven")
        await self.call("post", path, 404, body={"name": "succeed"}, id="nobody")

    async def ended(self, command, state):
        end = time.monotonic() + 10
        while time.monotonic() < end:
            found = await self.call("get", "/v1/commands/{id}", 200, {"wait": 1, "after": "x"}, id=command)
            if found["state"] == state:
                return
            await asyncio.sleep(0.05)
        self.rest.fault(f"a command is {found['state']}, not {state}", value=str(found))

    async def rollouts(self):
        await self.device("other", commands=["accept", "fail", "forget", {"name": "succeed"}])
        order = {"to": {"devices": ["driven", "other", "gone", "twin"], "labels": {"site": "l*"}}, "name": "succeed",
                 "params": {}, "ttl": 30, "concurrency": 1, "wave": 1, "pause": 0.05, "maxFailureRate": None}
        first = (await self.call("post", "/v1/rollouts", 202, body=order))["rollout"]
        one = (await self.call("post", "/v1/rollouts", 202, body={
            "to": {"devices": ["driven"]}, "name": "slow", "arguments": {"seconds": "0.1 s"}, "ttl": 0.5}))["rollout"]
        bad = (await self.call("post", "/v1/rollouts", 202, body={
            "to": {"devices": ["driven", "other"]}, "name": "fail", "maxFailureRate": 0.1, "wave": None, "concurrency": 1}))["rollout"]
        lost = (await self.call("post", "/v1/rollouts", 202, body={"to": {"devices": ["other"]}, "name": "forget", "maxFailureRate": 1}))["rollout"]
        # Of one device that runs two already, and another that only accepts.
        slow = {"name": "slow", "params": {"seconds": 3}}
        for _ in range(2):
            await self.call("post", "/v1/devices/{id}/commands", 202, body=slow, id="driven")
        states = set()
        for name, target, wanted in (("succeed", "driven", "queued"), ("accept", "other", "accepted"), ("mute", "driven", "sent"),
                                     ("slow", "driven", "running")):
            if name == "mute":
                found = await self.call("get", "/v1/commands", 200, {"device": "driven", "state": "running"})
                for running in found["commands"]:
                    await self.call("delete", "/v1/commands/{id}", 202, id=running["command"])
            given = (await self.call("post", "/v1/rollouts", 202, body={"to": {"devices": [target]}, "name": name, "ttl": 5}))["rollout"]
            end = time.monotonic() + 4
            while time.monotonic() < end:
                parts = await self.call("get", "/v1/rollouts/{id}/devices", 200, id=given)
                if parts["devices"][0]["state"] == wanted:
                    break
            else:
                self.rest.fault(f"no part of a rollout is {wanted}", value=str(parts))
            command = parts["devices"][0]["command"]
            shown = await self.call("get", "/v1/commands/{id}", 200, id=command)
            await self.call("delete", "/v1/rollouts/{id}", 200, id=given)
            if name == "accept":
                await self.ended(command, "cancelled")
                await self.call("get", "/v1/rollouts/{id}/devices", 200, id=given)
        paused = (await self.call("post", "/v1/rollouts", 202, body={"to": {"devices": ["gone"]}, "name": "succeed"}))["rollout"]
        await self.call("post", "/v1/rollouts/{id}/pause", 200, id=paused)
        await self.call("post", "/v1/rollouts/{id}/pause", 409, id=paused)
        await self.call("get", "/v1/rollouts/{id}", 200, id=paused)
        await self.call("post", "/v1/rollouts/{id}/resume", 200, id=paused)
        await self.call("post", "/v1/rollouts/{id}/resume", 409, id=paused)
        await self.call("delete", "/v1/rollouts/{id}", 200, id=paused)
        await self.call("delete", "/v1/rollouts/{id}", 409, id=paused)
        short = (await self.call("post", "/v1/rollouts", 202, body={"to": {"devices": ["gone"]}, "name": "succeed", "ttl": 0.2}))["rollout"]
        for rollout, state in ((one, "finished"), (bad, "stopped"), (short, "finished")):
            end = time.monotonic() + 10
            while (found := await self.call("get", "/v1/rollouts/{id}", 200, id=rollout))["state"] != state and time.monotonic() < end:
                await asyncio.sleep(0.1)
            if found["state"] != state:
                self.rest.fault(f"a rollout is {found['state']}, not {state}", value=str(found))
        for rollout in (first, one, bad, paused, short, lost):
            await self.call("get", "/v1/rollouts/{id}/devices", 200, id=rollout)
        page = await self.call("get", "/v1/rollouts/{id}/devices", 200, {"limit": 1}, id=first)
        await self.call("get", "/v1/rollouts/{id}/devices", 200, {"cursor": page["next"]}, id=first)
        page = await self.call("get", "/v1/rollouts", 200, {"limit": 1})
        await self.call("get", "/v1/rollouts", 200, {"cursor": page["next"]})
        await self.call("get", "/v1/commands", 200, {"rollout": first})
        await self.call("get", "/v1/devices/{id}/commands", 200, {"rollout": first}, id="driven")
        for wrong in ({}, {"to": {}, "name": "succeed"}, {"to": {"labels": 5, "devices": ["*"]}, "name": "succeed"},
                      {"to": {"devices": ["*"]}, "name": "succeed", "concurrency": 0}):
            await self.call("post", "/v1/rollouts", 400, body=wrong)
        await self.call("post", "/v1/rollouts", 422, body={"to": {"devices": ["none"]}, "name": "succeed"})
        await self.call("post", "/v1/rollouts", 422, body={"to": {"devices": ["driven"]}, "name": "dance"})
        await self.call("post", "/v1/rollouts", 413, body=" " * (300 << 10))
        page = await self.call("get", "/v1/audit", 200, {"from": "-10m", "to": "2100-01-01T00:00:00Z", "limit": 3, "format": "json"})
        await self.call("get", "/v1/audit", 200, {"cursor": page["next"], "limit": 1000})
        await self.call("get", "/v1/audit", 200, {"device": "driven"}, {"Accept": "text/csv"})
        command = next(one["command"] for one in page["entries"] if "command" in one)
        await self.call("get", "/v1/audit", 200, {"command": command, "format": "ndjson"})
        await self.call("get", "/v1/audit", 200, {"rollout": first, "format": "ndjson"})
        await self.call("get", "/v1/audit", 400, {"format": "xml"})

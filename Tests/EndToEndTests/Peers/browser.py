"""Opens the dashboard in headless Chromium and tells what a person would see.

Writes one JSON line every half second: `{"link", "devices", "charts": {metric: {windows, newest,
value, pixels}}, "cards", "problems"}`, where `pixels` is a fingerprint of what is drawn and `problems` are
errors of the page (scripts, blocked content). Keeps the newest screenshot in a file. Runs until it
is killed. With `--evaluate EXPRESSION` it writes `{"evaluated": …}` with what the page made of that,
and ends.
"""

import argparse
import asyncio
import base64
import json
import os
import re
import subprocess
import urllib.request

from websockets.asyncio.client import connect

LOOK = """(() => {
  const fingerprint = (canvas) => {
    // Out of sight, or not a chart.
    if (canvas.width === 0) return 0;
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    let hash = 0;
    for (let index = 0; index < data.length; index += 4) {
      hash = (Math.imul(hash, 31) + data[index] + data[index + 3] * 257) | 0;
    }
    return hash;
  };
  const charts = {};
  for (const card of document.querySelectorAll('[data-metric]')) {
    charts[card.dataset.metric] = {
      windows: Number(card.dataset.windows ?? 0), newest: Number(card.dataset.newest ?? 0),
      value: card.querySelector('.value').textContent,
      pixels: fingerprint(card.querySelector('canvas')),
    };
  }
  const devices = {};
  for (const item of document.querySelectorAll('[data-device]')) {
    devices[item.dataset.device] = item.querySelector('.state').textContent;
  }
  const cards = document.querySelectorAll('.card').length;
  return { link: document.getElementById('link-text').textContent, devices, charts, cards };
})()"""


class Page:
    """One tab, spoken to through the DevTools protocol."""

    def __init__(self, socket):
        self.socket = socket
        self.count = 0
        self.problems = []

    async def call(self, method, **params):
        self.count += 1
        mine = self.count
        await self.socket.send(json.dumps({"id": mine, "method": method, "params": params}))
        while True:
            message = json.loads(await self.socket.recv())
            if message.get("id") == mine:
                return message.get("result", {})
            self.note(message)

    def note(self, message):
        params = message.get("params", {})
        if message.get("method") == "Runtime.exceptionThrown":
            self.problems.append(str(params["exceptionDetails"])[:500])
        entry = params.get("entry", {})
        # A broker that is away is a network error and expected; anything else is the page's fault.
        if entry.get("level") == "error" and entry.get("source") != "network":
            self.problems.append(entry.get("text", "")[:500])


def start_chromium(folder, size):
    browser = subprocess.Popen(
        [
            os.environ.get("CHROMIUM", "chromium"), "--headless=new", "--no-sandbox",
            "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--mute-audio",
            "--remote-debugging-port=0", f"--user-data-dir={folder}",
            f"--window-size={size[0]},{size[1]}", "about:blank",
        ],
        stderr=subprocess.PIPE, text=True)
    for line in browser.stderr:
        found = re.search(r"DevTools listening on ws://([^/]+)/", line)
        if found:
            return found[1]
    raise SystemExit("chromium ended before it was ready")


async def main(arguments):
    # The profile lies beside the screenshot's working folder, which the test removes.
    address = start_chromium(os.path.abspath("chromium-profile"), arguments.size)
    with urllib.request.urlopen(f"http://{address}/json") as answer:
        tabs = [tab for tab in json.load(answer) if tab["type"] == "page"]
    async with connect(tabs[0]["webSocketDebuggerUrl"], max_size=None) as socket:
        page = Page(socket)
        for domain in ("Runtime", "Log", "Page"):
            await page.call(f"{domain}.enable")
        width, height = arguments.size
        await page.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height,
            deviceScaleFactor=1, mobile=False)
        await page.call("Page.navigate", url=arguments.url)
        await page.call(
            "Runtime.evaluate", awaitPromise=True,
            expression="new Promise((done) => document.readyState === 'complete' ? done() "
            ": addEventListener('load', () => done()))")
        if arguments.evaluate:
            answer = await page.call(
                "Runtime.evaluate", expression=arguments.evaluate, awaitPromise=True,
                returnByValue=True)
            if "exceptionDetails" in answer:
                raise SystemExit(json.dumps(answer["exceptionDetails"])[:4000])
            print(json.dumps({"evaluated": answer.get("result", {}).get("value")}), flush=True)
            return
        while True:
            await asyncio.sleep(0.5)
            answer = await page.call("Runtime.evaluate", expression=LOOK, returnByValue=True)
            seen = answer.get("result", {}).get("value")
            if seen is None:
                continue
            picture = await page.call("Page.captureScreenshot", format="png")
            with open(arguments.screenshot + ".new", "wb") as file:
                file.write(base64.b64decode(picture["data"]))
            os.replace(arguments.screenshot + ".new", arguments.screenshot)
            print(json.dumps({**seen, "problems": page.problems}), flush=True)


parser = argparse.ArgumentParser()
parser.add_argument("url")
parser.add_argument("--screenshot", default="page.png")
parser.add_argument("--evaluate")
parser.add_argument("--size", type=int, nargs=2, default=(1280, 900))
asyncio.run(main(parser.parse_args()))

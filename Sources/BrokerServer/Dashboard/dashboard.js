// The page: which devices there are, and live charts of the chosen one.
//
// Charts are our own (chart.js, one canvas each), after trying dygraphs 2.2.1 as Debian packages it.
// 24 charts of 600 windows with min/max band, fed once a second, on a two-core machine without a GPU:
//
//                                 dygraphs        own
//   busy main thread              84 ms/s         31 ms/s (of it scripts 56 and 8)
//   script heap                   33 MB           3.3 MB
//   to download                   131 KB          44 KB, all of the page's scripts (90 KB by now)
//   `default-src 'self'`          breaks it: axis labels are set through inline style attributes
//   broker without the package    no charts       charts
//   dark mode, hatched losses     to be patched   drawn that way
//
// Of a device with 600 metrics nine charts are in sight, and drawn: scripts take 5 ms/s, the heap is 25 MB.
//
// fleet.js keeps the list of devices, device-view.js the cards of the chosen one, device-feed.js the
// subscriptions behind them; this file joins all to the link.

import { LiveLink } from './live-link.js';
import { DeviceView } from './device-view.js';
import { Fleet } from './fleet.js';
import { show } from './dom.js';

const linkStatus = document.getElementById('link');
const linkText = document.getElementById('link-text');
const retry = document.getElementById('retry');
const notice = document.getElementById('notice');
/** So many devices come with the answer to `watchDevices`; what more there are, after it. */
const longList = 1000;

/** How far the broker's clock is ahead of this browser's, in seconds; charts end at the broker's now. */
let clockAhead = 0;
/** When the broker was last heard of, while there is no link to it; null while there is. */
let asOf = null;
const clock = { now: () => Date.now() / 1000 + clockAhead, asOf: () => asOf };

// Addresses are relative to the page, so that it also works under a path behind a proxy.
const liveURL = new URL('v1/live', document.baseURI);
liveURL.protocol = liveURL.protocol === 'https:' ? 'wss:' : 'ws:';

const link = new LiveLink(liveURL.href, { onOpen, onNotification, onState });
const fleet = new Fleet({ clock, onChosen: showDevice });
const view = new DeviceView({ clock, link });

function showDevice(record, missing) {
  view.show(record);
  notice.hidden = record !== null;
  if (record !== null) return;
  show(notice, missing === null
    ? `No device has reported yet. Start an agent: hawser-agent run --broker ${new URL('.', document.baseURI)} --device NAME`
    : `There is no device “${missing}” here. It is shown as soon as it reports.`);
}

async function onOpen() {
  try {
    measureClock();
    const { devices } = await link.request('watchDevices', {});
    asOf = null;
    // A long list comes in parts, the rest of it as if it had changed.
    fleet.replace(devices, devices.length < longList);
    await view.resume();
  } catch (error) {
    show(notice, `The broker did not answer as expected: ${error.message}`);
    notice.hidden = false;
  }
}

async function measureClock() {
  const asked = performance.now();
  try {
    const answer = await link.request('heartbeat', { mono: asked / 1000 });
    const halfWay = (performance.now() - asked) / 2000;
    const ahead = answer.now + halfWay - Date.now() / 1000;
    // Less than this is the path's doing, not a clock's.
    clockAhead = Math.abs(ahead) > 1 ? ahead : 0;
  } catch {
    clockAhead = 0;
  }
}

function onNotification(method, params) {
  if (method === 'presence') {
    fleet.change(params);
    view.refreshHead();
  } else {
    view.receive(method, params);
  }
}

function onState({ state, byEvents, reason }) {
  if (state === 'down') asOf ??= link.lastHeard + clockAhead;
  // What was last heard is not how it is: it loses its colours until the broker is back.
  if (state !== 'connecting') document.body.dataset.link = state;
  linkStatus.dataset.state = state;
  retry.hidden = state !== 'down';
  if (state === 'live') show(linkText, byEvents ? 'Live, without WebSocket' : 'Live');
  // While it is tried again the words stay: a status that flips every second is noise.
  if (state === 'down') show(linkText, `Disconnected: ${reason}. Trying again…`);
}

retry.addEventListener('click', () => link.retryNow());

setInterval(() => {
  if (document.hidden) return view.forget();
  fleet.refresh();
  view.tick();
}, 1000);
document.addEventListener('visibilitychange', () => {
  if (document.hidden) return;
  fleet.refresh();
  view.tick();
});

link.open();

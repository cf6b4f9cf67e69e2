// The live link's messages over server-sent events, for networks that let no WebSocket through.
//
// Looks to its owner like a WebSocket: requests are sent as text, answers and notifications come as
// text. Behind it is one EventSource for windows and devices together, because browsers have six
// connections to a broker for all of their tabs, and short requests for readings. An interruption ends the
// whole, as it would a WebSocket; its owner comes back with its cursors.

import { ReadingPoll } from './reading-poll.js';

const notifications = ['update', 'series', 'gap', 'presence', 'commandState', 'commandProgress'];

export class EventSocket {
  readyState = WebSocket.CONNECTING;
  onopen = null;
  onmessage = null;
  onclose = null;
  #base;
  #source = null;
  /** The subscription that the source brings, and whether it is wanted still. */
  #subscription = null;
  #polls = new Map();

  /** `url` is the WebSocket's: `ws://…/v1/live`. */
  constructor(url) {
    this.#base = new URL(url);
    this.#base.protocol = this.#base.protocol === 'wss:' ? 'https:' : 'http:';
    this.#clock().then(() => {
      if (this.readyState !== WebSocket.CONNECTING) return;
      this.readyState = WebSocket.OPEN;
      this.onopen?.();
    }, () => this.#end('the broker cannot be reached'));
  }

  send(text) {
    const { id, method, params } = JSON.parse(text);
    if (method === 'subscribe' && params.resolution === 'raw') this.#poll(id, params);
    else if (method === 'subscribe') this.#subscribe(id, params);
    else if (method === 'unsubscribe') this.#unsubscribe(id, params.subscription);
    else if (method === 'watchDevices') this.#open({ watch: 'devices' }, { devices: id });
    else if (method === 'heartbeat') this.#heartbeat(id, params);
    else this.#refuse(id, -32601, `${method} needs a WebSocket`);
  }

  close() { this.#end(''); }

  // The broker's time, to the second, from any answer of its.
  async #clock() {
    const answer = await fetch(new URL('../healthz', this.#base), { cache: 'no-store' });
    if (!answer.ok) throw new Error(answer.statusText);
    return Date.parse(answer.headers.get('date')) / 1000 + 0.5;
  }

  #heartbeat(id, { mono }) {
    this.#clock().then(
      (now) => this.#answer(id, { mono, now }), () => this.#end('no answer from the broker'));
  }

  #subscribe(id, { query, resolution, functions, groupBy, maxRate, since }) {
    const wanted = { resolution, since, maxRate };
    if (query?.devices) wanted.device = query.devices.join();
    if (query?.metrics) wanted.metric = query.metrics.join();
    if (query?.labels) {
      wanted.label = Object.entries(query.labels).map((label) => label.join(':')).join();
    }
    if (functions) wanted.functions = functions.join();
    if (groupBy) wanted.groupBy = groupBy.join();
    this.#open({ ...wanted, watch: 'series,devices' }, { subscribed: id });
  }

  // `answers` says which request an event answers; a list of devices that nobody asked for tells what has
  // changed while there was no source.
  #open(wanted, answers) {
    this.#source?.close();
    this.#subscription = null;
    const url = new URL('live/events', this.#base);
    for (const [key, value] of Object.entries(wanted)) {
      if (value !== undefined) url.searchParams.set(key, value);
    }
    const source = new EventSource(url);
    this.#source = source;
    source.addEventListener('subscribed', ({ data }) => {
      const result = JSON.parse(data);
      this.#subscription = result.subscription;
      this.#answer(answers.subscribed, result);
    });
    source.addEventListener('devices', ({ data }) => {
      const result = JSON.parse(data);
      if (answers.devices !== undefined) return this.#answer(answers.devices, result);
      for (const device of result.devices) this.#tell({ method: 'presence', params: device });
    });
    source.addEventListener('refused', ({ data }) => {
      if (answers.subscribed === undefined) source.close();
      else this.#open({ watch: 'devices' }, {});
      this.#tell({ id: answers.subscribed ?? answers.devices, error: JSON.parse(data) });
    });
    for (const method of notifications) {
      source.addEventListener(method, ({ data }) => this.#notify(method, JSON.parse(data)));
    }
    source.onerror = () => this.#end('the stream of events was interrupted');
  }

  #notify(method, params) {
    if (params.subscription !== undefined && params.subscription !== this.#subscription) return;
    this.#tell({ method, params });
  }

  #poll(id, params) {
    const subscription = `readings-${id}`;
    const tell = (update) => this.#tell({ method: 'update', params: { subscription, ...update } });
    this.#polls.set(subscription, new ReadingPoll(new URL('history', this.#base), params, tell));
    this.#answer(id, { subscription, series: [] });
  }

  // The source goes on, for the devices' sake; the next subscription takes its place.
  #unsubscribe(id, subscription) {
    this.#polls.get(subscription)?.end();
    if (subscription === this.#subscription) this.#subscription = null;
    else if (!this.#polls.delete(subscription)) return this.#refuse(id, -32000, 'there is no such subscription');
    this.#answer(id, {});
  }

  #answer(id, result) { this.#tell({ id, result }); }

  #refuse(id, code, message) { this.#tell({ id, error: { code, message } }); }

  #tell(message) {
    if (this.readyState === WebSocket.OPEN) {
      this.onmessage?.({ data: JSON.stringify({ jsonrpc: '2.0', ...message }) });
    }
  }

  #end(reason) {
    if (this.readyState === WebSocket.CLOSED) return;
    this.readyState = WebSocket.CLOSED;
    this.#source?.close();
    for (const poll of this.#polls.values()) poll.end();
    this.#polls.clear();
    this.onclose?.({ code: 1006, reason });
  }
}

// The live link's messages over server-sent events, for networks that let no WebSocket through.
//
// Looks to its owner like a WebSocket: requests are sent as text, answers and notifications come as
// text. Behind it is one EventSource for each subscription and one for the devices. An interruption of
// any of them ends the whole, as it would a WebSocket; its owner comes back with its cursors.

const notifications = ['update', 'series', 'gap', 'presence', 'commandState', 'commandProgress'];

export class EventSocket {
  readyState = WebSocket.CONNECTING;
  onopen = null;
  onmessage = null;
  onclose = null;
  #base;
  #sources = new Map();

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
    if (method === 'subscribe') this.#subscribe(id, params);
    else if (method === 'unsubscribe') this.#unsubscribe(id, params.subscription);
    else if (method === 'watchDevices') this.#open(id, { watch: 'devices' }, 'devices');
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
    this.#open(id, wanted, 'subscribed');
  }

  #open(id, wanted, answer) {
    const url = new URL('live/events', this.#base);
    for (const [key, value] of Object.entries(wanted)) {
      if (value !== undefined) url.searchParams.set(key, value);
    }
    const source = new EventSource(url);
    const key = Symbol(id);
    this.#sources.set(key, source);
    source.addEventListener(answer, ({ data }) => {
      const result = JSON.parse(data);
      if (result.subscription !== undefined) {
        this.#sources.delete(key);
        this.#sources.set(result.subscription, source);
      }
      this.#answer(id, result);
    });
    source.addEventListener('refused', ({ data }) => {
      source.close();
      this.#sources.delete(key);
      this.#tell({ id, error: JSON.parse(data) });
    });
    for (const method of notifications) {
      source.addEventListener(method, ({ data }) => this.#tell({ method, params: JSON.parse(data) }));
    }
    source.onerror = () => this.#end('the stream of events was interrupted');
  }

  #unsubscribe(id, subscription) {
    const source = this.#sources.get(subscription);
    this.#sources.delete(subscription);
    source?.close();
    if (source) this.#answer(id, {});
    else this.#refuse(id, -32000, 'there is no such subscription');
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
    for (const source of this.#sources.values()) source.close();
    this.#sources.clear();
    this.onclose?.({ code: 1006, reason });
  }
}

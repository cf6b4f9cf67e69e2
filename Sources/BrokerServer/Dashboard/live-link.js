// The live link (hawser.live.v1): JSON-RPC 2.0 over one WebSocket, which comes back by itself, or the
// same by server-sent events where no WebSocket gets through.
//
// The link knows nothing of devices or charts. Its owner subscribes again in `onOpen`, with the last
// cursor it saw, so that an interruption leaves neither a hole nor a repeated reading.

import { EventSocket } from './event-socket.js';

const firstDelayMs = 500;
const longestDelayMs = 30_000;
const silenceMs = 20_000;
const answerMs = 10_000;
/** How often it is tried whether WebSockets get through by now. */
const returnMs = 60_000;
/** After so many WebSockets that did not open in a row, events are tried. */
const blockedAfter = 2;

/** An error the broker answered a request with. */
export class RPCError extends Error {
  constructor({ code, message, data }) {
    super(message);
    this.code = code;
    this.data = data ?? {};
  }
}

export class LiveLink {
  #url;
  #owner;
  #socket = null;
  #requests = new Map();
  #lastID = 0;
  #failures = 0;
  #blocked = 0;
  #retryTimer = 0;
  #probeTimer = 0;
  #returnTimer = 0;
  /** When something last came, in seconds since 1970 by this browser's clock. */
  lastHeard = Date.now() / 1000;

  /**
   * `owner` is told what happens: `onOpen()`, `onNotification(method, params)`, and `onState(state)`
   * with `{state:'connecting'}`, `{state:'live', byEvents}` or `{state:'down', retryAt, reason}`.
   */
  constructor(url, owner) {
    this.#url = url;
    this.#owner = owner;
    addEventListener('online', () => this.retryNow());
    addEventListener('pageshow', (event) => event.persisted && this.retryNow());
  }

  open() {
    clearTimeout(this.#retryTimer);
    this.#owner.onState({ state: 'connecting' });
    const byEvents = this.#blocked >= blockedAfter;
    this.#adopt(byEvents ? new EventSocket(this.#url) : this.#webSocket(), byEvents);
    this.#expectTraffic(answerMs);
  }

  #webSocket() { return new WebSocket(this.#url, ['hawser.live.v1']); }

  #adopt(socket, byEvents) {
    this.#socket = socket;
    let wasOpen = socket.readyState === WebSocket.OPEN;
    socket.onopen = () => {
      wasOpen = true;
      this.#opened(byEvents);
    };
    socket.onmessage = (event) => {
      this.lastHeard = Date.now() / 1000;
      this.#expectTraffic(silenceMs);
      this.#receive(event.data);
    };
    socket.onclose = (event) => {
      // Until now it was there, or it could have said so.
      if (wasOpen && socket === this.#socket) this.lastHeard = Date.now() / 1000;
      if (!wasOpen) this.#judge(byEvents);
      this.#closed(socket, event.reason || closeWords(event.code));
    };
  }

  #opened(byEvents) {
    this.#blocked = byEvents ? blockedAfter : 0;
    this.#owner.onState({ state: 'live', byEvents });
    this.#owner.onOpen();
    clearTimeout(this.#returnTimer);
    if (byEvents) this.#returnTimer = setTimeout(() => this.#tryWebSocket(), returnMs);
  }

  // A broker that is away opens no WebSocket either: they are blocked only where HTTP gets through.
  async #judge(byEvents) {
    if (byEvents) this.#blocked = 0;
    else if (await isThere(this.#url)) this.#blocked += 1;
  }

  // Whatever was in the way may be gone; nothing is interrupted to find out.
  #tryWebSocket() {
    const events = this.#socket;
    const socket = this.#webSocket();
    socket.onerror = () => {
      this.#returnTimer = setTimeout(() => events === this.#socket && this.#tryWebSocket(), returnMs);
    };
    socket.onopen = () => {
      if (events === null || events !== this.#socket) return socket.close();
      for (const request of this.#requests.values()) request.reject(new Error('the link has moved'));
      this.#requests.clear();
      this.#adopt(socket, false);
      events.close();
      this.#opened(false);
    };
  }

  /** Asks now instead of waiting for the next try; does nothing while a link is open. */
  retryNow() {
    if (this.#socket === null) this.open();
  }

  /** Sends a request; the promise fails with `RPCError`, or with `Error` when the link is lost. */
  request(method, params) {
    return new Promise((resolve, reject) => {
      if (this.#socket?.readyState !== WebSocket.OPEN) {
        reject(new Error('not connected'));
        return;
      }
      const id = String(++this.#lastID);
      this.#requests.set(id, { resolve, reject });
      this.#socket.send(JSON.stringify({ jsonrpc: '2.0', id, method, params }));
    });
  }

  #receive(text) {
    const message = JSON.parse(text);
    if (message.method !== undefined) {
      this.#failures = 0;
      this.#owner.onNotification(message.method, message.params ?? {});
      return;
    }
    const request = this.#requests.get(message.id);
    this.#requests.delete(message.id);
    if (message.error) request?.reject(new RPCError(message.error));
    else request?.resolve(message.result);
  }

  // A page cannot see WebSocket pings, and a broken path sends no close. After a silence a request
  // is sent whose answer, whatever it says, proves that the link lives.
  #expectTraffic(withinMs) {
    clearTimeout(this.#probeTimer);
    this.#probeTimer = setTimeout(() => {
      if (withinMs === silenceMs && this.#socket?.readyState === WebSocket.OPEN) {
        this.request('heartbeat', { mono: performance.now() / 1000 }).catch(() => {});
        this.#expectTraffic(answerMs);
      } else if (this.#socket) {
        // Closing a dead path takes as long as the path is dead: do not wait for it.
        const socket = this.#socket;
        this.#closed(socket, 'no answer from the broker');
        socket.close();
      }
    }, withinMs);
  }

  #closed(socket, reason) {
    if (socket !== this.#socket) return;
    this.#socket = null;
    clearTimeout(this.#probeTimer);
    for (const request of this.#requests.values()) request.reject(new Error(reason));
    this.#requests.clear();
    // Full jitter: a thousand pages that lost one broker must not come back in one second.
    const ceilingMs = Math.min(longestDelayMs, firstDelayMs * 2 ** this.#failures);
    const delayMs = firstDelayMs / 2 + Math.random() * ceilingMs;
    this.#failures += 1;
    this.#retryTimer = setTimeout(() => this.open(), delayMs);
    this.#owner.onState({ state: 'down', retryAt: Date.now() + delayMs, reason });
  }
}

/** Whether the broker answers HTTP; `url` is the WebSocket's. */
async function isThere(url) {
  const health = new URL('../healthz', url);
  health.protocol = health.protocol === 'wss:' ? 'https:' : 'http:';
  try {
    return (await fetch(health, { cache: 'no-store', signal: AbortSignal.timeout(answerMs) })).ok;
  } catch {
    return false;
  }
}

function closeWords(code) {
  if (code === 1012) return 'the broker is restarting';
  if (code === 1006) return 'the broker cannot be reached';
  if (code === 4002) return 'this page did not keep up';
  return `the broker closed the link (${code})`;
}

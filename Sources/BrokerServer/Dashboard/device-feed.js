// The subscriptions behind one device's charts: windows of everything, and readings of what is text.
//
// Whoever turns to another device does so while answers about the last one are still on their way. Each
// turn has a number, and only what belongs to the newest one is told.

const functions = ['last', 'mean', 'min', 'max'];
const isText = ({ kind }) => kind === 'text' || kind === 'data';

/** A subscription that the broker has already ended need not be ended. */
function ignoreRefusal(error) {
  if (error.code === undefined) throw error;
}

export class DeviceFeed {
  #link;
  #owner;
  #device = null;
  #plan = null;
  #cursor = null;
  /** The turn that is wanted, and the one that the open subscriptions are of. */
  #wanted = 0;
  #present = -1;
  #turns = Promise.resolve();
  /** What is open at the broker, whether wanted or not: subscription to `windows` or `texts`. */
  #open = new Map();
  #textMetrics = new Set();
  #metrics = new Map();

  /**
   * `owner` is told what comes: `onSeries(descriptions)`, `onWindows(rows)` and `onTexts(rows)` with
   * `[metric, time, value…]`, `onGap(gap)`, `onRefused(error)`.
   */
  constructor(link, owner) {
    this.#link = link;
    this.#owner = owner;
  }

  get isOpen() { return this.#present === this.#wanted && this.#open.size > 0; }

  /** Follows a device (none where it is null) from `plan.keepSeconds` ago in windows of `plan.resolution`. */
  follow(device, plan) {
    this.#device = device;
    this.#plan = plan;
    this.#cursor = null;
    return this.#turn();
  }

  /** After the link came back: goes on where the last cursor ended. */
  resume() {
    this.#open.clear();
    return this.#turn();
  }

  receive(method, params) {
    if (this.#present !== this.#wanted) return;
    const role = this.#open.get(params.subscription);
    if (role === undefined) return;
    if (method === 'series' && role === 'windows') this.#announce(params.series);
    if (method === 'gap' && role === 'windows') this.#owner.onGap(params);
    if (method !== 'update') return;
    const rows = [];
    for (const row of params.rows) {
      const metric = this.#metrics.get(row[0]);
      if (metric !== undefined) rows.push([metric, ...row.slice(1)]);
    }
    if (role === 'texts') return this.#owner.onTexts(rows);
    this.#cursor = params.cursor ?? this.#cursor;
    this.#owner.onWindows(rows);
  }

  // One turn after the other, old subscriptions ended before new ones are asked for; of several that
  // wait, only the newest is still wanted.
  #turn() {
    const turn = ++this.#wanted;
    return this.#queue(turn, () => this.#begin(turn));
  }

  #queue(turn, deed) {
    this.#turns = this.#turns.then(async () => {
      if (turn !== this.#wanted) return;
      try {
        await deed();
      } catch (error) {
        // A lost link is told by the link itself, and comes back by itself.
        if (error.code !== undefined && turn === this.#wanted) this.#owner.onRefused(error);
      }
    });
    return this.#turns;
  }

  async #begin(turn) {
    await this.#end(() => true);
    if (turn !== this.#wanted || this.#device === null) return;
    this.#metrics.clear();
    this.#textMetrics.clear();
    const result = await this.#askWindows();
    this.#open.set(result.subscription, 'windows');
    if (turn !== this.#wanted) return;
    this.#present = turn;
    this.#cursor = result.cursor ?? this.#cursor;
    this.#announce(result.series ?? []);
  }

  async #end(isOver) {
    for (const [subscription, role] of this.#open) {
      if (!isOver(role)) continue;
      this.#open.delete(subscription);
      await this.#link.request('unsubscribe', { subscription }).catch(ignoreRefusal);
    }
  }

  async #askWindows() {
    const ask = (since) => this.#link.request('subscribe', {
      query: { devices: [this.#device], metrics: ['*'] },
      resolution: this.#plan.resolution, functions, since,
    });
    try {
      return await ask(this.#cursor ?? this.#start);
    } catch (error) {
      // A cursor that the broker no longer knows is no reason to stay without charts.
      if (error.code === undefined || this.#cursor === null) throw error;
      this.#cursor = null;
      return ask(this.#start);
    }
  }

  get #start() { return `-${this.#plan.keepSeconds / 60}m`; }

  #announce(series) {
    for (const { series: number, metric } of series) this.#metrics.set(number, metric);
    this.#owner.onSeries(series);
    const news = series.filter((one) => isText(one) && !this.#textMetrics.has(one.metric));
    if (news.length === 0) return;
    for (const { metric } of news) this.#textMetrics.add(metric);
    const turn = this.#wanted;
    this.#queue(turn, () => this.#followTexts(turn));
  }

  // There are no windows of text, so its readings are asked for as they are.
  async #followTexts(turn) {
    await this.#end((role) => role === 'texts');
    if (turn !== this.#wanted) return;
    const result = await this.#link.request('subscribe', {
      query: { devices: [this.#device], metrics: [...this.#textMetrics] }, resolution: 'raw', since: this.#start,
    });
    this.#open.set(result.subscription, 'texts');
  }
}

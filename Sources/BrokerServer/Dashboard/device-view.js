// Live charts of one device: history first, then what arrives.

import { readTheme } from './chart.js';
import { ChartCard } from './chart-card.js';
import { Series } from './series.js';
import { formatClock, formatSpan } from './format.js';
import { insertByName, show } from './dom.js';

const section = document.getElementById('device');
const charts = document.getElementById('charts');
const notice = document.getElementById('notice');
const pause = document.getElementById('pause');
const gapNote = document.getElementById('gap-note');
const functions = ['last', 'mean', 'min', 'max'];

/** One subscription serves both short ranges; an hour is asked for in windows ten times as long. */
const planFor = (range) => (range <= 600
  ? { resolution: '1s', windowSeconds: 1, keepSeconds: 600 }
  : { resolution: '10s', windowSeconds: 10, keepSeconds: 3600 });

/** A subscription that the broker has already ended need not be ended. */
function ignoreRefusal(error) {
  if (error.code === undefined) throw error;
}

export class DeviceView {
  #now;
  #link;
  #record = null;
  #range = 600;
  #plan = planFor(600);
  #subscription = null;
  #cursor = null;
  #generation = 0;
  #subscribing = Promise.resolve();
  #seriesByID = new Map();
  #cards = new Map();
  #gaps = [];
  #pausedAt = null;
  #pointed = null;
  #theme = readTheme();
  #drawnAt = 0;
  #drawRequest = 0;

  constructor({ now, link }) {
    this.#now = now;
    this.#link = link;
    pause.addEventListener('click', () => this.#setPaused(this.#pausedAt === null));
    document.getElementById('ranges').addEventListener('change', (event) => this.#setRange(Number(event.target.value)));
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
      this.#theme = readTheme();
      this.#requestDraw();
    });
  }

  /** Shows this device (an object of the fleet's, which keeps it up to date), or none. */
  show(record) {
    section.hidden = record === null;
    const changed = record?.device !== this.#record?.device;
    this.#record = record;
    if (record !== null) this.refreshHead();
    if (changed) this.#restart();
  }

  /** After the link came back: goes on where the last cursor ended. */
  async resume() {
    this.#subscription = null;
    await this.#subscribe();
  }

  receive(method, params) {
    if (params.subscription !== this.#subscription || this.#subscription === null) return;
    if (method === 'series') this.#announce(params.series);
    if (method === 'gap') this.#addGap(params);
    if (method === 'update') this.#update(params);
  }

  /** Once a second: time passes on the charts although nothing may have arrived. */
  tick() {
    if (this.#record === null) return;
    this.refreshHead();
    if (performance.now() - this.#drawnAt > 900) this.#requestDraw();
  }

  refreshHead() {
    const record = this.#record;
    if (record === null) return;
    show(document.getElementById('device-name'), record.device);
    const state = document.getElementById('device-state');
    if (state.dataset.state !== record.state || !state.firstChild) {
      const dot = document.createElement('span');
      dot.className = 'dot';
      state.replaceChildren(dot, document.createElement('span'));
      state.dataset.state = record.state;
    }
    const since = record.since
      ? ` for ${formatSpan(this.#now() - record.since)}, since ${formatClock(record.since)}` : '';
    const cause = record.cause && record.state === 'offline' ? `: ${record.cause}` : '';
    show(state.lastChild, `${record.state}${since}${cause}`);
    const agent = record.agent?.name ? [`${record.agent.name} ${record.agent.version ?? ''}`.trim()] : [];
    const labels = Object.entries(record.labels ?? {}).map(([key, value]) => `${key}=${value}`);
    show(document.getElementById('device-facts'), [...agent, ...labels].join(' · '));
  }

  #restart() {
    for (const card of this.#cards.values()) card.remove();
    this.#cards.clear();
    this.#gaps = [];
    this.#cursor = null;
    return this.#subscribe();
  }

  // One subscription after the other, the old one ended before the next is asked for; of several
  // that wait, only the newest is still wanted.
  #subscribe() {
    const generation = ++this.#generation;
    this.#subscribing = this.#subscribing.then(() => this.#subscribeNext(generation));
    return this.#subscribing;
  }

  async #subscribeNext(generation) {
    if (generation !== this.#generation) return;
    try {
      if (this.#subscription !== null) {
        const old = this.#subscription;
        this.#subscription = null;
        await this.#link.request('unsubscribe', { subscription: old }).catch(ignoreRefusal);
      }
      if (this.#record === null) return;
      const result = await this.#ask();
      this.#subscription = result.subscription;
      this.#cursor = result.cursor ?? this.#cursor;
      this.#seriesByID.clear();
      this.#announce(result.series ?? []);
      this.#requestDraw();
    } catch (error) {
      // A lost link is told by the link itself, and comes back by itself.
      if (error.code !== undefined) this.#showNotice(`The broker refused the subscription: ${error.message}`);
    }
  }

  async #ask() {
    const ask = (since) => this.#link.request('subscribe', {
      query: { devices: [this.#record.device], metrics: ['*'] },
      resolution: this.#plan.resolution, functions, since,
    });
    const start = `-${this.#plan.keepSeconds / 60}m`;
    try {
      return await ask(this.#cursor ?? start);
    } catch (error) {
      // A cursor that the broker no longer knows is no reason to stay without charts.
      if (error.code === undefined || this.#cursor === null) throw error;
      this.#cursor = null;
      return ask(start);
    }
  }

  // Numbers of series are the subscription's own; a card lives on under its metric and labels.
  #announce(descriptions) {
    for (const description of descriptions) {
      const key = JSON.stringify([description.metric, description.labels ?? {}]);
      if (!this.#cards.has(key)) this.#cards.set(key, this.#addCard(new Series(description)));
      this.#seriesByID.set(description.series, this.#cards.get(key).series);
    }
  }

  #addCard(series) {
    const card = new ChartCard(series, {
      onPoint: (time) => {
        this.#pointed = time;
        this.#requestDraw();
      },
      onNeedsDrawing: () => this.#requestDraw(),
    });
    // By name, in one grid: what belongs together stands together, and a single chart wastes no row.
    insertByName(charts, card.element, series.metric, (sibling) => sibling.dataset.metric);
    return card;
  }

  #update({ cursor, rows }) {
    for (const [id, time, ...values] of rows) this.#seriesByID.get(id)?.put(time, ...values);
    this.#cursor = cursor ?? this.#cursor;
    const keepFrom = this.#to() - this.#plan.keepSeconds - 60;
    for (const series of this.#seriesByID.values()) series.forgetBefore(keepFrom);
    this.#requestDraw();
  }

  #addGap({ from, to, reason }) {
    this.#gaps.push({ from, to, reason: reason ?? 'unknown reason' });
    this.#requestDraw();
  }

  #showGaps(view) {
    this.#gaps = this.#gaps.filter((gap) => gap.to > this.#to() - this.#plan.keepSeconds);
    const newest = this.#gaps.findLast((gap) => gap.to > view.from && gap.from < view.to);
    gapNote.hidden = newest === undefined;
    if (newest) {
      show(gapNote, `Readings from ${formatClock(newest.from)} to ${formatClock(newest.to)} are lost: ${newest.reason}.`);
    }
  }

  #setRange(range) {
    this.#range = range;
    const plan = planFor(range);
    const samePlan = plan.resolution === this.#plan.resolution;
    this.#plan = plan;
    if (samePlan) this.#requestDraw();
    else this.#restart();
  }

  #setPaused(paused) {
    this.#pausedAt = paused ? this.#now() : null;
    pause.setAttribute('aria-pressed', String(paused));
    this.#requestDraw();
  }

  #to() { return this.#pausedAt ?? this.#now(); }

  // A device that has just been switched on has no ten minutes to show: the charts begin with what
  // there is, and grow to the chosen length.
  #from(to) {
    let oldest = to;
    for (const { series } of this.#cards.values()) oldest = Math.min(oldest, series.times[0] ?? to);
    return Math.max(to - this.#range, Math.min(to - 60, oldest));
  }

  #showNotice(text) {
    show(notice, text);
    notice.hidden = false;
  }

  #requestDraw() {
    this.#drawRequest ||= requestAnimationFrame(() => {
      this.#drawRequest = 0;
      this.#draw();
    });
  }

  #draw() {
    this.#drawnAt = performance.now();
    if (this.#record === null) return;
    const to = this.#to();
    const view = { from: this.#from(to), to, resolution: this.#plan.windowSeconds, now: this.#now() };
    for (const card of this.#cards.values()) card.draw(view, this.#gaps, this.#pointed, this.#theme);
    this.#showGaps(view);
    const waiting = this.#cards.size === 0 && this.#subscription !== null;
    if (waiting) this.#showNotice(`No readings in the last ${formatSpan(this.#plan.keepSeconds)}.`);
    else if (this.#cards.size > 0) notice.hidden = true;
  }
}

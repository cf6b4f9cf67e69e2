// One device: its head, and live cards of everything that it measures.

import { readTheme } from './chart.js';
import { CommandList } from './command-list.js';
import { ChartCard } from './chart-card.js';
import { DeviceFeed } from './device-feed.js';
import { fillOlderTexts } from './older-texts.js';
import { showHead } from './device-head.js';
import { formatSpan } from './format.js';
import { Losses, union } from './losses.js';
import { insertByName, show } from './dom.js';

const element = (id) => document.getElementById(id);
const section = element('device');
const charts = element('charts');
const notice = element('notice');
const pause = element('pause');
const gapNote = element('gap-note');
const metricFilter = element('metric-filter');
const metricCount = element('metric-count');
/** With more cards than this they can be filtered. */
const filterFrom = 12;
/** When nothing has come for so many ticks, the past is thought to be there as far as there is any. */
const quietTicks = 4;
const placeEveryMs = 10_000;

/** One subscription serves both short ranges; longer ones are asked for in longer windows. */
const planFor = (range) => [
  { resolution: '1s', windowSeconds: 1, keepSeconds: 600 },
  { resolution: '10s', windowSeconds: 10, keepSeconds: 3600 },
  { resolution: '1m', windowSeconds: 60, keepSeconds: 86400 },
  { resolution: '10m', windowSeconds: 600, keepSeconds: 7 * 86400 },
].find((plan) => plan.keepSeconds >= range);

export class DeviceView {
  #clock;
  #feed;
  #commands;
  #record = null;
  #range = 600;
  #plan = planFor(600);
  #cards = new Map();
  #losses = new Losses();
  #placedAt = 0;
  #pausedAt = null;
  #pointed = null;
  #theme = readTheme();
  #drawnAt = 0;
  #drawRequest = 0;
  #isLoading = true;
  /** Ticks without anything; they are not counted while the page itself is held up. */
  #quiet = 0;
  #newest = 0;

  /** `clock` has `now()` and `asOf()`, as the page knows the broker's time. */
  constructor({ clock, link }) {
    this.#clock = clock;
    this.#commands = new CommandList(clock, link);
    this.#feed = new DeviceFeed(link, {
      onSeries: (series) => this.#announce(series),
      onWindows: (rows) => this.#windows(rows),
      onTexts: (rows) => this.#texts(rows),
      onGap: (gap) => {
        this.#losses.add(gap);
        this.#placedAt = 0;
        this.#requestDraw();
      },
      onRefused: (error) => this.#showNotice(`The broker refused the subscription: ${error.message}`),
    });
    pause.addEventListener('click', () => this.#setPaused(this.#pausedAt === null));
    element('ranges').addEventListener('change', (event) => this.#setRange(Number(event.target.value)));
    element('reload').addEventListener('click', () => this.#restart());
    metricFilter.addEventListener('input', () => this.#filterCards());
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
    document.title = record === null ? 'Hawser' : `${record.device} · Hawser`;
    if (record !== null) this.refreshHead();
    if (!changed) return;
    this.#commands.follow(record?.device ?? null);
    metricFilter.value = '';
    this.#setPaused(false);
    this.#restart();
  }

  /** After the link came back. */
  resume() {
    this.#waitForPast();
    this.#commands.follow(this.#record?.device ?? null);
    return this.#feed.resume();
  }

  receive(method, params) {
    this.#commands.receive(method, params);
    this.#feed.receive(method, params);
  }

  /** Once a second: time passes on the charts although nothing may have arrived. */
  tick() {
    if (this.#record === null) return;
    this.refreshHead();
    this.#commands.draw();
    this.forget();
    if (this.#isLoading) this.#lookForEndOfPast();
    this.#placeLosses();
    if (performance.now() - this.#drawnAt > 900) this.#requestDraw();
  }

  /** Gives up what is too old to be shown; also while nobody looks, for readings come all the same. */
  forget() {
    const { keepSeconds } = this.#plan;
    // A picture that is held keeps what it shows, but not for ever: what comes has to go somewhere.
    const keepFrom = Math.max(this.#to() - keepSeconds - 60, this.#clock.now() - 3 * keepSeconds);
    for (const { series } of this.#cards.values()) series.forgetBefore(keepFrom);
    this.#losses.forgetBefore(keepFrom);
  }

  refreshHead() {
    if (this.#record === null) return;
    showHead(this.#record, this.#clock);
    const wanted = new URLSearchParams({
      device: this.#record.device, from: `-${this.#range / 60}m`, resolution: this.#plan.resolution, format: 'csv',
    });
    element('csv').href = `v1/history?${wanted}`;
  }

  #restart() {
    for (const card of this.#cards.values()) card.remove();
    this.#cards.clear();
    this.#losses.clear();
    this.#waitForPast();
    this.#filterCards();
    this.#requestDraw();
    return this.#feed.follow(this.#record?.device ?? null, this.#plan);
  }

  // What was measured comes in the order of time, and is followed by the present without a mark.
  #waitForPast() {
    this.#isLoading = true;
    this.#newest = 0;
    this.#quiet = 0;
  }

  #lookForEndOfPast() {
    const isPresent = this.#newest > this.#clock.now() - 3 * this.#plan.windowSeconds - 2;
    if (this.#feed.isOpen) this.#quiet += 1;
    if (!isPresent && this.#quiet < quietTicks) return;
    this.#isLoading = false;
    const silent = [...this.#cards.values()].filter(({ texts }) => texts !== null && texts.version === 0);
    fillOlderTexts(this.#record.device, silent, () => this.#requestDraw());
  }

  // A device has one series of each metric; its card lives on under that name.
  #announce(descriptions) {
    this.#quiet = 0;
    for (const description of descriptions) {
      const card = this.#cards.get(description.metric);
      if (card) card.describe(description);
      else this.#addCard(description);
    }
    this.#filterCards();
    this.#requestDraw();
  }

  #addCard(description) {
    const card = new ChartCard(description, {
      onPoint: (time) => {
        this.#pointed = time;
        this.#requestDraw();
      },
      onNeedsDrawing: () => this.#requestDraw(),
    });
    this.#cards.set(description.metric, card);
    // By name, in one grid: what belongs together stands together, and a single chart wastes no row.
    insertByName(charts, card.element, description.metric, (sibling) => sibling.dataset.metric);
  }

  #windows(rows) {
    this.#quiet = 0;
    for (const [metric, time, ...values] of rows) {
      this.#cards.get(metric)?.series.put(time, ...values);
      if (time > this.#newest) this.#newest = time;
    }
    this.#requestDraw();
  }

  #texts(rows) {
    for (const [metric, time, value] of rows) this.#cards.get(metric)?.texts?.put(time, value);
    this.#requestDraw();
  }

  #showLosses(view) {
    const newest = this.#losses.newest(view);
    gapNote.hidden = newest === null;
    if (newest === null) return;
    show(gapNote.firstElementChild, newest.text);
    element('reload').hidden = !newest.isThere;
  }

  // Not at each draw: it goes through everything. What comes late may make a silence shorter.
  #placeLosses() {
    if (this.#isLoading || this.#losses.isEmpty || performance.now() - this.#placedAt < placeEveryMs) return;
    this.#placedAt = performance.now();
    const series = [...this.#cards.values()].map((card) => card.series);
    const joins = series.filter(({ length }) => length > 1).map((one) => one.longestJoin(this.#plan.windowSeconds));
    if (joins.length === 0) return;
    this.#losses.place(union(series, this.#to() - this.#plan.keepSeconds), Math.min(...joins));
  }

  #filterCards() {
    const wanted = metricFilter.value.trim().toLowerCase();
    let shown = 0;
    for (const [metric, card] of this.#cards) {
      card.element.hidden = wanted !== '' && !metric.toLowerCase().includes(wanted);
      shown += card.element.hidden ? 0 : 1;
    }
    const size = this.#cards.size;
    element('metric-tools').hidden = size <= filterFrom;
    if (shown === 0 && size > 0) show(metricCount, `No metric matches “${metricFilter.value.trim()}”.`);
    else show(metricCount, wanted === '' ? `${size} metrics` : `${shown} of ${size} metrics`);
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
    this.#pausedAt = paused ? this.#clock.now() : null;
    pause.setAttribute('aria-pressed', String(paused));
    show(pause, paused ? 'Paused' : 'Pause');
    this.#requestDraw();
  }

  #to() { return this.#pausedAt ?? this.#clock.now(); }

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
    const view = {
      from: to - this.#range, to, resolution: this.#plan.windowSeconds, keep: this.#plan.keepSeconds,
      now: this.#clock.now(), isLoading: this.#isLoading,
    };
    const { spans } = this.#losses;
    for (const card of this.#cards.values()) card.draw(view, spans, this.#pointed, this.#theme);
    this.#showLosses(view);
    this.#showProgress(view);
    element('legend').hidden = this.#cards.size === 0;
    if (this.#cards.size > 0) notice.hidden = true;
    else if (!this.#isLoading) this.#showNotice('This device has sent no readings yet.');
    else this.#showNotice('Loading…');
  }

  #showProgress(view) {
    const start = view.now - view.keep;
    const share = Math.max(0, Math.min(1, (this.#newest - start) / view.keep));
    const isSlow = this.#isLoading && this.#clock.asOf() === null && this.#cards.size > 0;
    element('progress').hidden = !isSlow;
    if (isSlow) show(element('progress'), `Loading the last ${formatSpan(view.keep)}: ${Math.floor(share * 100)} %`);
  }
}

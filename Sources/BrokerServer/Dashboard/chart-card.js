// One metric's card: its name, last value, and either a chart with a line below that reads a moment
// out, or, for text, what it was before.

import { Chart } from './chart.js';
import { Series } from './series.js';
import { TextLog } from './text-log.js';
import { formatAgo, formatClock, formatMoment, formatSpan, formatValue, scaleFor } from './format.js';
import { show, stamp } from './dom.js';

const shownChanges = 6;
const cards = new WeakMap();

// Charts that are out of sight are neither drawn nor hold a picture: six hundred would be 100 MB.
const visibility = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) cards.get(target)?.setVisible(isIntersecting);
}, { rootMargin: '200px' });
const sizes = new ResizeObserver((entries) => {
  for (const { target } of entries) cards.get(target)?.resized();
});

export class ChartCard {
  element = stamp('chart-template');
  series;
  texts = null;
  #value = this.element.querySelector('.value');
  #said = this.element.querySelector('.said');
  #changes = this.element.querySelector('.changes');
  #canvas = this.element.querySelector('canvas');
  #foot = this.element.querySelector('.foot');
  #enlarge = this.element.querySelector('.enlarge');
  #chart = new Chart(this.#canvas);
  #events;
  #view = null;
  #isVisible = false;
  #shownVersion = -1;

  /** `onPoint(time | null)` when somebody points at a moment; `onNeedsDrawing()` when it came into sight. */
  constructor(description, events) {
    this.series = new Series(description);
    this.#events = events;
    this.describe(description);
    cards.set(this.element, this);
    visibility.observe(this.element);
    sizes.observe(this.element);
    this.#canvas.addEventListener('pointermove', (event) => events.onPoint(this.#chart.timeAt(event.offsetX)));
    this.#canvas.addEventListener('pointerleave', () => events.onPoint(null));
    this.#enlarge.addEventListener('click', () => this.#setLarge(!this.#isLarge));
    this.#canvas.addEventListener('dblclick', () => this.#setLarge(!this.#isLarge));
    this.#canvas.addEventListener('blur', () => this.#leave());
    this.#canvas.addEventListener('keydown', (event) => this.#key(event));
  }

  /** Takes what the broker says of the series: at first, and again after a reconnect. */
  describe(description) {
    const { series, element } = this;
    series.describe(description);
    const isText = series.kind === 'text' || series.kind === 'data';
    if (isText) this.texts ??= new TextLog();
    element.dataset.metric = series.metric;
    element.dataset.kind = series.kind;
    this.#value.hidden = this.#canvas.hidden = isText;
    this.#said.hidden = this.#changes.hidden = !isText;
    // Long names break after a dot or slash; a <wbr> is not copied along with the name.
    const parts = series.metric.split(/(?<=[/:._-])/).flatMap((part) => [part, document.createElement('wbr')]);
    element.querySelector('h2').replaceChildren(...parts);
    this.#enlarge.setAttribute('aria-label', `Enlarge ${series.metric}`);
    const unit = series.unit === '' ? '' : ` in ${scaleFor(series.unit, 1).symbol || series.unit}`;
    this.#canvas.setAttribute('aria-label', `Chart of ${series.metric}${unit}; arrow keys read single moments`);
  }

  remove() {
    visibility.unobserve(this.element);
    sizes.unobserve(this.element);
    this.element.remove();
  }

  setVisible(isVisible) {
    this.#isVisible = isVisible;
    if (!isVisible) return this.#chart.release();
    this.#chart.resize();
    this.#events.onNeedsDrawing();
  }

  get #isLarge() { return this.element.classList.contains('large'); }

  // One at a time would close what somebody compares; each has its own.
  #setLarge(isLarge) {
    this.element.classList.toggle('large', isLarge);
    this.#enlarge.setAttribute('aria-pressed', String(isLarge));
    this.#shownVersion = -1;
    this.#events.onNeedsDrawing();
  }

  resized() {
    if (this.#isVisible && this.#chart.resize()) this.#events.onNeedsDrawing();
  }

  /** Shows the card as of `view`; out of sight it only says how much it has. */
  draw(view, gaps, pointed, theme) {
    this.#view = { ...view, pointed };
    const { series, element } = this;
    // For scripts and tests: what the chart shows, without reading pixels.
    element.dataset.windows = series.length;
    element.dataset.newest = this.texts?.lastTime ?? series.lastTime ?? '';
    if (!this.#isVisible) return;
    if (this.texts !== null) return this.#drawText(view);
    show(this.#value, series.length ? this.#words(series.lastValue) : '–');
    const age = series.length ? view.now - series.lastTime - view.resolution : Infinity;
    const isOld = age > series.longestJoin(view.resolution) + 1;
    element.toggleAttribute('data-stale', isOld);
    show(this.#foot, pointed === null ? this.#summary(view, age, isOld) : this.#readout(pointed, view));
    this.#chart.draw(series, view, gaps, pointed, theme);
  }

  #drawText(view) {
    const { texts } = this;
    if (this.#shownVersion !== texts.version) {
      this.#shownVersion = texts.version;
      show(this.#said, texts.last?.text ?? '–');
      const earlier = texts.changes.slice(this.#isLarge ? 0 : -1 - shownChanges, -1).reverse();
      this.#changes.replaceChildren(...earlier.map((change) => changeItem(change, view.now)));
    }
    show(this.#foot, this.#textSummary(view));
  }

  #textSummary(view) {
    const { last, lastTime } = this.texts;
    if (last === undefined) return view.isLoading ? 'loading…' : `nothing in the last ${formatSpan(view.keep)}`;
    const age = view.now - lastTime;
    const moment = age < 60 ? '' : `, ${formatMoment(lastTime, view.now)}`;
    const since = lastTime - last.time < 1 ? '' : ` · same since ${formatMoment(last.time, view.now)}`;
    return `${formatAgo(age)}${moment}${since}`;
  }

  #words(value, magnitude) {
    if (this.series.isFlag) return value === 1 ? 'on' : 'off';
    return formatValue(value, this.series.unit, magnitude);
  }

  #summary(view, age, isOld) {
    const { series } = this;
    if (view.isLoading && isOld) return 'loading…';
    const first = series.firstIndexFrom(view.from);
    if (first >= series.length) {
      const ago = Number.isFinite(age) ? `; last ${formatAgo(age)}` : '';
      return `nothing in the last ${formatSpan(view.to - view.from)}${ago}`;
    }
    if (series.isFlag) {
      const { share, changed } = series.flags(first);
      const change = changed === null ? formatAgo(age) : `changed ${formatAgo(view.now - changed)}`;
      return `on ${Math.round(100 * share)} % · ${change}`;
    }
    const { low, high } = series.extent(first);
    const magnitude = Math.max(Math.abs(low), Math.abs(high));
    return `low ${this.#words(low, magnitude)} · high ${this.#words(high, magnitude)} · ${formatAgo(age)}`;
  }

  #readout(pointed, view) {
    const { series } = this;
    const index = series.nearest(pointed - view.resolution / 2, view.resolution);
    if (index < 0) return `${formatClock(pointed)}: nothing measured`;
    const clock = formatClock(series.times[index]);
    const [low, high] = [series.min[index], series.max[index]];
    if (series.isFlag) return `${clock}: ${this.#words(series.last[index])}${low === high ? '' : ', and changed'}`;
    const magnitude = Math.max(Math.abs(low), Math.abs(high));
    const [from, mean, to] = [low, series.mean[index], high].map((value) => this.#words(value, magnitude));
    return `${clock}: ${mean}${low === high ? '' : ` (${from} to ${to})`}`;
  }

  // With the keyboard: arrows walk along the windows, Home and End jump, Escape lets go. The line
  // below becomes a live region only now; otherwise it would be read out every second.
  #key(event) {
    if (this.#view === null) return;
    const { from, to, resolution, pointed } = this.#view;
    const step = resolution * (event.shiftKey ? 10 : 1);
    const at = pointed ?? (this.series.lastTime ?? to) + resolution / 2;
    const moves = { ArrowLeft: at - step, ArrowRight: at + step, Home: from, End: to, Escape: null };
    if (!(event.key in moves)) return;
    event.preventDefault();
    const target = moves[event.key];
    this.#foot.setAttribute('aria-live', target === null ? 'off' : 'polite');
    this.#events.onPoint(target === null ? null : Math.min(to, Math.max(from, target)));
  }

  #leave() {
    this.#foot.removeAttribute('aria-live');
    this.#events.onPoint(null);
  }
}

function changeItem({ time, text }, now) {
  const item = document.createElement('li');
  const clock = document.createElement('time');
  clock.dateTime = new Date(time * 1000).toISOString();
  clock.textContent = formatMoment(time, now);
  const words = document.createElement('span');
  words.textContent = text;
  item.append(clock, words);
  return item;
}

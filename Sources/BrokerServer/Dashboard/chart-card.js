// One metric's card: its name, last value, chart, and the line below that reads a moment out.

import { Chart } from './chart.js';
import { formatAgo, formatClock, formatSpan, formatValue } from './format.js';
import { show, stamp } from './dom.js';

export class ChartCard {
  element = stamp('chart-template');
  series;
  #value = this.element.querySelector('.value');
  #canvas = this.element.querySelector('canvas');
  #foot = this.element.querySelector('.foot');
  #chart = new Chart(this.#canvas);
  #events;
  #view = null;
  #isVisible = true;
  #sizeObserver;
  #visibilityObserver;

  /** `onPoint(time | null)` when somebody points at a moment; `onNeedsDrawing()` when the size changed. */
  constructor(series, events) {
    this.series = series;
    this.#events = events;
    this.element.dataset.metric = series.metric;
    const labels = Object.entries(series.labels).map(([key, value]) => `${key}=${value}`).join(' ');
    const title = labels ? `${series.metric} ${labels}` : series.metric;
    // Long names break after a dot or slash; a <wbr> is not copied along with the name.
    const parts = title.split(/(?<=[/:.])/).flatMap((part) => [part, document.createElement('wbr')]);
    this.element.querySelector('h2').append(...parts);
    this.#canvas.setAttribute('aria-label', `Chart of ${title}; arrow keys read single moments`);
    this.#sizeObserver = new ResizeObserver(() => this.#chart.resize() && events.onNeedsDrawing());
    this.#sizeObserver.observe(this.#canvas);
    // Charts that are scrolled out of sight are not drawn.
    this.#visibilityObserver = new IntersectionObserver(([entry]) => {
      this.#isVisible = entry.isIntersecting;
      if (this.#isVisible) events.onNeedsDrawing();
    }, { rootMargin: '200px' });
    this.#visibilityObserver.observe(this.#canvas);
    this.#canvas.addEventListener('pointermove', (event) => events.onPoint(this.#chart.timeAt(event.offsetX)));
    this.#canvas.addEventListener('pointerleave', () => events.onPoint(null));
    this.#canvas.addEventListener('blur', () => this.#leave());
    this.#canvas.addEventListener('keydown', (event) => this.#key(event));
  }

  remove() {
    this.#sizeObserver.disconnect();
    this.#visibilityObserver.disconnect();
    this.element.remove();
  }

  draw(view, gaps, pointed, theme) {
    this.#view = { ...view, pointed };
    const { series } = this;
    // For scripts and tests: what the chart shows, without reading pixels.
    this.element.dataset.windows = series.length;
    this.element.dataset.newest = series.lastTime ?? '';
    show(this.#value, series.length ? formatValue(series.lastValue, series.unit) : '–');
    const age = series.length ? view.now - series.lastTime - view.resolution : Infinity;
    this.element.toggleAttribute('data-stale', age > series.longestJoin(view.resolution) + 1);
    show(this.#foot, pointed === null ? this.#summary(view, age) : this.#readout(pointed, view));
    if (this.#isVisible) this.#chart.draw(series, view, gaps, pointed, theme);
  }

  #summary(view, age) {
    const { series } = this;
    const { low, high } = series.extent(series.firstIndexFrom(view.from));
    if (low > high) {
      const ago = Number.isFinite(age) ? `; last ${formatAgo(age)}` : '';
      return `nothing in the last ${formatSpan(view.to - view.from)}${ago}`;
    }
    return `low ${formatValue(low, series.unit)} · high ${formatValue(high, series.unit)} · ${formatAgo(age)}`;
  }

  #readout(pointed, view) {
    const { series } = this;
    const index = series.nearest(pointed - view.resolution / 2, view.resolution);
    if (index < 0) return `${formatClock(pointed)}: nothing measured`;
    const [mean, min, max] = ['mean', 'min', 'max'].map((column) => formatValue(series[column][index], series.unit));
    return `${formatClock(series.times[index])}: ${mean}${min === max ? '' : ` (${min} to ${max})`}`;
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

// What the page remembers of one series: its windows in the order of time, and what was lost.

const rememberedSpacings = 15;

export class Series {
  /** Columns side by side; index `i` of each belongs to the window that starts at `times[i]`. */
  times = [];
  last = [];
  mean = [];
  min = [];
  max = [];
  #spacings = [];
  #sawOther = false;

  constructor(description) {
    this.describe(description);
  }

  /** Takes what the broker says of the series. */
  describe({ metric, unit, kind }) {
    this.metric = metric;
    this.unit = unit ?? '';
    this.kind = kind ?? 'number';
  }

  /** Whether it is on or off, and nothing else. */
  get isFlag() { return this.kind === 'boolean' && !this.#sawOther; }

  get length() { return this.times.length; }
  get lastTime() { return this.times.at(-1); }
  get lastValue() { return this.last.at(-1); }

  /** Adds a window, or replaces the one that late data changed. Values that are not numbers are left out. */
  put(time, last, mean, min, max) {
    if (typeof last !== 'number') return;
    if (last !== 0 && last !== 1) this.#sawOther = true;
    const at = this.#indexFor(time);
    const replaces = this.times[at] === time ? 1 : 0;
    if (at === this.times.length && at > 0) this.#noteSpacing(time - this.times[at - 1]);
    this.times.splice(at, replaces, time);
    this.last.splice(at, replaces, last);
    this.mean.splice(at, replaces, mean ?? last);
    this.min.splice(at, replaces, min ?? last);
    this.max.splice(at, replaces, max ?? last);
  }

  /** Forgets what ended before `time`; in blocks, because cutting an array's head moves all of it. */
  forgetBefore(time) {
    const count = this.#indexFor(time);
    if (count < 60) return;
    for (const column of [this.times, this.last, this.mean, this.min, this.max]) column.splice(0, count);
  }

  /** The first index at or after `time`. */
  #indexFor(time) {
    const times = this.times;
    if (times.length === 0 || time > times[times.length - 1]) return times.length;
    let low = 0;
    let high = times.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (times[middle] < time) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  firstIndexFrom(time) { return this.#indexFor(time); }

  /** Lowest and highest reading of the windows from index `first` on; `low > high` when there is none. */
  extent(first) {
    let low = Infinity;
    let high = -Infinity;
    for (let index = first; index < this.length; index += 1) {
      if (this.min[index] < low) low = this.min[index];
      if (this.max[index] > high) high = this.max[index];
    }
    return { low, high };
  }

  /** Of the windows from index `first` on: in which share it was on at last, how often and when it last changed. */
  flags(first) {
    let on = 0;
    let changes = 0;
    let changed = null;
    for (let index = first; index < this.length; index += 1) {
      on += this.last[index];
      if (this.min[index] !== this.max[index] || (index > 0 && this.last[index] !== this.last[index - 1])) {
        changed = this.times[index];
        changes += 1;
      }
    }
    return { share: on / Math.max(1, this.length - first), changed, changes };
  }

  /** The index of the window nearest to `time`, or -1 when none is within the usual distance. */
  nearest(time, resolution) {
    const after = this.#indexFor(time);
    const candidates = [after - 1, after].filter((index) => index >= 0 && index < this.length);
    let best = -1;
    for (const index of candidates) {
      if (best < 0 || Math.abs(this.times[index] - time) < Math.abs(this.times[best] - time)) best = index;
    }
    return best >= 0 && Math.abs(this.times[best] - time) <= this.usualSpacing(resolution) ? best : -1;
  }

  #noteSpacing(seconds) {
    this.#spacings.push(seconds);
    if (this.#spacings.length > rememberedSpacings) this.#spacings.shift();
  }

  // The median is not moved by the one long spacing that an outage leaves, and follows a sensor that
  // reports every ten seconds among others that report every second.
  usualSpacing(resolution) {
    if (this.#spacings.length === 0) return resolution;
    const sorted = [...this.#spacings].sort((a, b) => a - b);
    return Math.max(resolution, sorted[sorted.length >> 1]);
  }

  /** Spacing above which two windows are not joined by a line: something is missing between them. */
  longestJoin(resolution) { return 2.5 * this.usualSpacing(resolution); }
}

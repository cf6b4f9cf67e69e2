// What is missing on the charts, and why: lost for good at the device, or merely not sent to this page.

import { formatClock } from './format.js';

const keptGaps = 100;

/** Reasons as they stand in messages, for people. */
const words = {
  'spool full': 'the device was cut off for longer than it has room for',
  'spool damaged': 'the device could not read what it had kept',
  'too old': 'the device had kept them for as long as it may',
  'disk full': "the device's disk was full",
  'pack too large': 'the device had more in one message than the broker takes',
  'lost in a crash': 'the device died before they were kept',
  'slow reader': 'this page was slower than the data',
  'cursor too old': 'this page was away for too long',
  'cursor unknown': 'the broker has another store than before',
};

export class Losses {
  #gaps = [];

  /** Takes a `gap` of the live link; one with `packs` is a device's. */
  add({ from, to, reason, packs }) {
    const isLost = packs !== undefined;
    const count = isLost ? packs.to - packs.from + 1 : 0;
    const isRefused = isLost && reason?.startsWith('refused');
    // What a device gave up is told again to whoever comes back.
    const key = isLost ? `${packs.epoch} ${packs.from} ${packs.to}` : null;
    if (isLost && this.#gaps.some((gap) => gap.key === key)) return;
    this.#gaps.push({
      key, from, to, told: to, reason: words[reason] ?? reason ?? 'unknown', isLost, isRefused, count,
    });
    if (this.#gaps.length > keptGaps) this.#gaps.shift();
  }

  clear() { this.#gaps = []; }

  forgetBefore(time) { this.#gaps = this.#gaps.filter(({ to }) => to > time); }

  get isEmpty() { return this.#gaps.length === 0; }

  /** Parts of time to be hatched. */
  get spans() { return this.#gaps.filter(({ from, to }) => to > from); }

  /**
   * A device names the packs that it gave up, not their time. Where it was measuring all the while, that is
   * the last silence of all its series before it said so: `times` has the starts of all windows, in order.
   */
  place(times, longestJoin) {
    for (const gap of this.#gaps) {
      if (!gap.isLost || gap.isRefused) continue;
      gap.from = gap.to = gap.told;
      for (let index = times.length - 1; index > 0; index -= 1) {
        const [before, after] = [times[index - 1], times[index]];
        if (before >= gap.told || after - before <= longestJoin) continue;
        gap.from = before + longestJoin / 2.5;
        gap.to = after;
        break;
      }
    }
  }

  /** The newest that touches the view in a sentence, and whether the broker has what is missing; or null. */
  newest(view) {
    const gap = this.#gaps.findLast(({ from, to, told }) => Math.max(to, told) > view.from && from < view.to);
    if (gap === undefined) return null;
    const span = gap.to > gap.from
      ? ` from ${formatClock(Math.max(gap.from, view.from))} to ${formatClock(gap.to)}` : ` (told at ${formatClock(gap.told)})`;
    if (!gap.isLost) return { text: `Not shown${span}: ${gap.reason}.`, isThere: true };
    const packs = gap.count === 1 ? 'One pack of readings' : `${gap.count} packs of readings`;
    if (gap.isRefused) return { text: `${packs} ${gap.count === 1 ? 'was' : 'were'} not taken whole${span}: ${gap.reason}.`, isThere: false };
    return { text: `${packs} ${gap.count === 1 ? 'is' : 'are'} lost${span}: ${gap.reason}.`, isThere: false };
  }
}

/** The starts of the windows of several series, in order, each once. */
export function union(series, from) {
  const times = new Set();
  for (const one of series) {
    for (let index = one.firstIndexFrom(from); index < one.length; index += 1) times.add(one.times[index]);
  }
  return [...times].sort((a, b) => a - b);
}

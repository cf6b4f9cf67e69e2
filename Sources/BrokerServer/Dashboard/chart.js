// One small chart on a canvas: a band from lowest to highest, the mean as a line, gaps as gaps; of what is
// on or off, steps.
//
// Why not a chart library: see the measurement at the top of dashboard.js.

import { decimalsOf, fixed, formatClock, formatDay, scaleFor, ticks } from './format.js';

/** The least pixels between two changes of what is on or off. */
const leastStep = 3;
const right = 8;
const bottom = 20;
const timeSteps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400, 172800];

/** The page's colours, read once a theme: asking the style of an element for each stroke is slow. */
export function readTheme() {
  const style = getComputedStyle(document.documentElement);
  const names = ['text', 'quiet', 'accent', 'band', 'grid', 'lost', 'card'];
  return Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
}

export class Chart {
  #canvas;
  #context;
  #width = 0;
  #height = 0;
  #view = { from: 0, to: 1 };
  /** Where the axes begin: as far right and down as their labels need. */
  #left = 46;
  #top = 8;

  constructor(canvas) {
    this.#canvas = canvas;
    this.#context = canvas.getContext('2d');
  }

  /** Adopts the canvas's size on the page; true when it changed, and the chart must be drawn again. */
  resize() {
    const width = this.#canvas.clientWidth;
    const height = this.#canvas.clientHeight;
    const density = devicePixelRatio || 1;
    if (width === 0 || (this.#canvas.width === Math.round(width * density)
      && this.#canvas.height === Math.round(height * density))) return false;
    this.#width = width;
    this.#height = height;
    this.#canvas.width = Math.round(width * density);
    this.#canvas.height = Math.round(height * density);
    this.#context.setTransform(density, 0, 0, density, 0, 0);
    return true;
  }

  /** Gives the picture's memory back, until the next `resize()`. */
  release() {
    this.#canvas.width = 0;
    this.#canvas.height = 0;
    this.#width = 0;
  }

  /** The time under a horizontal position within the canvas. */
  timeAt(x) {
    const { from, to } = this.#view;
    const share = (x - this.#left) / (this.#width - this.#left - right);
    return from + Math.min(1, Math.max(0, share)) * (to - from);
  }

  /**
   * Draws `series` between `view.from` and `view.to` (seconds since 1970; `view.resolution` is the
   * length of a window). `gaps` are `{from, to}`; `pointed` is a moment to mark, or null.
   */
  draw(series, view, gaps, pointed, theme) {
    if (this.#width === 0) return;
    this.#view = view;
    const context = this.#context;
    context.clearRect(0, 0, this.#width, this.#height);
    context.font = '11px system-ui, sans-serif';
    context.lineWidth = 1;

    const first = Math.max(0, series.firstIndexFrom(view.from) - 1);
    const scale = series.isFlag ? flagScale : valueScale(series, first, this.#height);
    const labels = scale.ticks.map((value) => context.measureText(scale.label(value)).width);
    this.#left = Math.min(this.#width / 2, Math.max(26, Math.ceil(Math.max(...labels)) + 8));
    this.#top = scale.symbol === '' ? 8 : 22;
    const [left, top] = [this.#left, this.#top];
    const x = (time) => left + (time - view.from) / (view.to - view.from) * (this.#width - left - right);
    const y = (value) => top + (scale.high - value) / (scale.high - scale.low) * (this.#height - top - bottom);

    this.#drawAxes(view, scale, x, y, theme);
    context.save();
    context.beginPath();
    context.rect(left, 0, this.#width - left, this.#height - bottom);
    context.clip();
    for (const gap of gaps) if (gap.to > gap.from) this.#drawGap(x(gap.from), x(gap.to), theme);
    // Where steps would run together, the share of the time in which it was on says more.
    const areSteps = series.isFlag && first < series.length
      && series.flags(first).changes * leastStep <= x(series.lastTime) - x(series.times[first]) + leastStep;
    if (areSteps) this.#drawSteps(series, first, view, x, y, theme);
    else this.#drawRuns(this.#columns(series, first, view, x), y, theme);
    if (pointed !== null) this.#drawPointer(series, view, pointed, x, y, theme);
    context.restore();
  }

  #drawAxes(view, scale, x, y, theme) {
    const context = this.#context;
    const [left, top] = [this.#left, this.#top];
    context.textBaseline = 'middle';
    context.textAlign = 'right';
    for (const value of scale.ticks) {
      const height = Math.round(y(value)) + 0.5;
      context.strokeStyle = theme.grid;
      line(context, left, height, this.#width - right, height);
      context.fillStyle = theme.quiet;
      context.fillText(scale.label(value), left - 6, height);
    }
    context.textAlign = 'left';
    context.fillText(scale.symbol, 0, 7);
    context.textAlign = 'center';
    context.textBaseline = 'alphabetic';
    const room = Math.max(2, Math.floor((this.#width - left) / 76));
    const step = timeSteps.find((seconds) => (view.to - view.from) / seconds <= room) ?? 172800;
    // Steps count from local midnight, so that an hour's mark is on the reader's hour.
    const zone = new Date(view.to * 1000).getTimezoneOffset() * 60;
    for (let time = Math.ceil((view.from - zone) / step) * step + zone; time <= view.to; time += step) {
      const at = Math.round(x(time)) + 0.5;
      context.strokeStyle = theme.grid;
      line(context, at, top, at, this.#height - bottom);
      const text = step < 86400 ? formatClock(time, step < 60) : formatDay(time);
      const half = context.measureText(text).width / 2;
      if (at - half < 0 || at + half > this.#width) continue;
      context.fillStyle = theme.quiet;
      context.fillText(text, at, this.#height - 5);
    }
  }

  #drawGap(start, end, theme) {
    const context = this.#context;
    const height = this.#height - bottom;
    const [left, top] = [this.#left, this.#top];
    context.save();
    context.beginPath();
    context.rect(start, top, Math.max(2, end - start), height - top);
    context.clip();
    context.strokeStyle = theme.lost;
    context.lineWidth = 2;
    const firstStripe = Math.floor((Math.max(left, start) - height) / 8) * 8;
    for (let at = firstStripe; at < Math.min(end, this.#width) + height; at += 8) {
      line(context, at, height, at + height, 0);
    }
    context.restore();
  }

  // Windows that share a pixel column become one, so that an hour costs no more to stroke than a
  // minute and no extreme is lost. A `null` column is a gap.
  #columns(series, first, view, x) {
    const columns = [];
    const longest = series.longestJoin(view.resolution);
    const half = view.resolution / 2;
    let previous = -Infinity;
    let column = null;
    for (let index = first; index < series.length && series.times[index] <= view.to; index += 1) {
      const time = series.times[index];
      if (column !== null && time - previous > longest) columns.push(null);
      const joined = time - previous <= longest;
      previous = time;
      const at = x(time + half);
      if (joined && column !== null && Math.round(at) === Math.round(column.x)) {
        column.min = Math.min(column.min, series.min[index]);
        column.max = Math.max(column.max, series.max[index]);
        column.sum += series.mean[index];
        column.count += 1;
      } else {
        column = { x: at, min: series.min[index], max: series.max[index], sum: series.mean[index], count: 1 };
        columns.push(column);
      }
    }
    return columns;
  }

  // What is on or off stays so until it is told otherwise; a change within a window is one stroke.
  #drawSteps(series, first, view, x, y, theme) {
    const context = this.#context;
    const longest = series.longestJoin(view.resolution);
    const usual = series.usualSpacing(view.resolution);
    context.fillStyle = theme.band;
    context.strokeStyle = theme.accent;
    context.lineWidth = 1.5;
    context.beginPath();
    let isJoined = false;
    for (let index = first; index < series.length && series.times[index] <= view.to; index += 1) {
      const time = series.times[index];
      const next = series.times[index + 1] ?? Infinity;
      const end = Math.min(x(next - time <= longest ? next : time + usual), this.#width - right);
      const level = y(series.last[index]);
      if (series.min[index] !== series.max[index]) {
        context.moveTo(x(time), y(0));
        context.lineTo(x(time), y(1));
        context.moveTo(x(time), level);
      } else if (isJoined) {
        context.lineTo(x(time), level);
      } else {
        context.moveTo(x(time), level);
      }
      context.lineTo(end, level);
      if (series.last[index] === 1) context.fillRect(x(time), level, end - x(time), y(0) - level);
      isJoined = next - time <= longest;
    }
    context.stroke();
    context.lineWidth = 1;
  }

  #drawRuns(columns, y, theme) {
    const context = this.#context;
    let start = 0;
    while (start < columns.length) {
      let end = columns.indexOf(null, start);
      if (end < 0) end = columns.length;
      if (end > start) this.#drawRun(columns.slice(start, end), y, theme, end === columns.length);
      start = end + 1;
    }
    context.lineWidth = 1;
  }

  #drawRun(run, y, theme, isNewest) {
    const context = this.#context;
    const mean = (column) => y(column.sum / column.count);
    context.fillStyle = theme.band;
    context.beginPath();
    for (const column of run) context.lineTo(column.x, y(column.max));
    for (let index = run.length - 1; index >= 0; index -= 1) context.lineTo(run[index].x, y(run[index].min));
    context.fill();
    context.strokeStyle = theme.accent;
    context.lineWidth = 1.5;
    context.lineJoin = 'round';
    context.beginPath();
    for (const column of run) context.lineTo(column.x, mean(column));
    context.stroke();
    const newest = run[run.length - 1];
    // A lone window has no line; the newest one has a dot to be found by.
    if (isNewest || run.length === 1) dot(context, newest.x, mean(newest), isNewest ? 3 : 1.5, theme.accent);
  }

  #drawPointer(series, view, pointed, x, y, theme) {
    const context = this.#context;
    const at = Math.round(x(pointed)) + 0.5;
    context.strokeStyle = theme.text;
    context.setLineDash([3, 3]);
    line(context, at, this.#top, at, this.#height - bottom);
    context.setLineDash([]);
    const index = series.nearest(pointed - view.resolution / 2, view.resolution);
    if (index < 0) return;
    const value = series.isFlag ? series.last[index] : series.mean[index];
    dot(context, x(series.times[index] + view.resolution / 2), y(value), 3.5, theme.text);
  }
}

const flagScale = { low: 0, high: 1, ticks: [0, 1], symbol: '', label: (value) => (value === 1 ? 'on' : 'off') };

/** Bounds, ticks and labels of a vertical axis of `height` pixels for the windows from index `first` on. */
function valueScale(series, first, height) {
  const extent = series.extent(first);
  let { low, high } = extent;
  if (low > high) [low, high] = [0, 1];
  // From zero where that is honest and still shows something; else closely around the values, but
  // never so closely that the last digit's noise fills the chart.
  if (low >= 0 && low <= 0.6 * high) low = 0;
  const least = Math.max(Math.abs(high), Math.abs(low)) * 0.02 || (series.unit === '/' ? 0.01 : 1);
  if (high - low < least) [low, high] = [low === 0 ? 0 : (low + high - least) / 2, (low + high + least) / 2];
  // A share of a whole that never was above 100 % has no axis above it.
  const whole = { '/': 1, '%': 100 }[series.unit] ?? Infinity;
  if (high > whole && extent.high <= whole) [low, high] = [low - (high - whole), whole];
  const { divisor, symbol } = scaleFor(series.unit, Math.max(Math.abs(high), Math.abs(low)));
  const ladder = symbol.endsWith('iB') || symbol.endsWith('iB/s') ? [1, 2, 4, 5, 10] : undefined;
  const { step, values } = ticks(low / divisor, high / divisor, Math.max(3, Math.floor(height / 50)), ladder);
  const decimals = decimalsOf(step);
  const newTop = Math.ceil(high / divisor / step - 1e-6) * step;
  const newBottom = Math.floor(low / divisor / step + 1e-6) * step;
  if (values.at(-1) < newTop - step / 2) values.push(newTop);
  if (values[0] > newBottom + step / 2) values.unshift(newBottom);
  return {
    low: newBottom * divisor,
    high: newTop * divisor,
    ticks: values.map((value) => value * divisor),
    symbol,
    label: (value) => fixed(value / divisor, decimals),
  };
}

function line(context, x1, y1, x2, y2) {
  context.beginPath();
  context.moveTo(x1, y1);
  context.lineTo(x2, y2);
  context.stroke();
}

function dot(context, x, y, radius, colour) {
  context.fillStyle = colour;
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fill();
}

// Numbers for people: a SenML unit (RFC 8428 and its IANA registry) decides how a value is scaled
// and which symbol follows it.

const binary = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi'];
const decimal = ['', 'k', 'M', 'G', 'T', 'P'];

/** Symbols of units that read differently on a screen than on the wire. */
const symbols = { Cel: '°C', '%RH': '% RH', '1/s': '/s', count: '', deg: '°', lat: '°', lon: '°', Ohm: 'Ω' };

/** Units that grow through prefixes rather than through digits. */
const prefixed = new Set(['bit/s', 'bit', 'Hz', 'W', 'V', 'A', 'J', 'VA', 'Wh', 'm', 'g', 'Pa', 'Ohm', 'F']);

/** How values of `unit` are shown when the largest of them is `magnitude`. */
export function scaleFor(unit, magnitude) {
  const size = Math.abs(magnitude);
  if (unit === '/') return { divisor: 0.01, symbol: '%' };
  if (unit === 'B' || unit === 'B/s') {
    const step = stepOf(size, 1024, binary.length);
    return { divisor: 1024 ** step, symbol: binary[step] + unit };
  }
  if (unit === 's') return secondsScale(size);
  if (prefixed.has(unit)) {
    if (size > 0 && size < 0.1) return { divisor: 0.001, symbol: 'm' + (symbols[unit] ?? unit) };
    const step = stepOf(size, 1000, decimal.length);
    return { divisor: 1000 ** step, symbol: decimal[step] + (symbols[unit] ?? unit) };
  }
  if (size >= 1e5) {
    const step = stepOf(size, 1000, decimal.length);
    return { divisor: 1000 ** step, symbol: decimal[step] + (symbols[unit] ?? unit ?? '') };
  }
  return { divisor: 1, symbol: symbols[unit] ?? unit ?? '' };
}

// A little early, because 1,023.9 KiB would be written 1,024 KiB.
function stepOf(size, base, count) {
  let step = 0;
  while (step < count - 1 && size >= 0.9995 * base ** (step + 1)) step += 1;
  return step;
}

function secondsScale(size) {
  if (size >= 172800) return { divisor: 86400, symbol: 'd' };
  if (size >= 7200) return { divisor: 3600, symbol: 'h' };
  if (size >= 120) return { divisor: 60, symbol: 'min' };
  if (size >= 1 || size === 0) return { divisor: 1, symbol: 's' };
  if (size >= 0.001) return { divisor: 0.001, symbol: 'ms' };
  return { divisor: 1e-6, symbol: 'µs' };
}

const formatters = new Map();

/** `value` with a fixed number of decimals, in the reader's own notation. */
export function fixed(value, decimals) {
  let formatter = formatters.get(decimals);
  if (!formatter) {
    formatter = new Intl.NumberFormat(undefined, {
      minimumFractionDigits: decimals, maximumFractionDigits: decimals,
    });
    formatters.set(decimals, formatter);
  }
  return formatter.format(Object.is(value, -0) ? 0 : value);
}

/** A value with its unit and about three significant digits: `12.3 MiB`, `4.31 %`, `147 /s`. */
export function formatValue(value, unit) {
  if (!Number.isFinite(value)) return '–';
  if (unit === 'lat' || unit === 'lon') return `${fixed(value, 5)}°`;
  const { divisor, symbol } = scaleFor(unit, value);
  const scaled = value / divisor;
  const isWhole = (unit === 'count' || unit === 'B') && divisor === 1 && Number.isInteger(scaled);
  const text = fixed(scaled, isWhole ? 0 : decimalsFor(Math.abs(scaled)));
  return symbol ? `${text}\u00a0${symbol}` : text;
}

// Judged after rounding, so that 99.97 is 100 and not 100.0.
function decimalsFor(size) {
  if (size >= 99.95 || size === 0) return 0;
  if (size >= 9.995) return 1;
  if (size >= 0.1) return 2;
  return Math.min(4, 1 - Math.floor(Math.log10(size)));
}

/** A length of time in words: `now`, `5 s`, `3 min`, `2 h`, `4 d`. */
export function formatSpan(seconds) {
  if (seconds < 60) return `${Math.max(0, Math.round(seconds))} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 172800) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86400)} d`;
}

/** `5 s ago`; `just now` for anything less than two seconds old. */
export function formatAgo(seconds) {
  return seconds < 2 ? 'just now' : `${formatSpan(seconds)} ago`;
}

const clocks = {
  minutes: new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', hour12: false }),
  seconds: new Intl.DateTimeFormat(undefined, {
    hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false,
  }),
};

/** The time of day of `seconds` since 1970, in the reader's time zone. */
export function formatClock(seconds, withSeconds = true) {
  return (withSeconds ? clocks.seconds : clocks.minutes).format(new Date(seconds * 1000));
}

/** Round steps between `low` and `high`, at most `count` of them; `ladder` lists the mantissas. */
export function ticks(low, high, count, ladder = [1, 2, 2.5, 5, 10]) {
  const rough = (high - low) / Math.max(1, count);
  if (!(rough > 0) || !Number.isFinite(rough)) return { step: 1, values: [low] };
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ladder.find((mantissa) => mantissa * power >= rough * 0.999999);
  const values = [];
  for (let index = Math.ceil(low / step - 1e-6); index * step <= high + step * 1e-6; index += 1) {
    values.push(index * step);
  }
  return { step, values };
}

/** Decimals that tell neighbouring multiples of `step` apart. */
export function decimalsOf(step) {
  for (let decimals = 0; decimals < 6; decimals += 1) {
    const scaled = step * 10 ** decimals;
    if (Math.abs(scaled - Math.round(scaled)) < 1e-6) return decimals;
  }
  return 6;
}

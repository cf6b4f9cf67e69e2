// Numbers for people: a SenML unit (RFC 8428 and its IANA registry) decides how a value is scaled
// and which symbol follows it. Bytes have binary prefixes (KiB, MiB), everything else the SI's.

const binary = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi'];
/** The SI's prefixes by their power of a thousand. */
const decimal = { '-4': 'p', '-3': 'n', '-2': 'µ', '-1': 'm', 0: '', 1: 'k', 2: 'M', 3: 'G', 4: 'T', 5: 'P', 6: 'E' };

/** Symbols of units that read differently on a screen than on the wire. */
const symbols = {
  Cel: '°C', '%RH': '% RH', '1/s': '/s', '1/min': '/min', count: '', deg: '°', lat: '°', lon: '°', Ohm: 'Ω', By: 'B',
  'By/s': 'B/s',
};

/** Units that grow and shrink through prefixes rather than through digits, alone or over time. */
const prefixed = /^(bit|Hz|W|Wh|V|A|Ah|J|VA|VAh|var|varh|m|g|l|Pa|bar|Ohm|F|H|C|T|Wb|S|N|lx|lm|cd|mol|Bq|Gy|Sv|kat|K)(\/s|\/h)?$/;
const bytes = /^(B|By)(\/s)?$/;
/** Bare numbers have prefixes too where they are large: 3.5 M. */
const bare = new Set(['', 'count', '1/s', '1/min']);

const superscripts = '⁰¹²³⁴⁵⁶⁷⁸⁹';

function symbolOf(unit) {
  return symbols[unit] ?? unit.replace(/([a-z])([23])(?=$|\/)/g, (_, letter, power) => letter + superscripts[power]);
}

/** How values of `unit` are shown when the largest of them is `magnitude`. */
export function scaleFor(unit, magnitude) {
  const size = Math.abs(magnitude);
  if (unit === '/') return { divisor: 0.01, symbol: '%' };
  const symbol = symbolOf(unit);
  if (bytes.test(unit)) {
    const step = stepOf(size, 1024, binary.length);
    return { divisor: 1024 ** step, symbol: binary[step] + symbol };
  }
  if (unit === 's') return secondsScale(size);
  const power = powerOf(size);
  if (prefixed.test(unit) && power in decimal) {
    // 0.13 J is easier to read than 130 mJ.
    const used = size >= 0.1 && size < 1 ? 0 : power;
    return { divisor: 1000 ** used, symbol: decimal[used] + symbol };
  }
  if (bare.has(unit) && size >= 1e5 && power in decimal) {
    return { divisor: 1000 ** power, symbol: decimal[power] + symbol };
  }
  if (size >= 1e6 || (size > 0 && size < 1e-3)) {
    return { divisor: 1000 ** power, symbol: `×10${superscript(3 * power)} ${symbol}`.trim() };
  }
  return { divisor: 1, symbol };
}

// A little early, because 1,023.9 KiB would be written 1,024 KiB.
function stepOf(size, base, count) {
  let step = 0;
  while (step < count - 1 && size >= 0.9995 * base ** (step + 1)) step += 1;
  return step;
}

/** The power of a thousand that leaves 1 to 999 in front of it. */
function powerOf(size) {
  return size > 0 && Number.isFinite(size) ? Math.floor(Math.log10(size * 1.0005) / 3) : 0;
}

function superscript(power) {
  return (power < 0 ? '⁻' : '') + [...String(Math.abs(power))].map((digit) => superscripts[digit]).join('');
}

function secondsScale(size) {
  if (size >= 172800) return { divisor: 86400, symbol: 'd' };
  if (size >= 7200) return { divisor: 3600, symbol: 'h' };
  if (size >= 120) return { divisor: 60, symbol: 'min' };
  if (size >= 1 || size === 0) return { divisor: 1, symbol: 's' };
  const power = Math.max(-4, Math.min(-1, powerOf(size)));
  return { divisor: 1000 ** power, symbol: `${decimal[power]}s` };
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

/**
 * A value with its unit and about three significant digits: `12.3 MiB`, `4.31 %`, `147 /s`. Beside a larger
 * one, its `magnitude`, it is written on that one's scale.
 */
export function formatValue(value, unit, magnitude = value) {
  if (!Number.isFinite(value)) return '–';
  if (unit === 'lat' || unit === 'lon') return `${fixed(value, 5)}°`;
  const { divisor, symbol } = scaleFor(unit, magnitude);
  const scaled = value / divisor;
  const isWhole = divisor === 1 && Number.isInteger(scaled) && (bare.has(unit) || bytes.test(unit));
  const text = fixed(scaled, isWhole ? 0 : decimalsFor(Math.abs(magnitude / divisor)));
  return symbol ? `${text}\u00a0${symbol}` : text;
}

// Judged after rounding, so that 99.97 is 100 and not 100.0.
function decimalsFor(size) {
  if (size >= 99.95 || size === 0) return 0;
  if (size >= 9.995) return 1;
  if (size >= 0.1) return 2;
  return Math.min(5, 1 - Math.floor(Math.log10(size)));
}

/** A length of time in words: `5 s`, `3 min`, `2 h`, `4 d`. */
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
  minutes: new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }),
  seconds: new Intl.DateTimeFormat(undefined, {
    hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23',
  }),
  days: new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' }),
};

/** The time of day of `seconds` since 1970, in the reader's time zone. */
export function formatClock(seconds, withSeconds = true) {
  return (withSeconds ? clocks.seconds : clocks.minutes).format(new Date(seconds * 1000));
}

/** The same, with the day where that is not the day of `now`. */
export function formatMoment(seconds, now) {
  const day = clocks.days.format(new Date(seconds * 1000));
  const isToday = now - seconds < 86400 && day === clocks.days.format(new Date(now * 1000));
  return isToday ? formatClock(seconds) : `${day} ${formatClock(seconds, false)}`;
}

/** The day of `seconds` since 1970, in the reader's time zone. */
export function formatDay(seconds) {
  return clocks.days.format(new Date(seconds * 1000));
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

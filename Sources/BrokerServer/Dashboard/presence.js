// How a device's presence is said.

import { causeWords } from './causes.js';
import { formatClock, formatMoment, formatSpan } from './format.js';

/**
 * `online for 3 min`, `offline for 2 h: connection lost`. With `withStart` the moment is said as
 * well. `asOf` is when the broker was last heard of, or null while it is: time does not go on for what
 * nobody knows.
 */
export function presenceWords(record, now, asOf, withStart = false) {
  // In the list that it is an old state matters more than since when it had been.
  if (asOf !== null && !withStart) return `${record.state ?? 'unknown'} at ${formatClock(asOf)}`;
  const known = asOf ?? now;
  let words = record.state ?? 'unknown';
  if (record.since) words += ` for ${formatSpan(known - record.since)}`;
  if (record.since && withStart) words += `, since ${formatMoment(record.since, known)}`;
  if (record.state === 'offline' && record.cause) words += `: ${causeWords[record.cause] ?? record.cause}`;
  return asOf === null ? words : `${words} · as of ${formatClock(asOf)}`;
}

// What the page remembers of a series of text or data: when it changed, and to what.

const keptChanges = 50;
const longestText = 500;

export class TextLog {
  /** `{time, text}`, by time; neighbours differ. */
  changes = [];
  /** When the newest reading was taken; undefined while there is none. */
  lastTime;
  /** Grows with every reading that changes anything. */
  version = 0;

  get last() { return this.changes.at(-1); }

  /** Adds a reading as it stands in a row: a string, or `{vd}` with bytes in base64url. */
  put(time, value) {
    const text = readable(value);
    if (text === null) return;
    this.version += 1;
    if (this.lastTime === undefined || time > this.lastTime) this.lastTime = time;
    const after = this.changes.findIndex((change) => change.time > time);
    const at = after < 0 ? this.changes.length : after;
    if (this.changes[at - 1]?.text === text) return;
    if (this.changes[at - 1]?.time === time) this.changes.splice(at - 1, 1, { time, text });
    else if (this.changes[at]?.text === text) this.changes[at].time = time;
    else this.changes.splice(at, 0, { time, text });
    if (this.changes.length > keptChanges) this.changes.shift();
  }
}

function readable(value) {
  if (typeof value === 'string') return cut(value === '' ? '(empty)' : value);
  return typeof value?.vd === 'string' ? describe(value.vd) : null;
}

function cut(text) {
  return text.length <= longestText ? text : `${text.slice(0, longestText)}… (${text.length} characters)`;
}

/** `5 bytes: 68 65 6c 6c 6f` */
function describe(base64url) {
  let bytes;
  try {
    bytes = atob(base64url.replaceAll('-', '+').replaceAll('_', '/'));
  } catch {
    return cut(base64url);
  }
  const shown = [...bytes.slice(0, 32)].map((byte) => byte.charCodeAt(0).toString(16).padStart(2, '0')).join(' ');
  return `${bytes.length} byte${bytes.length === 1 ? '' : 's'}: ${shown}${bytes.length > 32 ? ' …' : ''}`;
}

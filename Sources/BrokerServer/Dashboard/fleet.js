// The list of devices with their state, and which of them is chosen (kept in the address's fragment,
// so that a chart can be linked to and the browser's back button works).

import { formatSpan } from './format.js';
import { insertByName, show, stamp } from './dom.js';

const list = document.getElementById('devices');
const count = document.getElementById('fleet-count');
const filter = document.getElementById('filter');
const filterFrom = 8;

export class Fleet {
  #now;
  #onChosen;
  #records = new Map();
  #items = new Map();
  #chosen = null;

  constructor({ now, onChosen }) {
    this.#now = now;
    this.#onChosen = onChosen;
    addEventListener('hashchange', () => this.#choose());
    filter.addEventListener('input', () => this.#applyFilter());
  }

  /** Takes the whole list, as it is after (re)connecting. */
  replace(devices) {
    const names = new Set(devices.map((record) => record.device));
    for (const name of this.#records.keys()) {
      if (!names.has(name)) this.#remove(name);
    }
    for (const record of devices) this.#put(record);
    this.#finishChange();
    this.#choose();
  }

  /** Takes one device's changed presence. */
  change(presence) {
    const isNew = !this.#records.has(presence.device);
    this.#put({ cause: undefined, ...presence });
    this.#finishChange();
    if (isNew) this.#choose();
  }

  refreshTimes() {
    for (const [name, item] of this.#items) show(item.querySelector('.state'), this.#words(this.#records.get(name)));
  }

  // The record object stays the same for its whole life: the view of the chosen device holds it.
  #put(fields) {
    const name = fields.device;
    if (!this.#records.has(name)) {
      this.#records.set(name, {});
      const item = stamp('device-template');
      item.dataset.device = name;
      item.querySelector('a').href = `#${encodeURIComponent(name)}`;
      show(item.querySelector('.name'), name);
      insertByName(list, item, name, (sibling) => sibling.dataset.device);
      this.#items.set(name, item);
    }
    const record = Object.assign(this.#records.get(name), fields);
    const item = this.#items.get(name);
    item.querySelector('a').dataset.state = record.state;
    show(item.querySelector('.state'), this.#words(record));
  }

  #remove(name) {
    this.#items.get(name).remove();
    this.#items.delete(name);
    this.#records.delete(name);
  }

  #words(record) {
    const span = record.since ? ` for ${formatSpan(this.#now() - record.since)}` : '';
    const cause = record.state === 'offline' && record.cause ? `: ${record.cause}` : '';
    return `${record.state}${span}${cause}`;
  }

  #finishChange() {
    let online = 0;
    for (const record of this.#records.values()) online += record.state === 'online' ? 1 : 0;
    show(count, this.#records.size === 0 ? 'none yet' : `${online} of ${this.#records.size} online`);
    filter.hidden = this.#records.size < filterFrom;
    this.#applyFilter();
  }

  #applyFilter() {
    const wanted = filter.value.trim().toLowerCase();
    for (const [name, item] of this.#items) item.hidden = !name.toLowerCase().includes(wanted);
  }

  // Without a fragment the first device that is online is shown, so that the page never opens empty.
  #choose() {
    const named = this.#records.get(decodeFragment());
    const record = named ?? this.#records.get(this.#chosen) ?? this.#firstOnline() ?? null;
    this.#chosen = record?.device ?? null;
    for (const [name, item] of this.#items) {
      const anchor = item.querySelector('a');
      if (name === this.#chosen) anchor.setAttribute('aria-current', 'true');
      else anchor.removeAttribute('aria-current');
    }
    this.#onChosen(record);
  }

  #firstOnline() {
    const ordered = [...list.children].map((item) => this.#records.get(item.dataset.device));
    return ordered.find((record) => record.state === 'online') ?? ordered[0];
  }
}

function decodeFragment() {
  try {
    return decodeURIComponent(location.hash.slice(1));
  } catch {
    return '';
  }
}

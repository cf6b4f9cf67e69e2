// The list of devices with their state, and which of them is chosen (kept in the address's fragment,
// so that a chart can be linked to and the browser's back button works).

import { presenceWords } from './presence.js';
import { arrange, byName, show, stamp } from './dom.js';
import { formatClock } from './format.js';

const list = document.getElementById('devices');
const count = document.getElementById('fleet-count');
const found = document.getElementById('fleet-found');
const filter = document.getElementById('filter');
const states = document.getElementById('states');
const more = document.getElementById('more-devices');
const filterFrom = 8;
/** So many devices are listed at a time: a thousand rows are no list that anybody reads. */
const pageSize = 200;
const numbers = new Intl.NumberFormat();

export class Fleet {
  #clock;
  #onChosen;
  #records = new Map();
  /** Names in their order; rows of those that have been shown. */
  #names = null;
  #rows = new Map();
  #headings = { offline: heading(), online: heading() };
  #chosen = null;
  #limit = pageSize;
  #state = '';
  #isRequested = false;

  /** `clock` has `now()` and `asOf()`; `onChosen(record, missing)` is told the device to be shown, or null. */
  constructor({ clock, onChosen }) {
    this.#clock = clock;
    this.#onChosen = onChosen;
    addEventListener('hashchange', () => this.#choose());
    filter.addEventListener('input', () => this.#narrow());
    states.addEventListener('change', (event) => {
      this.#state = event.target.value;
      this.#narrow();
    });
    more.addEventListener('click', () => {
      this.#limit += 5 * pageSize;
      this.#render();
    });
  }

  /** Takes the whole list, as it is after (re)connecting; what is not in it may still follow. */
  replace(devices, isWhole) {
    const names = new Set(devices.map((record) => record.device));
    for (const name of this.#records.keys()) if (isWhole && !names.has(name)) this.#remove(name);
    for (const record of devices) this.#put(record);
    this.#choose();
    this.#render();
  }

  /** Takes one device's changed presence. */
  change(presence) {
    if (presence.forgotten) this.#remove(presence.device);
    else this.#put(presence);
    if (this.#chosen === null || presence.forgotten || presence.device === decodeFragment()) this.#choose();
    this.#requestRender();
  }

  /** Says times as they are now. */
  refresh() {
    for (const row of this.#rows.values()) if (row.item.isConnected) this.#fill(row);
    this.#showCount();
  }

  // The record object stays the same for its whole life: the view of the chosen device holds it.
  #put(fields) {
    const name = fields.device;
    if (!this.#records.has(name)) {
      this.#records.set(name, {});
      this.#names = null;
    }
    // What is said of a device is all there is: what is left out is over.
    const record = Object.assign(this.#records.get(name), { cause: undefined, duplicate: undefined }, fields);
    const labels = Object.entries(record.labels ?? {});
    record.words = [name, ...labels.flatMap(([key, value]) => [`${key}:${value}`, `${key}=${value}`])]
      .join('\n').toLowerCase();
  }

  #remove(name) {
    this.#records.delete(name);
    this.#rows.delete(name);
    this.#names = null;
  }

  #narrow() {
    this.#limit = pageSize;
    this.#render();
  }

  // A thousand devices that come back within a second are one change of the list.
  #requestRender() {
    if (this.#isRequested) return;
    this.#isRequested = true;
    setTimeout(() => {
      this.#isRequested = false;
      this.#render();
    }, 100);
  }

  /** What is away first, the last to go on top; then what is here, by name. */
  #render() {
    this.#names ??= [...this.#records.keys()].sort(byName);
    const wanted = filter.value.trim().toLowerCase().split(/\s+/);
    const matching = this.#names.map((name) => this.#records.get(name))
      .filter(({ words }) => wanted.every((word) => words.includes(word)));
    // What went within the same seconds went together, and stays in the order of names.
    const went = ({ since }) => Math.floor(since / 10);
    const offline = matching.filter(({ state }) => state !== 'online').sort((a, b) => went(b) - went(a));
    const online = matching.filter(({ state }) => state === 'online');
    const groups = { offline: this.#state === 'online' ? [] : offline, online: this.#state === 'offline' ? [] : online };
    const size = groups.offline.length + groups.online.length;
    const items = [];
    let left = this.#limit;
    for (const [state, records] of Object.entries(groups)) {
      if (records.length > 0 && records.length < size) {
        show(this.#headings[state], `${state} · ${numbers.format(records.length)}`);
        items.push(this.#headings[state]);
      }
      for (const record of records.slice(0, Math.max(0, left))) items.push(this.#row(record).item);
      left -= records.length;
    }
    arrange(list, items);
    more.hidden = size <= this.#limit;
    show(more, `Show more (${numbers.format(size - this.#limit)} not shown)`);
    const areMany = this.#records.size >= filterFrom;
    filter.hidden = !areMany;
    states.hidden = !areMany;
    const isNarrowed = wanted[0] !== '' || this.#state !== '';
    found.hidden = !isNarrowed;
    if (isNarrowed) {
      show(found, size === 0 ? 'No device matches.' : `${numbers.format(size)} of ${numbers.format(this.#records.size)} match`);
    }
    this.#showCount();
  }

  #row(record) {
    let row = this.#rows.get(record.device);
    if (row === undefined) {
      const item = stamp('device-template');
      row = { item, record, link: item.querySelector('a'), state: item.querySelector('.state') };
      item.dataset.device = record.device;
      row.link.href = `#${encodeURIComponent(record.device)}`;
      show(item.querySelector('.name'), record.device);
      this.#rows.set(record.device, row);
    }
    this.#fill(row);
    return row;
  }

  #fill({ record, link, state, item }) {
    link.dataset.state = record.state;
    item.toggleAttribute('data-twins', record.duplicate !== undefined);
    const twins = record.duplicate === undefined ? '' : ' · two devices of this name';
    show(state, presenceWords(record, this.#clock.now(), this.#clock.asOf()) + twins);
    if (record.device === this.#chosen) link.setAttribute('aria-current', 'true');
    else link.removeAttribute('aria-current');
  }

  #showCount() {
    let online = 0;
    for (const { state } of this.#records.values()) online += state === 'online' ? 1 : 0;
    const asOf = this.#clock.asOf() === null ? '' : ` as of ${formatClock(this.#clock.asOf())}`;
    show(count, this.#records.size === 0
      ? 'none yet' : `${numbers.format(online)} of ${numbers.format(this.#records.size)} online${asOf}`);
  }

  // Without a fragment the first device that is online is shown, so that the page never opens empty; a
  // device that is named and is not there is waited for, and no other shown in its place.
  #choose() {
    const named = decodeFragment();
    const record = named === '' ? this.#records.get(this.#chosen) ?? this.#firstOnline() : this.#records.get(named);
    this.#chosen = record?.device ?? null;
    for (const row of this.#rows.values()) this.#fill(row);
    this.#onChosen(record ?? null, named !== '' && record === undefined ? named : null);
  }

  #firstOnline() {
    this.#names ??= [...this.#records.keys()].sort(byName);
    const online = this.#names.find((name) => this.#records.get(name).state === 'online');
    return this.#records.get(online ?? this.#names[0]);
  }
}

function heading() {
  const item = document.createElement('li');
  item.className = 'group';
  return item;
}

function decodeFragment() {
  try {
    return decodeURIComponent(location.hash.slice(1));
  } catch {
    return '';
  }
}

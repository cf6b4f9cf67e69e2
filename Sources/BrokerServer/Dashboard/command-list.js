// What the shown device was told to do lately, and where that stands.

import { formatMoment, formatSpan } from './format.js';
import { show } from './dom.js';

const section = document.getElementById('commands');
const list = document.getElementById('command-list');
const shownCommands = 5;
const longestParams = 80;

/** States as the broker names them, for people; those that are final come with when, the others with for how long. */
const words = {
  queued: 'waiting for the device', sent: 'sent', accepted: 'accepted', running: 'running', succeeded: 'succeeded',
  failed: 'failed', rejected: 'rejected', cancelled: 'cancelled', expired: 'expired', unknown: 'outcome unknown',
};
const open = new Set(['queued', 'sent', 'accepted', 'running']);

export class CommandList {
  #clock;
  #device = null;
  #commands = new Map();
  #progress = new Map();
  /** Those of which the broker tells how far they are. */
  #watched = new Set();
  #link;

  constructor(clock, link) {
    this.#clock = clock;
    this.#link = link;
  }

  /** Shows a device's newest commands, or none; again after the link came back. */
  async follow(device) {
    this.#watched.clear();
    if (device !== this.#device) this.#commands.clear();
    this.#device = device;
    this.draw();
    if (device === null) return;
    try {
      const answer = await fetch(`v1/devices/${encodeURIComponent(device)}/commands?limit=${shownCommands}`);
      const { commands } = answer.ok ? await answer.json() : { commands: [] };
      if (device !== this.#device) return;
      // The newest come first; what was told meanwhile is newer still.
      for (const command of commands.reverse()) if (!this.#commands.has(command.command)) this.#put(command);
      this.draw();
    } catch {
      // The link says that the broker is away; the list comes with it.
    }
  }

  receive(method, params) {
    if (method === 'commandState' && params.device === this.#device) this.#put(params);
    else if (method === 'commandProgress' && this.#commands.has(params.command)) this.#progress.set(params.command, params);
    else return;
    this.draw();
  }

  #put(command) {
    this.#commands.set(command.command, command);
    if (!open.has(command.state)) this.#progress.delete(command.command);
    else this.#watch(command.command);
    const oldest = [...this.#commands.values()].sort((a, b) => b.created - a.created).slice(shownCommands);
    for (const { command: id } of oldest) this.#commands.delete(id);
  }

  // Without a WebSocket there are states, and no news between them.
  #watch(command) {
    if (this.#watched.has(command)) return;
    this.#watched.add(command);
    this.#link.request('watchCommand', { command }).catch(() => {});
  }

  /** Says it all as of now. */
  draw() {
    section.hidden = this.#commands.size === 0;
    const newest = [...this.#commands.values()].sort((a, b) => b.created - a.created);
    while (list.children.length > newest.length) list.lastElementChild.remove();
    newest.forEach((command, index) => this.#fill(list.children[index] ?? list.appendChild(emptyItem()), command));
  }

  #fill(item, command) {
    item.dataset.state = command.state;
    const [name, state] = item.children;
    const params = Object.entries(command.params ?? {}).map(([key, value]) => `${key}=${JSON.stringify(value)}`).join(' ');
    show(name, `${command.name} ${params.length > longestParams ? `${params.slice(0, longestParams)}…` : params}`.trim());
    show(state, this.#words(command));
  }

  #words({ command, state, since, result, actor, cancelRequested }) {
    const now = this.#clock.asOf() ?? this.#clock.now();
    const { percent, text } = this.#progress.get(command) ?? {};
    const parts = [words[state] ?? state];
    if (open.has(state) && percent !== undefined) parts.push(`${Math.round(percent)} %`);
    if (open.has(state) && text) parts.push(text.slice(0, longestParams));
    if (open.has(state) && cancelRequested) parts.push('to be cancelled');
    if (result?.exitCode) parts.push(`exit code ${result.exitCode}`);
    if (result?.reason) parts.push(result.reason.slice(0, 2 * longestParams));
    parts.push(open.has(state) ? `for ${formatSpan(now - since)}` : formatMoment(since, now));
    if (actor) parts.push(`by ${actor}`);
    return parts.join(' · ');
  }
}

function emptyItem() {
  const item = document.createElement('li');
  item.append(document.createElement('strong'), document.createElement('span'));
  return item;
}

// Above a device's cards: its name, its state, what is known of it and of its link.

import { causeWords } from './causes.js';
import { formatMoment, formatSpan } from './format.js';
import { presenceWords } from './presence.js';
import { show } from './dom.js';

const element = (id) => document.getElementById(id);
const transports = { ws: 'WebSocket', 'ws+deflate': 'WebSocket, compressed', http: 'HTTP requests' };

/** Shows a device's record as of `clock`. */
export function showHead(record, clock) {
  show(element('device-name'), record.device);
  const state = element('device-state');
  state.dataset.state = record.state;
  show(state.lastElementChild, presenceWords(record, clock.now(), clock.asOf(), true));
  const agent = record.agent?.name ? [`${record.agent.name} ${record.agent.version ?? ''}`.trim()] : [];
  const labels = Object.entries(record.labels ?? {}).map(([key, value]) => `${key}: ${value}`);
  show(element('device-facts'), [...agent, ...labels].join(' · '));
  showTwins(record.duplicate, clock.now());
  showLink(record, clock.now());
}

function showTwins(twins, now) {
  const note = element('twin-note');
  note.hidden = twins === undefined;
  if (twins === undefined) return;
  const from = twins.addresses.filter((address) => address !== null).join(' and ');
  show(note, `Two devices use this name${from ? `, from ${from}` : ''}; last seen ${formatMoment(twins.last, now)}. `
    + 'Give one of them another name.');
}

function showLink({ link, quality }, now) {
  const ends = quality?.ends ?? [];
  element('link-panel').hidden = !link && ends.length === 0;
  const here = link ? [transports[link.transport] ?? link.transport, link.remoteAddress] : ['none'];
  const network = quality?.network ? [`network ${quality.network}`] : [];
  const interval = quality?.path?.interval ? [`heartbeat every ${formatSpan(quality.path.interval)}`] : [];
  show(element('link-facts'), [...here, ...network, ...interval].filter(Boolean).join(' · '));
  const list = element('link-ends');
  while (list.children.length > ends.length) list.lastElementChild.remove();
  // The newest on top.
  ends.toReversed().forEach((end, index) => {
    show(list.children[index] ?? list.appendChild(document.createElement('li')), endWords(end, now));
  });
}

function endWords({ at, seenBy, cause, lived, idle }, now) {
  const words = [`${formatMoment(at, now)}: ${causeWords[cause] ?? cause}`];
  if (lived !== undefined) words.push(`after ${formatSpan(lived)}`);
  if (idle !== undefined && idle >= 5) words.push(`of which the last ${formatSpan(idle)} were silent`);
  return `${words.join(' ')} (as the ${seenBy} saw it)`;
}

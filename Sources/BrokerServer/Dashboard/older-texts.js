// The last reading of texts that have said nothing in the span shown: a mode may be told once a week.

const spans = ['-1d', '-30d'];
const limit = 1000;

/** Asks for the newest text of each card that has none; `onFound` when there is one. */
export async function fillOlderTexts(device, cards, onFound) {
  for (const { series, texts } of cards) {
    const row = await newest(device, series.metric).catch(() => undefined);
    if (row === undefined || texts.version > 0) continue;
    texts.put(row[1], row[2]);
    onFound();
  }
}

async function newest(device, metric) {
  for (const from of spans) {
    const wanted = new URLSearchParams({ device, metric, from, resolution: 'raw', limit });
    const answer = await fetch(`v1/history?${wanted}`);
    if (!answer.ok) return undefined;
    const { rows, next } = await answer.json();
    // Readings come oldest first; where there are that many, the newest is worth no walk through all.
    if (rows.length > 0) return next === undefined ? rows.at(-1) : undefined;
  }
  return undefined;
}

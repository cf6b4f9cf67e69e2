// Readings as they are, asked for again and again: for texts where there is no WebSocket. A second stream of
// events would hold another of the few connections that a browser has for one host, over all its tabs.

const everyMs = 3000;
const limit = 1000;

export class ReadingPoll {
  #url;
  #tell;
  #timer = 0;
  #last = null;

  /** `url` is that of `/v1/history`; `tell({rows})` gets rows with a series, a time and a value. */
  constructor(url, { query, since }, tell) {
    this.#url = url;
    this.#tell = tell;
    for (const [key, value] of Object.entries({
      device: query.devices.join(), metric: query.metrics.join(), from: since, resolution: 'raw', limit,
    })) url.searchParams.set(key, value);
    this.#ask();
  }

  end() {
    clearTimeout(this.#timer);
    this.#url = null;
  }

  async #ask() {
    try {
      const answer = await fetch(this.#url, { cache: 'no-store' });
      const { rows, next } = answer.ok ? await answer.json() : { rows: [] };
      if (this.#url === null) return;
      for (const row of rows) this.#last = Math.max(this.#last ?? 0, row[1]);
      this.#tell({ rows });
      if (next !== undefined) {
        this.#url.searchParams.set('cursor', next);
        return this.#ask();
      }
      this.#url.searchParams.delete('cursor');
      // From the last one on, which comes twice and changes nothing.
      if (this.#last !== null) this.#url.searchParams.set('from', this.#last);
    } catch {
      // The stream of events says when the broker is away.
    }
    if (this.#url !== null) this.#timer = setTimeout(() => this.#ask(), everyMs);
  }
}

// A browser's own WebSocket against `hawser echo`; evaluated in a page, ADDRESS replaced. Sends what
// interop_messages.py describes, compares the echoes, and answers with the report.
(async () => {
  const sizes = [0, 1, 125, 126, 127, 1000, 16383, 16384, 16385, 65535, 65536, 200000, 1000000];
  const random = (size) => {
    const bytes = new Uint8Array(size);
    for (let at = 0; at < size; at += 65536) {
      crypto.getRandomValues(bytes.subarray(at, Math.min(size, at + 65536)));
    }
    return bytes;
  };
  function* messages() {
    for (const size of sizes) {
      yield '{"n":"temperatur/küche","u":"Cel","v":21.5},'.repeat(size / 40 + 1).slice(0, size);
      yield new Uint8Array(size).fill(77);
      yield random(size);
    }
    for (let number = 0; number < 200; number++) {
      yield JSON.stringify([
        { bn: 'pi-17/', bt: 1790000000 + number * 10 },
        { n: 'cpu.utilization', u: '/', v: Math.random() },
        { n: 'temperature', u: 'Cel', v: 48 + Math.random() },
      ]);
    }
  }
  const link = new WebSocket('ADDRESS');
  link.binaryType = 'arraybuffer';
  await new Promise((done, failed) => { link.onopen = done; link.onerror = () => failed('no link'); });
  let echoed = 0;
  for (const message of messages()) {
    const answer = await new Promise((done, failed) => {
      link.onmessage = (event) => done(event.data);
      link.onclose = (event) => failed(`closed with ${event.code}`);
      link.send(message);
    });
    const same = typeof message === 'string' ? answer === message
      : new Uint8Array(answer).every((byte, at) => byte === message[at])
        && answer.byteLength === message.length;
    if (!same) throw new Error(`message ${echoed} came back as another`);
    echoed += 1;
  }
  const code = await new Promise((done) => {
    link.onclose = (event) => done(event.code);
    link.close(1000, 'done');
  });
  return { echoed, deflate: link.extensions || null, code };
})()

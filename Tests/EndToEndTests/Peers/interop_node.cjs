// The `ws` library for Node against `hawser echo`: as a client with an address, else as a server.
// Sends what interop_messages.py describes, compares the echoes, and reports in one JSON line.
'use strict';
const crypto = require('node:crypto');
const { WebSocket, WebSocketServer } = require('ws');

const sizes = [0, 1, 125, 126, 127, 1000, 16383, 16384, 16385, 65535, 65536, 200000, 1000000];

function* messages() {
  for (const size of sizes) {
    yield '{"n":"temperatur/küche","u":"Cel","v":21.5},'.repeat(size / 40 + 1).slice(0, size);
    yield Buffer.alloc(size, 'hawser');
    yield crypto.randomBytes(size);
  }
  for (let number = 0; number < 200; number++) {
    yield JSON.stringify([
      { bn: 'pi-17/', bt: 1790000000 + number * 10 },
      { n: 'cpu.utilization', u: '/', v: Math.random() },
      { n: 'memory.used', u: 'B', v: Math.floor(Math.random() * 1e9) },
      { n: 'temperature', u: 'Cel', v: 48 + Math.random() },
    ]);
  }
}

function drive(link, finished) {
  const source = messages();
  let expected;
  let echoed = 0;
  const next = () => {
    const { value, done } = source.next();
    if (done) return link.close(1000, 'done');
    expected = value;
    if (echoed % 2 && value.length >= 3) {
      const third = Math.floor(value.length / 3);
      link.send(value.slice(0, third), { fin: false });
      link.ping('between');
      link.send(value.slice(third), { fin: true });
    } else {
      link.send(value);
    }
  };
  link.on('message', (data, isBinary) => {
    const same = isBinary
      ? Buffer.isBuffer(expected) && data.equals(expected) : data.toString() === expected;
    if (!same) throw new Error(`message ${echoed}: ${data.length} for ${expected.length}`);
    echoed += 1;
    next();
  });
  link.on('close', (code) => {
    console.log(JSON.stringify({ echoed, deflate: link.extensions || null, code }));
    finished();
  });
  next();
}

const url = process.argv[2];
if (url) {
  const link = new WebSocket(url, { perMessageDeflate: { threshold: 0 } });
  link.on('open', () => drive(link, () => {}));
} else {
  const server = new WebSocketServer({
    host: '127.0.0.1', port: 0, perMessageDeflate: { threshold: 0 },
  });
  server.on('listening', () => console.log(JSON.stringify({ port: server.address().port })));
  server.on('connection', (link) => drive(link, () => server.close()));
}

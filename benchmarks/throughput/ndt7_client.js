// node ndt7_client.js HOST:PORT download|upload: the official ndt7 client, rate and bytes as JSON.
'use strict';
const fs = require('fs');
const path = require('path');
const threads = require('worker_threads');
const browser = path.join(__dirname, '../../tests/browser');
const find = (name) => require.resolve(name, {paths: [browser]});
const ndt7 = require(find('@m-lab/ndt7'));

const prelude = `
  const {parentPort} = require('worker_threads');
  globalThis.self = globalThis;
  globalThis.WebSocket = require(${JSON.stringify(find('ws'))});
  globalThis.postMessage = (message) => parentPort.postMessage(message);
  parentPort.on('message', (data) => self.onmessage({data: data}));
`;

// The client expects the Worker of browsers.
global.Worker = class {
  constructor(file) {
    this.thread = new threads.Worker(prelude + fs.readFileSync(file, 'utf8'), {eval: true});
    this.thread.on('message', (data) => this.onmessage({data: data}));
  }
  postMessage(data) {
    this.thread.postMessage(data);
  }
  terminate() {
    this.thread.terminate();
  }
};

async function main(server, test) {
  const config = {server: server, protocol: 'ws', mlabDataPolicyInapplicable: true};
  config[test + 'workerfile'] = find('@m-lab/ndt7/src/ndt7-' + test + '-worker.js');
  let last = null;
  const callbacks = {};
  callbacks[test + 'Complete'] = (message) => {
    last = message;
  };
  await ndt7[test + 'Test'](config, callbacks, ndt7.discoverServerURLs(config, callbacks));
  if (test === 'download') {
    const seen = last.LastClientMeasurement;
    return {bps: seen.MeanClientMbps * 1e6, bytes: seen.NumBytes};
  }
  const seen = last.LastServerMeasurement.TCPInfo; // what Measurement Lab's own page shows
  return {bps: 8e6 * seen.BytesReceived / seen.ElapsedTime, bytes: seen.BytesReceived};
}

main(process.argv[2], process.argv[3]).then((found) => {
  console.log(JSON.stringify(found));
  process.exit(0);
});

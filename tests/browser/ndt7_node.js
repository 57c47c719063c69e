// node ndt7_node.js HOST:PORT: the official client in Node.js, one JSON object on standard output.
'use strict';
const fs = require('fs');
const threads = require('worker_threads');
const {collect, watchClose} = require('./ndt7_collect.js');
const ndt7 = require('@m-lab/ndt7');

const closed = [];
const prelude = `
  const {parentPort} = require('worker_threads');
  globalThis.self = globalThis;
  globalThis.WebSocket = require(${JSON.stringify(require.resolve('ws'))});
  globalThis.postMessage = (message) => parentPort.postMessage(message);
  parentPort.on('message', (data) => self.onmessage({data: data}));
  ${watchClose}
`;

// The client expects the Worker of browsers.
global.Worker = class {
  constructor(file) {
    this.thread = new threads.Worker(prelude + fs.readFileSync(file, 'utf8'), {eval: true});
    this.thread.on('message', (data) => {
      if (data.MsgType === 'closed') closed.push(data);
      this.onmessage({data: data});
    });
    this.thread.on('error', (error) => this.onmessage({data: {MsgType: 'error', Error: error.stack}}));
  }
  postMessage(data) {
    this.thread.postMessage(data);
  }
  terminate() {
    this.thread.terminate();
  }
};

const workers = {
  download: require.resolve('@m-lab/ndt7/src/ndt7-download-worker.js'),
  upload: require.resolve('@m-lab/ndt7/src/ndt7-upload-worker.js'),
};
collect(ndt7, process.argv[2], workers, closed).then((result) => {
  console.log(JSON.stringify(result));
  process.exit(0);
});

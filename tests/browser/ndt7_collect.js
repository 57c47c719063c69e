// Runs the official ndt7 client against SERVER and says what came of it. Used in Node.js and in a page.
'use strict';

// Put before the client's own worker code: tells how each connection was closed.
const watchClose = `
  const Plain = WebSocket;
  WebSocket = class extends Plain {
    constructor(...words) {
      super(...words);
      this.addEventListener('close', (event) => postMessage(
          {MsgType: 'closed', clean: event.wasClean, code: event.code}));
    }
  };
`;

async function collect(ndt7, server, workers, closed) {
  const result = {errors: [], closed: closed};
  const config = {
    server: server,
    protocol: 'ws',
    mlabDataPolicyInapplicable: true,
    downloadworkerfile: workers.download,
    uploadworkerfile: workers.upload,
  };
  const callbacks = {error: (text) => result.errors.push(String(text))};
  for (const test of ['download', 'upload']) {
    const seen = {client: 0, server: 0, complete: null};
    result[test] = seen;
    callbacks[test + 'Measurement'] = (message) => seen[message.Source]++;
    callbacks[test + 'Complete'] = (message) => {
      seen.complete = message;
    };
  }
  result.code = await ndt7.test(config, callbacks);
  return result;
}

if (typeof module !== 'undefined') {
  module.exports = {collect, watchClose};
}

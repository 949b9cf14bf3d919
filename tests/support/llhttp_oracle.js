// Reads request streams with llhttp as Node.js embeds it, in its strict mode.
//
//   node llhttp_oracle.js CASES
//
// CASES holds cases one after the other: length (32 bits, little endian), bytes. One line of JSON a case:
// {"messages": [{method, target, fields, upgrade, body, complete}], "error": code or null}; text of the wire as hexadecimal.
'use strict';
const fs = require('fs');
const { HTTPParser, methods } = require('_http_common');

// Twice our own bound of heads, so that theirs never decides.
const MAX_HEAD_BYTES = 128 * 1024;
const LENIENT_NONE = 0;

const hex = (text) => Buffer.from(text, 'latin1').toString('hex');

function read(wire) {
  const messages = [];
  let pending = [];
  let target = '';
  let inBody = false;
  const parser = new HTTPParser();
  parser.initialize(HTTPParser.REQUEST, {}, MAX_HEAD_BYTES, LENIENT_NONE);
  // Many fields come in batches before the head is complete; after it, these are trailers.
  parser[HTTPParser.kOnHeaders | 0] = (fields, url) => {
    if (inBody) return;
    pending = pending.concat(fields);
    target += url;
  };
  parser[HTTPParser.kOnHeadersComplete | 0] = (major, minor, fields, method, url, status, reason, upgrade) => {
    if (fields !== undefined) pending = pending.concat(fields);
    if (url !== undefined) target += url;
    const pairs = [];
    for (let i = 0; i < pending.length; i += 2) pairs.push([hex(pending[i]), hex(pending[i + 1])]);
    messages.push({ method: methods[method], target: hex(target), fields: pairs, upgrade, body: '', complete: false });
    pending = [];
    target = '';
    inBody = true;
    return 0;
  };
  parser[HTTPParser.kOnBody | 0] = (chunk) => { messages.at(-1).body += chunk.toString('hex'); };
  parser[HTTPParser.kOnMessageComplete | 0] = () => { messages.at(-1).complete = true; inBody = false; };
  const result = parser.execute(wire);
  parser.close();
  return { messages, error: result instanceof Error ? result.code : null };
}

const input = fs.readFileSync(process.argv[2]);
const lines = [];
for (let at = 0; at < input.length;) {
  const size = input.readUInt32LE(at);
  lines.push(JSON.stringify(read(input.subarray(at + 4, at + 4 + size))));
  at += 4 + size;
}
process.stdout.write(JSON.stringify({ llhttp: process.versions.llhttp, methods }) + '\n' + lines.join('\n') + '\n');

// An HTTP server whose work is JavaScript (GET /view) or node's own C++ (GET /native). Standard
// modules only. node node_app.js PORT
'use strict';
const crypto = require('crypto');
const http = require('http');

function renderRow(n) {
  let text = '';
  for (let i = 0; i < 40; i++) {
    text += String.fromCharCode(97 + ((n * 31 + i * 7) % 26));
  }
  return text;
}

function renderView(rows) {
  const lines = [];
  for (let n = 0; n < rows; n++) {
    lines.push(renderRow(n));
  }
  return lines.sort().join('\n');
}

function digest(rounds) {
  let data = Buffer.alloc(20000, 'x');
  for (let i = 0; i < rounds; i++) {
    data = Buffer.concat([crypto.createHash('sha256').update(data).digest(), data.subarray(32)]);
  }
  return data.subarray(0, 32).toString('hex');
}

const server = http.createServer((request, response) => {
  const text = request.url.startsWith('/native') ? digest(40) : renderView(600);
  response.end(text);
});
server.listen(Number(process.argv[2]), '127.0.0.1');
process.on('SIGTERM', () => process.exit(0));

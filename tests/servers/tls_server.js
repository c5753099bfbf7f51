// HTTPS in node: node tls_server.js PORT CERTIFICATE KEY LOG. OpenSSL is part of the executable and
// works on memory. Logs METHOD TARGET STATUS as it answers; /size?n=1000 answers so many bytes.
const fs = require('fs');
const https = require('https');

const [port, certificate, key, log] = process.argv.slice(2);
const server = https.createServer(
  {cert: fs.readFileSync(certificate), key: fs.readFileSync(key)},
  (request, response) => {
    request.resume();
    request.on('end', () => {
      const url = new URL(request.url, 'https://x');
      const status = url.pathname === '/missing' ? 404 : 200;
      const size = url.pathname === '/size' ? Number(url.searchParams.get('n')) : 2;
      const body = Buffer.alloc(request.method === 'HEAD' ? 0 : size, 'x');
      response.writeHead(status, {'Content-Length': body.length});
      response.end(body);
      fs.appendFileSync(log, `${request.method} ${request.url} ${status}\n`);
    });
  },
);
server.listen(Number(port), '127.0.0.1');

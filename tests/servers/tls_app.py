"""HTTPS in Python, both ways: python3 tls_app.py threads|asyncio PORT CERTIFICATE KEY LOG.

threads: a thread a connection; Python's SSLSocket gives OpenSSL the descriptor. asyncio: an event
loop; OpenSSL works on memory, the loop reads and writes the socket. Both log METHOD TARGET STATUS
when they have answered. /size?n=1000 answers so many bytes, in several writes. Standard library.
"""
import asyncio
import http.server
import socketserver
import ssl
import sys
import threading
import urllib.parse

MODE, PORT, CERTIFICATE, KEY, LOG = sys.argv[1], int(sys.argv[2]), *sys.argv[3:]
log = open(LOG, "a", buffering=1)
log_lock = threading.Lock()


def context():
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(CERTIFICATE, KEY)
    return made


def answer(method, target):
    """(status, body) to a request."""
    url = urllib.parse.urlsplit(target)
    query = dict(urllib.parse.parse_qsl(url.query))
    status = 404 if url.path == "/missing" else 200
    size = int(query.get("n", "2")) if url.path == "/size" else 2
    return status, b"" if method == "HEAD" else b"x" * size


def logged(method, target, status):
    with log_lock:
        log.write(f"{method} {target} {status}\n")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        status, body = answer(self.command, self.path)
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        for at in range(0, len(body), 50000):
            self.wfile.write(body[at:at + 50000])
        logged(self.command, self.path, status)

    do_POST = do_HEAD = do_GET

    def log_message(self, *unused):
        pass


class Threads(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 128
    tls = context()

    def finish_request(self, request, client_address):
        # The handshake is the thread's business, not the accepting loop's.
        with self.tls.wrap_socket(request, server_side=True) as wrapped:
            super().finish_request(wrapped, client_address)

    def handle_error(self, request, client_address):
        pass  # clients that go away are part of the tests


async def serve(reader, writer):
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            method, target, _ = head.split("\r\n")[0].split(" ")
            fields = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if line)
            await reader.readexactly(int(fields.get("content-length", "0")))
            status, body = answer(method, target)
            writer.write(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n" % (status, len(body)))
            for at in range(0, len(body), 50000):
                writer.write(body[at:at + 50000])
            await writer.drain()
            logged(method, target, status)
    except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
        pass
    finally:
        writer.close()


async def run_loop():
    server = await asyncio.start_server(serve, "127.0.0.1", PORT, ssl=context(), backlog=128)
    async with server:
        await server.serve_forever()


if MODE == "threads":
    Threads(("127.0.0.1", PORT), Handler).serve_forever()
else:
    asyncio.run(run_loop())

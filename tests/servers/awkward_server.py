"""A server whose every send is known: it answers each path with a fixed list of sends and pauses.

  awkward_server.py --listen ADDRESS... --log FILE [--mode threads|handoff|event]

ADDRESS: 127.0.0.1:PORT, [::1]:PORT or unix:PATH; several may be given. threads: one a connection.
handoff: one thread reads every connection, a pool of others answers. event: one asyncio loop, on
which many requests are open at once. A line of the log per answer: METHOD TARGET STATUS, '0' where
the answer is no answer. Standard library only, independent of pinfo's own parser.
"""
import argparse
import asyncio
import queue
import re
import selectors
import signal
import socket
import struct
import sys
import threading
import time

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
TEAPOT = b"HTTP/1.1 418 I'm a teapot\r\nContent-Length: 3\r\n\r\ntea"
CLOSE, RESET, ECHO = "close", "reset", "echo"

# What is sent, a send each; numbers are pauses in seconds.
ANSWERS = {
    "/length": [OK + b"Content-Length: 5\r\n\r\nhello"],
    "/head-then-body": [OK + b"Content-Length: 2000\r\n\r\n", 0.01, b"x" * 2000],
    "/chunked": [CHUNKED, 0.02, b"5\r\nhello\r\n", 0.02, b"5\r\nworld\r\n", b"0\r\n\r\n"],
    "/chunked-at-once": [CHUNKED + b"5\r\nhello\r\n0\r\n\r\n"],
    "/chunked-large": [CHUNKED, b"4e20\r\n" + b"y" * 20000 + b"\r\n0\r\n\r\n"],
    "/trailers": [CHUNKED, b"5\r\nhello\r\n", b"0\r\nDigest: abc\r\nServer-Timing: x;dur=1\r\n\r\n"],
    # Pauses longer than the silence that ends what pinfo cannot see the end of.
    "/events": [CHUNKED, b"9\r\ndata: 1\n\n\r\n", 1.3, b"9\r\ndata: 2\n\n\r\n", b"0\r\n\r\n"],
    "/until-close": [OK + b"Connection: close\r\n\r\n", b"some", 1.3, b"more", CLOSE],
    "/no-content": [b"HTTP/1.1 204 No Content\r\n\r\n"],
    "/not-modified": [b"HTTP/1.1 304 Not Modified\r\nContent-Length: 70\r\n\r\n"],
    "/hints": [b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", 0.02,
               OK + b"Content-Length: 2\r\n\r\nok"],
    "/head-in-pieces": [b"HTTP/1.1 2", b"01 Created\r\nContent-", b"Length: 4\r\n", b"\r\n", b"done"],
    "/large-head": [OK + b"X-Policy: " + b"p" * 3000 + b"\r\nContent-Length: 6\r\n\r\n", b"behind"],
    "/LF": [b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok"],
    "/half": [OK + b"Content-Length: 100\r\n\r\nhalf of it", CLOSE],
    "/reset": [OK + b"Content-Length: 100\r\n\r\nhalf of it", 0.02, RESET],
    "/half-chunked": [CHUNKED, b"5\r\nhello\r\n", CLOSE],
    "/slow": [0.3, TEAPOT],
    "/teapot": [TEAPOT],
    "/never": [60.0],
    "/socket": [b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                b"Connection: Upgrade\r\n\r\n", ECHO],
}


def answer_of(path):
    return ANSWERS.get(path, [b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"])


def status_of(path):
    """The final status of an answer; 0 where it has none."""
    sent = b"".join(part for part in answer_of(path) if isinstance(part, bytes))
    found = [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3})", sent)]
    return next((status for status in found if status >= 200 or status == 101), 0)


class Incoming:
    """Bytes -> requests: (method, target, path); wants_continue is True once where 100 is due."""

    def __init__(self):
        self.buffer = b""
        self.wants_continue = False

    def next(self):
        end = re.search(rb"\r?\n\r?\n", self.buffer)
        if not end:
            return None
        head = self.buffer[:end.start()].lower()
        length = re.search(rb"content-length: *(\d+)", head)
        if b"transfer-encoding: chunked" in head:
            body = re.match(rb"(?s).*?\r\n?0\r\n(?:[^\r\n]+\r\n)*\r\n", self.buffer[end.end() - 2:])
            size = end.end() - 2 + body.end() if body else None
        else:
            size = end.end() + (int(length[1]) if length else 0)
        if size is None or size > len(self.buffer):
            self.wants_continue = b"100-continue" in head and len(self.buffer) == end.end()
            return None
        words = self.buffer.split(b"\n", 1)[0].split()
        self.buffer = self.buffer[size:]
        method, target = words[0].decode(), words[1].decode()
        path = re.sub(r"^http://[^/]*", "", target).split("?")[0]
        return method, target, path


def log(request, status):
    with log_lock:
        log_file.write(f"{request[0]} {request[1]} {status}\n")
        log_file.flush()


def reset(peer):
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def play(peer, request):
    """Sends one answer; False: the connection is over."""
    for part in answer_of(request[2]):
        if isinstance(part, float):
            time.sleep(part)
        elif part in (CLOSE, RESET):
            log(request, status_of(request[2]))
            if part == RESET:
                reset(peer)
            return False
        elif part == ECHO:
            log(request, 101)
            while data := peer.recv(4096):
                peer.sendall(data)
            return False
        else:
            if request[0] == "HEAD":
                part = part[:part.index(b"\r\n\r\n") + 4]
            peer.sendall(part)
    log(request, status_of(request[2]))
    return True


def feed(peer, incoming):
    """Reads once; the requests that are whole now, or None at the end."""
    data = peer.recv(65536)
    if not data:
        return None
    incoming.buffer += data
    requests = []
    while request := incoming.next():
        requests.append(request)
    if incoming.wants_continue:
        incoming.wants_continue = False
        peer.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    return requests


def answer_all(peer, requests):
    """False: the connection is over. /batch answers of one read go out in one write."""
    if requests and all(request[2] == "/batch" for request in requests):
        peer.sendall(TEAPOT * len(requests))
        for request in requests:
            log(request, 418)
        return True
    return all(play(peer, request) for request in requests)


def serve_connection(peer):
    incoming = Incoming()
    try:
        while (requests := feed(peer, incoming)) is not None:
            if not answer_all(peer, requests):
                break
    except OSError:
        pass
    peer.close()


def serve_threads(listeners):
    def accept_on(listener):
        while True:
            peer, _ = listener.accept()
            threading.Thread(target=serve_connection, args=(peer,), daemon=True).start()
    for listener in listeners[1:]:
        threading.Thread(target=accept_on, args=(listener,), daemon=True).start()
    accept_on(listeners[0])


def serve_handoff(listeners):
    """Threads that only answer; the main thread reads and waits for none of them."""
    work = queue.Queue()

    def answer():
        while True:
            peer, requests = work.get()
            try:
                if not answer_all(peer, requests):
                    peer.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
    for _ in range(4):
        threading.Thread(target=answer, daemon=True).start()
    selector = selectors.DefaultSelector()
    for listener in listeners:
        selector.register(listener, selectors.EVENT_READ, None)
    while True:
        for key, _ in selector.select():
            if key.data is None:
                peer, _ = key.fileobj.accept()
                selector.register(peer, selectors.EVENT_READ, Incoming())
                continue
            try:
                requests = feed(key.fileobj, key.data)
            except OSError:
                requests = None
            if requests is None:
                selector.unregister(key.fileobj)
                key.fileobj.close()
            else:
                work.put((key.fileobj, requests))


async def serve_event(listeners):
    async def serve(reader, writer):
        incoming = Incoming()
        while data := await reader.read(65536):
            incoming.buffer += data
            while request := incoming.next():
                for part in answer_of(request[2]):
                    if isinstance(part, float):
                        await asyncio.sleep(part)
                    elif isinstance(part, bytes):
                        writer.write(part)
                        await writer.drain()
                log(request, status_of(request[2]))
        writer.close()
    servers = [await asyncio.start_server(serve, sock=listener) for listener in listeners]
    await asyncio.gather(*(server.serve_forever() for server in servers))


def listen(address):
    if address.startswith("unix:"):
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(address[5:])
    else:
        host, _, port = address.rpartition(":")
        listener = socket.socket(socket.AF_INET6 if host.startswith("[") else socket.AF_INET)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host.strip("[]"), int(port)))
    listener.listen(512)
    return listener


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--listen", nargs="+", required=True)
    parser.add_argument("--log", required=True)
    parser.add_argument("--mode", default="threads", choices=["threads", "handoff", "event"])
    options = parser.parse_args()
    log_lock = threading.Lock()
    log_file = open(options.log, "a", encoding="utf-8")

    def end(*_):
        time.sleep(0.1)  # a thread whose answer is out may not have logged it yet
        sys.exit(0)
    signal.signal(signal.SIGTERM, end)
    sockets = [listen(address) for address in options.listen]
    if options.mode == "event":
        asyncio.run(serve_event(sockets))
    elif options.mode == "handoff":
        serve_handoff(sockets)
    else:
        serve_threads(sockets)

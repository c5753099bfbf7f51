"""A threaded HTTP server that asks other servers while it serves: what it asked, and how long it
waited by its own clock, is in its answer and in its log.

    calling_server.py PORT LOG REDIS_SOCKET_OR_PORT UPSTREAM_PORT

GET /call?redis=N&sleep=MS[,MS...]  N times a PING to redis, and for each MS one request to the
upstream's /sleep?ms=MS; the connections live as long as the thread (one a client's connection).
After each answer the thread PINGs once more, outside of every request. LOG gets a line a request:
its target, the calls made for it and the nanoseconds waited.

After a request with &gate=1 the threads of new connections wait, before they connect to redis,
until a request with &release=1 wakes one of them. After a request with &reconnect=1 its thread
opens a new connection to redis instead of that last PING.
"""
import http.client
import http.server
import socket
import sys
import threading
import time
import urllib.parse

PORT, LOG, REDIS, UPSTREAM = sys.argv[1:5]
passes = threading.Semaphore(0)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    gated = False

    def setup(self):
        super().setup()
        if Handler.gated:
            passes.acquire()
        self.connect_redis()
        self.upstream = http.client.HTTPConnection("127.0.0.1", int(UPSTREAM))

    def connect_redis(self):
        if REDIS.startswith("/"):
            self.redis = socket.socket(socket.AF_UNIX)
            self.redis.connect(REDIS)
        else:
            self.redis = socket.create_connection(("127.0.0.1", int(REDIS)))

    def finish(self):
        self.redis.close()
        self.upstream.close()
        super().finish()

    def ping(self):
        self.redis.sendall(b"PING\r\n")
        assert self.redis.recv(100) == b"+PONG\r\n"

    def ask_upstream(self, milliseconds):
        self.upstream.request("GET", f"/sleep?ms={milliseconds}")
        self.upstream.getresponse().read()

    def do_GET(self):
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        sleeps = [int(each) for each in query.get("sleep", [""])[0].split(",") if each]
        calls = 0
        waited = 0
        if "gate" in query:
            Handler.gated = True
        if "release" in query:
            passes.release()
        for work, argument in ([(self.ping, ())] * int(query.get("redis", ["0"])[0])
                               + [(self.ask_upstream, (each,)) for each in sleeps]):
            begin = time.monotonic_ns()
            work(*argument)
            waited += time.monotonic_ns() - begin
            calls += 1
        body = b"called\n"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        with open(LOG, "a") as log:
            log.write(f"{self.path} {calls} {waited}\n")
        if "reconnect" in query:
            self.redis.close()
            self.connect_redis()
        else:
            self.ping()  # for nobody

    def log_message(self, *unused):
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 64


Server(("127.0.0.1", int(PORT)), Handler).serve_forever()

"""A plain threaded server in Python: python3 app.py PORT.

/burn?ms=100&share=70 burns ms of CPU time in two methods, share percent of it in burn_alpha;
/made?ms=100&n=3 in a function made_for_3 that is compiled for the request and freed after it.
Runs under Python 3.8 to 3.14; standard library only.
"""
import http.server
import socketserver
import sys
import time
import urllib.parse


class Work:
    def burn_alpha(self, seconds):
        end = time.thread_time() + seconds
        while time.thread_time() < end:
            sum(i * i for i in range(100))

    def burn_beta(self, seconds):
        end = time.thread_time() + seconds
        while time.thread_time() < end:
            sorted(range(500, 0, -1))


def burn(seconds, share):
    # max() calls back into Python: native frames lie between this one and the lambda's.
    max([share], key=lambda part: Work().burn_alpha(seconds * part / 100) or 0)
    Work().burn_beta(seconds * (100 - share) / 100)


def made(seconds, number):
    names = {"time": time}
    exec(f"def made_for_{number}(seconds):\n"
         "    end = time.thread_time() + seconds\n"
         "    while time.thread_time() < end:\n"
         "        pass\n", names)
    names[f"made_for_{number}"](seconds)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query))
        seconds = int(query.get("ms", "10")) / 1000
        if self.path.startswith("/made"):
            made(seconds, int(query.get("n", "0")))
        else:
            burn(seconds, int(query.get("share", "50")))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *unused):
        pass


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True


if __name__ == "__main__":
    Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()

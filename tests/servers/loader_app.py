"""An HTTP server that loads a library for each request and unloads it again. GET /NAME?ms=N calls
work_in_NAME(N milliseconds) of libNAME.so beside it. Standard library only. loader_app.py PORT
"""
import _ctypes
import ctypes
import http.server
import os
import sys
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        target = urllib.parse.urlsplit(self.path)
        name = target.path.strip("/")
        milliseconds = int(urllib.parse.parse_qs(target.query)["ms"][0])
        library = ctypes.CDLL(os.path.join(HERE, f"lib{name}.so"))
        body = b"%d" % library[f"work_in_{name}"](milliseconds)
        _ctypes.dlclose(library._handle)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()

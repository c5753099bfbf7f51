"""A server that lets its clients wait to be accepted: one after the other, with a pause before each.

    late_server.py PORT|SOCKET LOG PAUSE_MS

LOG gets a line a connection: its request's target, CLOCK_MONOTONIC nanoseconds right before and
right after the first read.
"""
import os
import socket
import sys
import time

WHERE, LOG, PAUSE_MS = sys.argv[1:4]

if WHERE.isdigit():
    listening = socket.create_server(("127.0.0.1", int(WHERE)), backlog=64)
else:
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(WHERE)
    os.chmod(WHERE, 0o777)
    listening.listen(64)
while True:
    time.sleep(int(PAUSE_MS) / 1000)
    peer, _ = listening.accept()
    before = time.monotonic_ns()
    request = peer.recv(4096)
    after = time.monotonic_ns()
    if request:
        target = request.split()[1].decode()
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
        with open(LOG, "a") as log:
            log.write(f"{target} {before} {after}\n")
    peer.close()

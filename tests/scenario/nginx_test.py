"""nginx: what pinfo lists is what nginx's own access log lists, line by line."""
import http.client
import signal
import socket
import time

import harness
import running
import traffic
from harness import check, check_equal, check_same_lines, scenario


def mixed_requests():
    """Pages that exist and that do not, every kind of status, HEAD and POST; each target unique."""
    requests = []
    for i in range(40):
        requests += [
            ("GET", f"/index.html?n={i}"), ("HEAD", f"/index.html?n={i}"),
            ("GET", f"/missing/{i}"), ("GET", f"/created?n={i}"), ("GET", f"/nothing?n={i}"),
            ("GET", f"/moved?n={i}"), ("GET", f"/broken?n={i}"), ("GET", f"/teapot?n={i}"),
            ("POST", f"/created?n={i}", b"field=" + b"v" * (i * 100)),
            ("GET", f"/dead?n={i}"), ("DELETE", f"/index.html?n={i}"),
        ]
    return requests


def compare_with_log(context, server):
    check_same_lines(harness.as_tuples(context.requests()), server.access_lines(),
                     "requests against nginx's access log")


@scenario()
def access_log(context):
    observed = context.observe(running.Nginx)
    traffic.parallel(observed.server.port, mixed_requests(), clients=4)
    for i in range(20):  # connections of one request each
        traffic.send(observed.server.port, "GET", f"/index.html?single={i}",
                     headers={"Connection": "close"})
    observed.finish()
    compare_with_log(context, observed.server)
    rows = context.requests()
    check(all(row["outcome"] == "complete" for row in rows), "every outcome is complete")
    check(all(row["latency_ns"] > 0 and row["bytes_in"] > 0 and row["bytes_out"] > 0
              for row in rows), "every request has a latency and bytes each way")
    check({row["pid"] for row in rows} <= set(worker_pids(observed.server)),
          "every request belongs to a worker that the log names")


def worker_pids(server):
    return [int(line.split(" ")[4]) for line in server.access_log.read_text().splitlines()]


def with_probes(context, strategy):
    observed = context.observe(running.Nginx, "--probes", strategy)
    traffic.parallel(observed.server.port, mixed_requests(), clients=4)
    observed.finish()
    compare_with_log(context, observed.server)


@scenario(modes=["ebpf"])
def probes_socket(context):
    with_probes(context, "socket")


@scenario(modes=["ebpf"])
def probes_syscall(context):
    with_probes(context, "syscall")


@scenario()
def burst(context):
    """As fast as it goes: every request is counted and, this many, listed as well."""
    observed = context.observe(running.Nginx)
    traffic.ab(observed.server.url("/index.html"), 20000, 16)
    observed.finish()
    logged = len(observed.server.access_lines())
    check(logged >= 20000, f"the load itself went wrong: {logged} lines in the access log")
    check_equal(context.totals()["requests"], logged, "requests counted")
    check_equal(len(context.requests()), logged, "requests listed")


@scenario()
def rows_of_steady_load(context):
    """Below that rate every request has its row, though connections come and go meanwhile."""
    observed = context.observe(running.Nginx)
    requests = [("GET", f"/index.html?steady={i}") for i in range(1500)]
    traffic.parallel(observed.server.port, requests, clients=8)
    observed.finish()
    compare_with_log(context, observed.server)


@scenario(modes=["ebpf"])
def open_connections(context):
    """Keep-alive connections that were open before pinfo came are seen as well."""
    server = context.start(running.Nginx)
    connections = [http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
                   for _ in range(6)]
    for connection in connections:
        traffic.send(server.port, "GET", "/index.html?before", connection=connection)
    observation = context.attach(server.pid).wait_attached()
    expected = []
    for number, connection in enumerate(connections):
        traffic.send(server.port, "GET", f"/index.html?after={number}", connection=connection)
        expected.append(("GET", f"/index.html?after={number}", 200))
        connection.close()
    check_equal(observation.stop(), 0, "exit status of attach")
    check_same_lines(harness.as_tuples(context.requests()), expected, "requests after attaching")


@scenario()
def pipelined_and_split(context):
    """Several requests in one segment, and one request in many."""
    observed = context.observe(running.Nginx)
    port = observed.server.port
    pipelined = b"".join(b"GET /index.html?pipelined=%d HTTP/1.1\r\nHost: x\r\n\r\n" % i
                         for i in range(3))
    last = b"GET /index.html?last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    traffic.raw(port, pipelined + last)
    whole = b"GET /index.html?split HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    traffic.raw(port, *(whole[i:i + 7] for i in range(0, len(whole), 7)))
    observed.finish()
    # Method and target of each are certain; a status that pipelining hides may be unknown.
    logged = observed.server.access_lines()
    found = harness.as_tuples(context.requests())
    check_same_lines([row[:2] for row in found], [row[:2] for row in logged], "requests")
    wrong = [row for row in found if row[2] is not None and row not in logged]
    check(not wrong, f"statuses that the server never gave: {wrong}")


@scenario()
def garbage(context):
    """What is no HTTP leaves the requests beside it as they are and takes nobody down."""
    observed = context.observe(running.Nginx)
    port = observed.server.port
    for bytes_sent in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
                       b"\x00" * 5000, b"GET", b"GET / HTTP/9.9\r\n\r\n", b"\r\n\r\n\r\n",
                       b"A" * 20000, b"GET /\xff\xfe\x1b[2J HTTP/1.1\r\nHost: \x00\r\n\r\n",
                       b"POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n"):
        traffic.raw(port, bytes_sent)
        traffic.send(port, "GET", f"/index.html?beside={len(bytes_sent)}")
    observed.finish()
    rows = context.requests()
    good = [row for row in harness.as_tuples(rows) if "beside=" in row[1]]
    logged = [row for row in observed.server.access_lines() if "beside=" in row[1]]
    check_equal(len(logged), 8, "good requests in nginx's log")
    check_same_lines(good, logged, "good requests among garbage")
    check(not any(row["status"] is not None and 200 <= row["status"] < 400 for row in rows
                  if "beside=" not in row["target"]), "garbage was never answered with success")


@scenario(modes=["ebpf"])
def garbage_on_the_terminal(context):
    """Control characters from the network are escaped in the listing for people."""
    observed = context.observe(running.Nginx)
    traffic.raw(observed.server.port, b"GET /\x1b[31mred HTTP/1.1\r\nHost: x\r\n\r\n")
    observed.finish()
    check("\x1b" not in context.pinfo("requests").stdout, "an escape sequence reached the listing")


@scenario()
def aborted_by_the_client(context):
    """The client goes away in the middle of a large response: no status is invented."""
    observed = context.observe(running.Nginx)
    request = b"GET /large.bin?abort HTTP/1.1\r\nHost: x\r\n\r\n"
    for _ in range(5):
        traffic.raw(observed.server.port, request, read=False)
    running.wait_until(lambda: len(observed.server.access_lines()) == 5, 5, "nginx's log of aborts")
    observed.finish()
    rows = context.requests()
    check_equal(len(rows), 5, "requests")
    check(all(row["status"] in (None, 200) for row in rows),
          f"statuses {[row['status'] for row in rows]}: nginx sent 200 or nothing at all")


@scenario()
def slow_reader(context):
    """A client that takes its time over a large response: the request ends with its last byte."""
    observed = context.observe(running.Nginx)
    size = 0
    with socket.socket() as peer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        peer.connect(("127.0.0.1", observed.server.port))
        peer.sendall(b"GET /large.bin?slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        while data := peer.recv(65536):
            size += len(data)
            time.sleep(0.02)
    running.wait_until(observed.server.access_lines, 5, "nginx's log")
    observed.finish()
    row, = context.requests()
    check_equal((row["status"], row["outcome"], row["bytes_out"]), (200, "complete", size), "request")
    # By nginx's own account ($request_time, in milliseconds), a moment after the last write.
    took_ns = float(observed.server.access_log.read_text().split(" ")[3]) * 1e9
    check(took_ns - 100e6 <= row["latency_ns"] <= took_ns + 2e6,
          f"latency {row['latency_ns']}, by nginx's log {took_ns}")
    check(row["first_byte_ns"] < row["latency_ns"] / 2, f"first byte after {row['first_byte_ns']}")


@scenario()
def reload(context):
    """Workers that a reload replaces: the old ones' requests and the new ones' are all there."""
    observed = context.observe(running.Nginx)
    server = observed.server
    traffic.parallel(server.port, [("GET", f"/index.html?old={i}") for i in range(100)], clients=4)
    before = set(server.workers())
    server.signal_master(signal.SIGHUP)
    running.wait_until(lambda: not before & set(server.workers()) and len(server.workers()) == 2,
                       10, "nginx's new workers")
    traffic.parallel(server.port, [("GET", f"/index.html?new={i}") for i in range(100)], clients=4)
    observed.finish()
    compare_with_log(context, server)
    check(len({row["pid"] for row in context.requests() if "new=" in row["target"]} - before) > 0,
          "requests of new workers carry their pids")


if __name__ == "__main__":
    harness.main()

"""HTTP/1.x as servers and clients really speak it: what pinfo lists is what the server answered,
with its status, its bytes, its first and its last byte, and how it ended."""
import collections
import socket
import time

import harness  # finds the servers' folder
import awkward_server
import running
from harness import check, check_equal, check_same_lines, scenario

GET = "GET {} HTTP/1.1\r\nHost: a.example\r\n\r\n"


class Client:
    """One connection; bytes go out as they are given and are answered before more is sent."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), 10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, text):
        self.socket.sendall(text if isinstance(text, bytes) else text.encode())

    def expect(self, size):
        answer = b""
        while len(answer) < size:
            part = self.socket.recv(65536)
            check(part, f"the server closed after {len(answer)} of {size} bytes: {answer[-200:]}")
            answer += part
        return answer

    def exchange(self, text, path, method="GET"):
        """Sends a request and reads its whole answer."""
        self.send(text)
        sent = b"".join(part for part in awkward_server.answer_of(path) if isinstance(part, bytes))
        return self.expect(len(sent) if method != "HEAD" else sent.index(b"\r\n\r\n") + 4)

    def until_end(self):
        self.socket.settimeout(10)
        try:
            while self.socket.recv(65536):
                pass
        except ConnectionResetError:
            pass

    def close(self):
        self.socket.close()


def sent_by(path):
    return sum(len(part) for part in awkward_server.answer_of(path) if isinstance(part, bytes))


def rows_by_target(context, expected):
    rows = context.requests()
    check_same_lines(harness.as_tuples(rows), expected, "requests")
    return {row["target"]: row for row in rows}


@scenario()
def answers(context):
    """Every way of answering, on one connection; each ends where its last byte went out."""
    observed = context.observe(running.AwkwardServer)
    client = Client(observed.server.port)
    paths = ["/length", "/head-then-body", "/chunked", "/chunked-at-once", "/chunked-large",
             "/trailers", "/no-content", "/not-modified", "/hints", "/head-in-pieces",
             "/large-head", "/LF", "/slow", "/missing"]
    for path in paths:
        client.exchange(GET.format(path), path)
    client.exchange("HEAD /length?head HTTP/1.1\r\nHost: a.example\r\n\r\n", "/length", "HEAD")
    client.close()
    observed.finish()
    rows = rows_by_target(context, observed.server.access_lines())
    for path in paths:
        row = rows[path]
        check_equal((row["outcome"], row["ended_by"], row["site"]),
                    ("complete", "framing", "a.example"), path)
        check_equal((row["bytes_in"], row["bytes_out"]), (len(GET.format(path)), sent_by(path)),
                    f"bytes of {path}")
    check(rows["/chunked"]["latency_ns"] >= 40_000_000, "the last byte of /chunked is late")
    check(rows["/chunked"]["first_byte_ns"] < 20_000_000, "the first byte of /chunked is early")
    check(rows["/hints"]["first_byte_ns"] >= 20_000_000, "the hints are not the response")
    check(rows["/slow"]["first_byte_ns"] >= 300_000_000, "/slow waits for its first byte")


@scenario()
def streams(context):
    """A stream that pauses for longer than a second goes on, and ends with its last byte."""
    observed = context.observe(running.AwkwardServer)
    events = Client(observed.server.port)
    events.exchange(GET.format("/events"), "/events")
    events.exchange(GET.format("/teapot"), "/teapot")
    closing = Client(observed.server.port)
    closing.send("GET /until-close HTTP/1.0\r\n\r\n")
    closing.until_end()
    observed.finish()
    rows = rows_by_target(context, observed.server.access_lines())
    check_equal((rows["/events"]["ended_by"], rows["/events"]["bytes_out"]),
                ("framing", sent_by("/events")), "/events")
    check_equal((rows["/until-close"]["ended_by"], rows["/until-close"]["bytes_out"]),
                ("close", sent_by("/until-close")), "/until-close")
    for path in ("/events", "/until-close"):
        check_equal(rows[path]["outcome"], "complete", path)
        check(rows[path]["latency_ns"] >= 1_300_000_000, f"{path}: {rows[path]['latency_ns']} ns")
        check(rows[path]["first_byte_ns"] < 300_000_000, f"first byte of {path} is early")


BODY = GET.format("/not-a-request")
REQUESTS = [
    ("GET", "/teapot?cookies",
     f"GET /teapot?cookies HTTP/1.1\r\nCookie: {'c' * 8192}\r\nHost: late.example\r\n\r\n"),
    ("GET", "/teapot?more",
     f"GET /teapot?more HTTP/1.1\r\nCookie: {'c' * 20000}\r\nhOST: late.example\r\n\r\n"),
    ("POST", "/teapot?body",
     f"POST /teapot?body HTTP/1.1\r\nHost: late.example\r\nCONTENT-length: {len(BODY)}\r\n\r\n{BODY}"),
    ("PUT", "/teapot?chunks",
     "PUT /teapot?chunks HTTP/1.1\r\nHost: late.example\r\nTransfer-Encoding: chunked\r\n\r\n"
     f"{len(BODY):x}\r\n{BODY}\r\n0\r\n\r\n"),
    ("GET", "http://late.example:80/teapot?absolute",
     "GET http://late.example:80/teapot?absolute HTTP/1.1\r\nHost: other.example\r\n\r\n"),
    ("GET", "/teapot?lf", "GET /teapot?lf HTTP/1.1\nHost: late.example\n\n"),
    ("GET", "/teapot?old", "GET /teapot?old HTTP/1.0\r\nHost: late.example:80\r\n\r\n"),
    ("OPTIONS", "*", "OPTIONS * HTTP/1.1\r\nHost: late.example\r\n\r\n"),
]


@scenario()
def requests(context):
    """Every way of asking, whole, in pieces of 997 bytes, and byte by byte."""
    observed = context.observe(running.AwkwardServer)
    expected = []
    size_of = {}
    for pieces in (100_000, 997, 1):
        client = Client(observed.server.port)
        for method, target, text in REQUESTS:
            if pieces == 1 and len(text) > 1000:
                continue
            status = 404 if target == "*" else 418
            for at in range(0, len(text), pieces):
                client.send(text[at:at + pieces])
                if pieces < len(text) <= 9000:
                    time.sleep(0.0005)  # a read of its own for each piece, as far as it goes
            client.expect(len(awkward_server.TEAPOT) if status == 418 else
                          sent_by("/missing"))
            expected.append((method, target, status))
            size_of[target] = len(text)
        client.close()
    observed.finish()
    rows = context.requests()
    check_same_lines(harness.as_tuples(rows), expected, "requests")
    for row in rows:
        check_equal((row["site"], row["outcome"], row["bytes_in"]),
                    ("late.example", "complete", size_of[row["target"]]), row["target"][:60])


@scenario()
def continued(context):
    """100 Continue is no answer, and the body that follows no request."""
    observed = context.observe(running.AwkwardServer)
    client = Client(observed.server.port)
    body = GET.format("/not-a-request")
    for number in range(3):
        client.send(f"POST /teapot?up={number} HTTP/1.1\r\nHost: a.example\r\n"
                    f"Content-Length: {len(body)}\r\nExpect: 100-continue\r\n\r\n")
        client.expect(len(b"HTTP/1.1 100 Continue\r\n\r\n"))
        time.sleep(0.02)
        client.send(body)
        client.expect(len(awkward_server.TEAPOT))
    client.close()
    observed.finish()
    rows = rows_by_target(context, [("POST", f"/teapot?up={n}", 418) for n in range(3)])
    for row in rows.values():
        check(row["first_byte_ns"] >= 20_000_000, "the first byte is that of the final answer")
        check_equal(row["outcome"], "complete", row["target"])


@scenario()
def pipelined(context):
    """Requests in one segment: each has its answer, whatever sends it comes in."""
    observed = context.observe(running.AwkwardServer)
    client = Client(observed.server.port)
    # A stream of many sends comes last: the answers behind one could not be told apart.
    paths = ["/length", "/chunked-at-once", "/teapot", "/no-content", "/head-then-body", "/slow",
             "/hints", "/LF", "/chunked"]
    client.send("".join(GET.format(f"{path}?one") for path in paths))
    client.expect(sum(sent_by(path) for path in paths))
    # Three answers in one write: what is captured of it tells them apart.
    client.send("".join(GET.format(f"/batch?two={n}") for n in range(3)))
    client.expect(3 * len(awkward_server.TEAPOT))
    client.exchange(GET.format("/length?three"), "/length")
    client.close()
    observed.finish()
    rows = rows_by_target(context, observed.server.access_lines())
    check_equal(collections.Counter(row["outcome"] for row in rows.values()),
                {"complete": len(paths) + 4}, "outcomes")
    for path in paths:
        check_equal(rows[f"{path}?one"]["bytes_out"], sent_by(path), f"bytes of {path}")


@scenario()
def pipelined_beyond_what_is_captured(context):
    """Forty answers in one write: those that cannot be told apart are unknown, not wrong."""
    observed = context.observe(running.AwkwardServer)
    client = Client(observed.server.port)
    client.send("".join(GET.format(f"/batch?n={n:02}") for n in range(40)))
    client.expect(40 * len(awkward_server.TEAPOT))
    client.close()
    other = Client(observed.server.port)
    other.exchange(GET.format("/length"), "/length")
    other.close()
    observed.finish()
    rows = context.requests()
    batch = [row for row in rows if row["target"] != "/length"]
    check_equal(sorted(row["target"] for row in batch), [f"/batch?n={n:02}" for n in range(40)],
                "requests")
    check_equal({(row["status"], row["outcome"]) for row in batch},
                {(418, "complete"), (None, "unknown")}, "statuses and outcomes")
    check_equal(sum(row["bytes_out"] for row in batch), 40 * len(awkward_server.TEAPOT),
                "bytes of the batch")
    check_equal([(row["status"], row["outcome"]) for row in rows if row["target"] == "/length"],
                [(200, "complete")], "a connection beside it")


@scenario()
def aborted(context):
    """Who goes away when: no status that was not sent, and nothing complete that was not."""
    observed = context.observe(running.AwkwardServer)
    port = observed.server.port

    def leave(text, wait_for=0, pause=0.05):
        client = Client(port)
        client.send(text)
        if wait_for:
            client.expect(wait_for)
        time.sleep(pause)
        client.close()

    leave(GET.format("/teapot?cut")[:25])                         # in the middle of a head
    leave("POST /teapot?nobody HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n123")
    leave(GET.format("/slow?gone"))                               # before the answer
    leave(GET.format("/events?gone"), wait_for=len(awkward_server.CHUNKED), pause=0.2)
    for path in ("/half", "/reset", "/half-chunked"):             # the server goes
        client = Client(port)
        client.send(GET.format(path))
        client.until_end()
        client.close()
    time.sleep(1.5)
    observed.finish()
    rows = {row["target"]: row for row in context.requests()}
    found = {target: (row["status"], row["outcome"]) for target, row in rows.items()}
    check(found.pop("/teapot?cut", (None, "aborted")) == (None, "aborted"), "/teapot?cut")
    check(found["/slow?gone"] in ((418, "complete"), (None, "aborted")),
          f"/slow?gone: {found['/slow?gone']}, but the server either sent it or did not")
    del found["/slow?gone"]
    gone = found.pop("/events?gone")
    check(gone[0] == 200 and gone[1] in ("aborted", "complete"), f"/events?gone: {gone}")
    check_equal(found, {"/teapot?nobody": (None, "aborted"), "/half": (200, "aborted"),
                        "/reset": (200, "aborted"), "/half-chunked": (200, "aborted")}, "outcomes")


@scenario()
def upgraded(context):
    """A request ends at 101; what follows is no request, and the connection is counted."""
    observed = context.observe(running.AwkwardServer)
    for number in range(2):
        client = Client(observed.server.port)
        client.exchange(f"GET /socket?{number} HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n"
                        "Connection: Upgrade\r\n\r\n", "/socket")
        for text in (b"\x81\x02hi", GET.format("/teapot").encode()):
            client.send(text)
            check_equal(client.expect(len(text)), text, "the echo")
        client.close()
    observed.finish()
    rows = rows_by_target(context, [("GET", f"/socket?{n}", 101) for n in range(2)])
    check(all(row["outcome"] == "complete" for row in rows.values()), "both complete")
    session = next(row for row in context.json_lines("status") if row["type"] == "session")
    check_equal(session["upgraded_connections"], 2, "upgraded connections")


@scenario(modes=["ebpf"])
def under_way_at_attach(context):
    """What was under way is partial; the connections' next requests are whole."""
    server = context.start(running.AwkwardServer)
    body = Client(server.port)
    body.send("POST /teapot?body HTTP/1.1\r\nHost: h\r\nContent-Length: 8\r\n\r\n1234")
    handled = Client(server.port)
    handled.send(GET.format("/events"))
    idle = Client(server.port)
    idle.exchange(GET.format("/teapot?before"), "/teapot")
    time.sleep(0.2)
    observation = context.attach(server.pid).wait_attached()
    body.send("5678")
    body.expect(len(awkward_server.TEAPOT))
    handled.expect(sent_by("/events"))
    for client, name in ((body, "body"), (handled, "handled"), (idle, "idle")):
        client.exchange(GET.format(f"/teapot?after={name}"), "/teapot")
        client.close()
    check_equal(observation.stop(), 0, "exit status of attach")
    rows = context.requests()
    after = [row for row in rows if "after=" in row["target"]]
    check_same_lines(harness.as_tuples(after),
                     [("GET", f"/teapot?after={name}", 418) for name in ("body", "handled", "idle")],
                     "requests after attaching")
    check_equal({row["outcome"] for row in after}, {"complete"}, "their outcomes")
    before = [row for row in rows if "after=" not in row["target"]]
    # Attaching may take longer than the stream that was under way.
    check_equal({row["outcome"] for row in before}, {"partial"},
                f"what was under way: {[(row['method'], row['target']) for row in before]}")
    check(len(before) <= 2, f"what was under way: {before}")
    totals = context.totals()
    check(totals["latency_max_ns"] < 1_000_000_000 if "latency_max_ns" in totals else True,
          "partial requests are left out of latencies")


if __name__ == "__main__":
    harness.main()

"""Every system call that moves bytes on a socket, and every way a descriptor travels.

tests/servers/calls_server.c serves each kind on a port of its own; what it was asked, over a known
number of connections, is the truth: each request once, with its target, status and bytes.
"""
import http.client
import pathlib
import socket
import time

import harness
import running
import traffic
from harness import Skip, check, check_equal, scenario

CALLS = ["read", "readv", "recv", "recvfrom", "recvmsg", "recvmmsg", "sendfile", "splice", "peek", "zerocopy",
         "checked", "nonblocking"]
DESCRIPTORS = ["dup", "passed", "forked", "executed", "elsewhere", "reused"]
ONE_REQUEST = {"elsewhere", "reused"}  # a connection
CONNECTIONS = 4
REQUESTS = 5  # on each


class CallsServer(running.Server):
    """Prints "KIND PORT" for each kind on standard output."""

    name = "calls_server"

    def __init__(self, root, kinds=(), **options):
        super().__init__(root, **options)
        self.kinds = list(kinds)
        # A copy: an ordinary user may not reach the build.
        self.binary = self.root / "calls_server"
        self.binary.write_bytes(harness.built("PINFO_CALLS_SERVER").read_bytes())
        self.binary.chmod(0o755)

    def command(self):
        return [str(self.binary), *self.kinds]

    def ready(self):
        lines = [line.split() for line in self.output.read_text(errors="replace").splitlines()]
        self.ports = {words[0]: int(words[1]) for words in lines
                      if len(words) == 2 and words[0] in self.kinds}
        return ["ready"] in lines


def ask_all(server, kind):
    """(method, target, status, bytes in, bytes out) of each request, as the client had them."""
    expected = []
    for connection_number in range(CONNECTIONS):
        peer = http.client.HTTPConnection("127.0.0.1", server.ports[kind], timeout=20)
        for i in range(1 if kind in ONE_REQUEST else REQUESTS):
            target = f"/{kind}/{connection_number}/{'x' * i}"
            status, body = traffic.send(server.ports[kind], "GET", target, connection=peer)
            check_equal((status, body), (200, target.encode()), f"answer to {target}")
            expected.append((target, status, len(body)))
        peer.close()
    return expected


def check_kinds(context, kinds, *words):
    observed = context.observe(CallsServer, *words, kinds=kinds)
    expected = {kind: ask_all(observed.server, kind) for kind in kinds}
    observed.finish()
    rows = context.requests()
    for kind in kinds:
        site = f"127.0.0.1:{observed.server.ports[kind]}"
        found = [(row["target"], row["status"], row["outcome"]) for row in rows
                 if row["site"] == site]
        harness.check_same_lines(found, [(target, status, "complete")
                                         for target, status, _ in expected[kind]], kind)
    check_equal(len(rows), sum(map(len, expected.values())), "requests in all")
    for row in rows:
        body = len(row["target"])
        check(body < row["bytes_out"] < body + 200, f"bytes out of {row['target']}: {row['bytes_out']}")
        check(row["bytes_in"] > len(row["target"]) + 16, f"bytes in: {row}")
        check(row["latency_ns"] > 0, f"latency: {row}")
    return rows


@scenario()
def calls(context):
    check_kinds(context, CALLS)


@scenario()
def descriptors(context):
    check_kinds(context, DESCRIPTORS)


@scenario()
def closed_and_reused_within_a_call(context):
    """A thread receives on a connection that another one has closed, while the next connection has
    its number: what it receives is not the next one's."""
    observed = context.observe(CallsServer, kinds=["overtaken"])
    port = observed.server.ports["overtaken"]
    expected = []
    for i in range(CONNECTIONS):
        first = socket.create_connection(("127.0.0.1", port), 20)
        first.sendall(f"GET /first/{i} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        while f"/first/{i}".encode() not in first.recv(1000):
            pass
        second = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        second.connect()
        time.sleep(0.15)  # until the server has let the second one in
        first.sendall(f"GET /late/{i} HTTP/1.1\r\nHost: late\r\n\r\n".encode())
        time.sleep(0.05)
        traffic.send(port, "GET", f"/second/{i}", connection=second)
        first.close()
        second.close()
        expected += [(f"/first/{i}", 200, "complete"), (f"/second/{i}", 200, "complete")]
    observed.finish()
    found = [(row["target"], row["status"], row["outcome"]) for row in context.requests()]
    late = [row for row in found if row[0].startswith("/late/")]
    harness.check_same_lines([row for row in found if row not in late], expected, "requests")
    # In preload mode the closed connection is over; the probes see that its socket lives on.
    check_equal(len(late), 0 if context.mode == "preload" else CONNECTIONS, "requests too late")
    check(all(status is None and outcome != "complete" for _, status, outcome in late), f"{late}")


def received_by_splice(context, *words):
    """Bytes that never come to user space have no text: a turn without method and target."""
    observed = context.observe(CallsServer, *words, kinds=["splice_in"])
    expected = ask_all(observed.server, "splice_in")
    observed.finish()
    rows = context.requests()
    check_equal(len(rows), len(expected), "requests")
    check_equal({row["target"] for row in rows}, {""}, "targets")
    check_equal(sum(row["bytes_in"] > 0 for row in rows), len(rows), "requests with bytes in")


@scenario(modes=["preload"])
def splice_in(context):
    received_by_splice(context)


@scenario(modes=["ebpf"])
def splice_in_by_syscall_probes(context):
    received_by_splice(context, "--probes", "syscall")


def by_uring(context, *words):
    """What io_uring moves has no bytes that could be read, if it is seen: it is counted instead."""
    if pathlib.Path("/proc/sys/kernel/io_uring_disabled").read_text().strip() != "0":
        raise Skip("io_uring is switched off here")
    observed = context.observe(CallsServer, *words, kinds=["uring"])
    expected = ask_all(observed.server, "uring")
    observed.finish()
    rows = context.requests()
    check_equal({row["target"] for row in rows} - {""}, set(), "targets")
    return rows, expected, context.totals()["lost"].get("io_uring", 0)


@scenario(modes=["ebpf"])
def uring(context):
    rows, expected, counted = by_uring(context)
    # Without text, a connection's turns cannot be told apart for certain.
    check(0 < len(rows) <= len(expected), f"requests, without text: {len(rows)}")
    check(counted >= 2 * len(expected), f"transfers by io_uring: {counted}")


@scenario(modes=["preload"])
def uring_is_noticed(context):
    """Nothing of libc moves the bytes: no requests, but the operations are counted."""
    if pathlib.Path("/proc/sys/kernel/io_uring_disabled").read_text().strip() != "0":
        raise Skip("io_uring is switched off here")
    observed = context.observe(CallsServer, kinds=["uring"])
    expected = ask_all(observed.server, "uring")
    running.wait_until(lambda: context.totals()["lost"].get("io_uring", 0) >= 2 * len(expected), 15,
                       "the operations are counted")
    observed.finish()
    check_equal(context.requests(), [], "requests")
    # A receive and a send a request, and a receive of each connection's end.
    check(context.totals()["lost"]["io_uring"] <= 2 * len(expected) + CONNECTIONS, "no more than that")


@scenario(modes=["ebpf"])
def uring_by_syscall_probes(context):
    rows, expected, counted = by_uring(context, "--probes", "syscall")
    check_equal(rows, [], "requests")
    check(counted >= 2 * len(expected), f"calls of io_uring_enter: {counted}")


@scenario(modes=["ebpf"])
def calls_by_syscall_probes(context):
    check_kinds(context, CALLS, "--probes", "syscall")


@scenario(modes=["ebpf"])
def descriptors_by_syscall_probes(context):
    check_kinds(context, DESCRIPTORS, "--probes", "syscall")


if __name__ == "__main__":
    harness.main()

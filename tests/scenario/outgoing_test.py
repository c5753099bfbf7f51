"""Calls that a server makes to other servers while it serves a request: whom, how often, how long
it waited, and for which request."""
import json
import re
import shutil
import time

import harness
import running
import traffic
from harness import check, check_equal, scenario

MS = 1_000_000


class UnixRedis(running.Redis):
    def socket_path(self):
        return self.root / "redis.sock"

    def command(self):
        return [*super().command(), "--unixsocket", str(self.socket_path()),
                "--unixsocketperm", "777"]


class CallingServer(running.Server):
    name = "calling_server"

    def __init__(self, root, redis="", upstream=0, **options):
        super().__init__(root, **options)
        self.redis, self.upstream = str(redis), str(upstream)

    def prepare(self):
        shutil.copy(running.SERVERS / "calling_server.py", self.root)

    def command(self):
        return [running.PYTHON, str(self.root / "calling_server.py"), str(self.port),
                str(self.access_log), self.redis, self.upstream]

    def account(self):
        """target -> (calls, nanoseconds waited by the server's own clock)."""
        lines = [line.split() for line in self.access_log.read_text().splitlines()]
        return {words[0]: (int(words[1]), int(words[2])) for words in lines}


def called(context, row):
    """Peer -> (calls, waited), as pinfo show lists them."""
    shown = context.json_lines("show", row["id"])[0]
    return {each["peer"]: (each["calls"], each["waited_ns"]) for each in shown["called"]}


def threaded(context, redis_over, *words):
    redis = context.start(UnixRedis)
    upstream = context.start(running.ThreadedServer)
    address = redis.socket_path() if redis_over == "unix" else redis.port
    observed = context.observe(CallingServer, "--profile", "all", *words, redis=address,
                               upstream=upstream.port)
    targets = [f"/call?redis={i % 4}&sleep={','.join(str(5 + 3 * j) for j in range(i % 3))}&i={i}"
               for i in range(24)]
    traffic.parallel(observed.server.port, [("GET", target) for target in targets], 3)
    time.sleep(0.3)  # the last PINGs, and the threads' ends
    account = observed.server.account()
    observed.finish()
    redis_name = f"unix:{address}" if redis_over == "unix" else f"127.0.0.1:{redis.port}"
    upstream_name = f"127.0.0.1:{upstream.port}"
    rows = context.requests()
    check_equal(sorted(row["target"] for row in rows), sorted(targets), "requests")
    for row in rows:
        sleeps = [int(ms) for ms in re.search("sleep=([0-9,]*)", row["target"])[1].split(",") if ms]
        pings = int(re.search("redis=([0-9]+)", row["target"])[1])
        calls, waited_ns = account[row["target"]]
        peers = called(context, row)
        check_equal(sum(waited for _, waited in peers.values()), row["calls_ns"], "their sum")
        check(row["calls_ns"] <= waited_ns,
              f"{row['target']}: waited {row['calls_ns']}, by the server's clock {waited_ns}")
        check_equal(row["calls"], calls, f"calls of {row['target']}")
        check(sum(sleeps) * MS <= row["calls_ns"], f"{row['target']}: waited {row['calls_ns']}")
        expected = {name: count for name, count in ((redis_name, pings),
                                                    (upstream_name, len(sleeps))) if count}
        check_equal({name: count for name, (count, _) in peers.items()}, expected,
                    f"peers of {row['target']}")
    check_trace(context, max(rows, key=lambda row: row["calls"]))
    totals = context.totals()
    made = sum(calls for calls, _ in account.values())
    check_equal(totals["calls_attributed"], made, "calls in requests")
    # One PING after each answer belongs to no request; the last of a connection may come after its
    # thread has read the next request's bytes or not at all.
    check_equal(totals["calls"], made + len(targets), "calls in all")
    text = context.pinfo("show", next(row["id"] for row in rows if row["calls"] > 2)).stdout
    check(redis_name in text or upstream_name in text, f"pinfo show names the peers:\n{text}")


def check_trace(context, row):
    """The trace shows when the calls were: all of them, within the request."""
    trace = json.loads(context.pinfo("export", "--format", "chrome", row["id"]).stdout)
    spans = [event for event in trace["traceEvents"] if event.get("cat") == "call"]
    check_equal(sum(span["args"]["calls"] for span in spans), row["calls"], "calls of the trace")
    check_equal(sum(span["args"]["waited_ns"] for span in spans), row["calls_ns"], "their waiting")
    for span in spans:
        check(0 <= span["ts"] and span["ts"] + span["dur"] <= row["latency_ns"] / 1000,
              f"a call within its request: {span}")


@scenario()
def over_tcp(context):
    threaded(context, "tcp")


@scenario()
def over_unix_socket(context):
    threaded(context, "unix")


@scenario(modes=["ebpf"])
def over_tcp_by_syscall_probes(context):
    threaded(context, "tcp", "--probes", "syscall")


@scenario(modes=["ebpf"])
def over_unix_socket_by_syscall_probes(context):
    threaded(context, "unix", "--probes", "syscall")


def connected_when_woken(context, redis_over, *words):
    """A thread is woken by another one that serves a request, opens its connection and only then
    reads its own client's request: what it asks first is for that one."""
    redis = context.start(UnixRedis)
    address = redis.socket_path() if redis_over == "unix" else redis.port
    observed = context.observe(CallingServer, *words, redis=address)
    port = observed.server.port
    first = traffic.connect(port)
    traffic.send(port, "GET", "/call?gate=1", connection=first)
    for i in range(5):
        waiting = traffic.connect(port)
        waiting.request("GET", f"/call?redis=2&i={i}")
        time.sleep(0.05)  # its thread waits by now
        traffic.send(port, "GET", f"/call?redis=1&release=1&i={i}", connection=first)
        check_equal(waiting.getresponse().read(), b"called\n", "the answer of the thread that waited")
        waiting.close()
    first.close()
    time.sleep(0.2)  # the last PINGs, and the threads' ends
    account = observed.server.account()
    observed.finish()
    found = {row["target"]: row["calls"] for row in context.requests()}
    check_equal(found, {target: calls for target, (calls, _) in account.items()}, "calls")


@scenario()
def connected_between_requests(context):
    """A connection that is opened after an answer and written to first for the next request."""
    redis = context.start(UnixRedis)
    observed = context.observe(CallingServer, redis=redis.port)
    client = traffic.connect(observed.server.port)
    for i in range(4):
        traffic.send(observed.server.port, "GET", f"/call?redis=2&reconnect=1&i={i}",
                     connection=client)
    client.close()
    time.sleep(0.2)  # the thread's end
    account = observed.server.account()
    observed.finish()
    found = {row["target"]: row["calls"] for row in context.requests()}
    check_equal(found, {target: calls for target, (calls, _) in account.items()}, "calls")


@scenario()
def connected_when_woken_over_tcp(context):
    connected_when_woken(context, "tcp")


@scenario(modes=["ebpf"])
def connected_when_woken_by_syscall_probes(context):
    connected_when_woken(context, "unix", "--probes", "syscall")


class TwoUpstreams(running.Nginx):
    """/first/ goes to one upstream, /second/ to the other, over kept connections or new ones."""

    upstreams = ()
    keep = True

    def __init__(self, root, **options):
        super().__init__(root, workers=1, **options)

    def prepare(self):
        super().prepare()
        path = self.root / "nginx.conf"
        text = path.read_text()
        pools = "".join(f"upstream {name} {{ server 127.0.0.1:{port};"
                        f"{' keepalive 32;' if self.keep else ''} }}\n  "
                        for name, port in zip(("first", "second"), self.upstreams))
        text = text.replace("server {", pools + "server {", 1)
        version = '' if not self.keep else 'proxy_http_version 1.1; proxy_set_header Connection "";'
        places = "".join(f"location /{name}/ {{ {version} proxy_pass http://{name}/; }}\n    "
                         for name in ("first", "second"))
        path.write_text(text.replace("location /created", places + "location /created", 1))


def proxied(context, keep, clients, all_known, *words):
    """An event loop. Whatever pinfo names must be right; all_known: and nothing may be missing.
    Once there is one request at a time again, nothing may be missing in any case."""
    upstreams = [context.start(running.ThreadedServer) for _ in range(2)]
    TwoUpstreams.upstreams = [upstream.port for upstream in upstreams]
    TwoUpstreams.keep = keep
    observed = context.observe(TwoUpstreams, *words)
    requests = [("GET", f"/{('first', 'second')[i % 2]}/sleep?ms={i % 7}&i={i}")
                for i in range(240)]
    alone = [("GET", f"/first/sleep?ms=1&alone={i}") for i in range(5)]
    traffic.parallel(observed.server.port, requests, clients)
    traffic.parallel(observed.server.port, alone, 1)
    requests += alone
    observed.finish()
    rows = context.requests()
    check_equal(len(rows), len(requests), "requests")
    known = 0
    for row in rows:
        upstream = upstreams[0 if row["target"].startswith("/first/") else 1]
        peers = called(context, row) if row["calls"] else {}
        check(set(peers) <= {f"127.0.0.1:{upstream.port}"}, f"peers of {row['target']}: {peers}")
        check(row["calls"] <= 1, f"calls of {row['target']}: {row['calls']}")
        if row["calls"]:
            known += 1
            sleep = int(re.search("ms=([0-9]+)", row["target"])[1])
            check(sleep * MS <= row["calls_ns"] <= row["latency_ns"],
                  f"{row['target']}: waited {row['calls_ns']} of {row['latency_ns']}")
    totals = context.totals()
    check_equal(totals["calls"], len(requests), "calls seen, of any request or none")
    check_equal(totals["calls_attributed"], known, "calls in requests")
    if all_known:
        check_equal(known, len(requests), "requests with their call")
    check_equal([row["calls"] for row in rows if "alone" in row["target"]], [1] * len(alone),
                "calls of requests that were alone")


@scenario()
def event_loop_one_at_a_time(context):
    proxied(context, True, 1, True)


@scenario()
def event_loop_with_new_connections(context):
    proxied(context, False, 1, True)


@scenario()
def busy_event_loop(context):
    """Many requests open on one thread: what is not certain is left out, and counted."""
    proxied(context, True, 8, False)


@scenario(modes=["ebpf"])
def busy_event_loop_by_syscall_probes(context):
    proxied(context, True, 8, False, "--probes", "syscall")


@scenario(modes=["ebpf"])
def busy_event_loop_with_new_connections_by_syscall_probes(context):
    proxied(context, False, 8, False, "--probes", "syscall")


if __name__ == "__main__":
    harness.main()

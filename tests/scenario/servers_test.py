"""How servers are built: hand-off between threads, many open requests on one thread, several listen
addresses, IPv6 and unix sockets. What pinfo lists is what the server answered."""
import socket
import threading

import harness  # finds the servers' folder
import awkward_server
import running
import traffic
from harness import check, check_equal, check_same_lines, scenario

PATHS = ["/length", "/head-then-body", "/chunked", "/teapot", "/no-content", "/missing"]


def ask(family, address, count, name):
    """Requests one after the other on one connection of any family."""
    with socket.socket(family) as peer:
        peer.settimeout(10)
        peer.connect(address)
        for i in range(count):
            path = PATHS[i % len(PATHS)]
            peer.sendall(f"GET {path}?{name}={i} HTTP/1.1\r\nHost: {name}.example\r\n\r\n".encode())
            size = sum(len(part) for part in awkward_server.answer_of(path)
                       if isinstance(part, bytes))
            while size > 0:
                size -= len(peer.recv(size))


def in_parallel(calls):
    errors = []

    def run(call):
        try:
            call()
        except OSError as error:
            errors.append(error)
    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    check(not errors, f"a client failed: {errors[:1]}")


def compare(context, server):
    rows = context.requests()
    check_same_lines(harness.as_tuples(rows), server.access_lines(), "requests")
    incomplete = [(row["target"], row["outcome"], row["status"], row["ended_by"]) for row in rows
                  if row["outcome"] != "complete"]
    check(not incomplete, f"not complete: {incomplete[:8]}")
    return rows


@scenario()
def handoff(context):
    """One thread reads, others answer: each answer belongs to its request, and no moment of it to
    two threads."""
    observed = context.observe(running.AwkwardServer, mode="handoff")
    port = observed.server.port
    in_parallel([lambda n=n: ask(socket.AF_INET, ("127.0.0.1", port), 30, f"c{n}")
                 for n in range(8)])
    observed.finish()
    rows = compare(context, observed.server)
    check_equal(len(rows), 240, "requests")
    parts = ("on_cpu_ns", "blocked_ns", "runqueue_ns", "waiting_ns")
    split = [row for row in rows if row["on_cpu_ns"] is not None]
    # The preloaded library tells of the reading thread's part when that turns to something else,
    # which may be after the answer: then the split is not known.
    least = 200 if context.mode == "ebpf" else 60
    check(len(split) > least, f"only {len(split)} of {len(rows)} requests have a time split")
    for row in split:
        check_equal(sum(row[part] for part in parts), row["latency_ns"], f"parts of {row}")
    check(all(row["latency_ns"] >= 40_000_000 for row in rows if row["target"].startswith("/chunked")),
          "/chunked takes as long as its pauses")


@scenario()
def many_open_on_one_thread(context):
    """An event loop that waits for forty requests at once: each has its own times."""
    observed = context.observe(running.AwkwardServer, mode="event")
    port = observed.server.port

    def one(number):
        with socket.create_connection(("127.0.0.1", port), 10) as peer:
            for path in ("/slow", "/teapot"):
                peer.sendall(f"GET {path}?n={number} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
                got = b""
                while len(got) < len(awkward_server.TEAPOT):
                    got += peer.recv(4096)
    in_parallel([lambda n=n: one(n) for n in range(40)])
    observed.finish()
    rows = compare(context, observed.server)
    check_equal(len(rows), 80, "requests")
    for row in rows:
        slow = row["target"].startswith("/slow")
        check((row["latency_ns"] >= 300_000_000) == slow,
              f"{row['target']}: {row['latency_ns']} ns")


@scenario()
def listen_addresses(context):
    """IPv4, IPv6 and a unix socket of one server; without Host the address is the site."""
    path = context.subfolder("socket") / "server.sock"
    other = running.free_port()
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
            six = probe.getsockname()[1]
    except OSError as error:
        raise harness.Skip(f"no IPv6 on loopback: {error}")
    observed = context.observe(running.AwkwardServer,
                               addresses=[f"127.0.0.1:{other}", f"[::1]:{six}", f"unix:{path}"])
    running.wait_until(path.exists, 5, "the unix socket")
    places = {"four": (socket.AF_INET, ("127.0.0.1", observed.server.port)),
              "other": (socket.AF_INET, ("127.0.0.1", other)),
              "six": (socket.AF_INET6, ("::1", six)), "unix": (socket.AF_UNIX, str(path))}
    for name, (family, address) in places.items():
        ask(family, address, 12, name)
    for family, address in places.values():
        with socket.socket(family) as peer:
            peer.connect(address)
            peer.sendall(b"GET /teapot?nohost HTTP/1.0\r\n\r\n")
            peer.recv(100)
    observed.finish()
    rows = compare(context, observed.server)
    check_equal({row["site"] for row in rows if "nohost" not in row["target"]},
                {f"{name}.example" for name in places}, "sites by Host")
    check_equal({row["site"] for row in rows if "nohost" in row["target"]},
                {f"127.0.0.1:{observed.server.port}", f"127.0.0.1:{other}", f"[::1]:{six}", "unix"},
                "sites by address")


@scenario()
def routes_and_rules(context):
    """Patterns and the bound of routes; what is left out is not HTTP; filters choose profiles."""
    observed = context.observe(
        running.AwkwardServer, "--route-pattern", "/shop/{product}", "--max-routes", "3",
        "--profile", "1/2", "--exclude", "/static/**", "--skip-if-header", "Referer", "--no-turns")
    port = observed.server.port
    with socket.create_connection(("127.0.0.1", port), 10) as peer:
        def get(target, fields=""):
            peer.sendall(f"GET {target} HTTP/1.1\r\nHost: x\r\n{fields}\r\n".encode())
            peer.recv(1000)
        for target in ("/shop/red-shoe", "/shop/blue-hat", "/users/42/orders/7", "/static",
                       "/static/a.css"):
            get(target)
        for n in range(4):
            get(f"/page{n}/x")
        get("/shop/green-tie", "Referer: y\r\n")
    traffic.raw(port, b"\x00\x01 not HTTP\n")
    observed.finish()
    rows = {row["target"]: row for row in context.requests()}
    check_equal({target: row["route"] for target, row in rows.items() if target[1] in "su"},
                {"/shop/red-shoe": "/shop/{product}", "/shop/blue-hat": "/shop/{product}",
                 "/shop/green-tie": "/shop/{product}", "/users/42/orders/7": "/users/{n}/orders/{n}",
                 "/static": "/static", "/static/a.css": "{other}"}, "routes")
    check_equal([rows[f"/page{n}/x"]["route"] for n in range(4)], ["{other}"] * 4, "the bound")
    session = next(row for row in context.json_lines("status") if row["type"] == "session")
    check_equal(session["other_route_requests"], 5, "requests in {other}")
    check("have the route {other}" in observed.text, "the end says that routes were bounded")
    check_equal({row["method"] for row in rows.values()}, {"GET"}, "methods, without turns")
    profiled = [target for target, row in rows.items() if row["profiled"]]
    # Every second of the seven that pass the filters, the first one always.
    check_equal(profiled, ["/shop/red-shoe", "/users/42/orders/7", "/page1/x", "/page3/x"],
                "profiled requests")


if __name__ == "__main__":
    harness.main()

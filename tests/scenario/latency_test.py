"""Latencies of a server that sleeps known times, against the sleep and the server's own clock."""
import statistics

import harness
import running
import traffic
from harness import check, scenario

SLEEPS_MS = (0, 1, 5, 20, 50)


def compare_with_account(context, server, expected):
    account = {line["target"]: line for line in server.account()}
    rows = context.requests()
    check(len(rows) == expected, f"{len(rows)} requests, expected {expected}")
    over = []  # beyond what the server's own clock says
    lateness = []
    for row in rows:
        line = account[row["target"]]
        sleep_ns = int(row["target"].split("ms=")[1].split("&")[0]) * 1_000_000
        check(row["latency_ns"] >= sleep_ns,
              f"{row['target']}: {row['latency_ns']} ns is below the sleep")
        # Exact, however busy the machine: the last byte went out after the server said it would.
        check(row["latency_ns"] >= line["sending_ns"] - line["begin_ns"],
              f"{row['target']}: {row['latency_ns']} ns, but the server sent later: {line}")
        over.append(row["latency_ns"] - (line["end_ns"] - line["begin_ns"]))
        lateness.append(row["latency_ns"] - sleep_ns)
    over.sort()
    print(f"beyond the server's clock: median {statistics.median(over) / 1e3:.1f} us, "
          f"99% {over[len(over) * 99 // 100] / 1e3:.1f} us, worst {over[-1] / 1e3:.1f} us; "
          f"above the sleep: median {statistics.median(lateness) / 1e3:.1f} us")
    check(over[len(over) * 99 // 100] <= 100_000,
          f"99% at most 100 us beyond the server's clock, found {over[len(over) * 99 // 100]} ns")
    check(statistics.median(lateness) <= 1_000_000,
          f"within 1 ms of the sleep, median is {statistics.median(lateness)} ns above")


def sleeping(context, **options):
    observed = context.observe(running.ThreadedServer, **options)
    requests = [("GET", f"/sleep?ms={ms}&n={i}") for i in range(60) for ms in SLEEPS_MS]
    traffic.parallel(observed.server.port, requests, clients=3)
    # The line of a request is written after its answer.
    running.wait_until(lambda: len(observed.server.account()) == len(requests), 5, "the account")
    observed.finish()
    compare_with_account(context, observed.server, len(requests))


@scenario()
def threads(context):
    sleeping(context, mode="threads")


@scenario()
def prefork(context):
    sleeping(context, mode="threads", workers=2)


@scenario()
def event_loop(context):
    sleeping(context, mode="event")


@scenario()
def streamed(context):
    """A chunked response over 60 ms: the first byte is early, the last one late."""
    observed = context.observe(running.ThreadedServer)
    for i in range(10):
        traffic.send(observed.server.port, "GET", f"/chunked?n=3&ms=20&i={i}")
    observed.finish()
    rows = context.requests()
    check(len(rows) == 10, f"{len(rows)} requests, expected 10")
    for row in rows:
        check(row["latency_ns"] >= 60_000_000, f"{row['latency_ns']} ns to the last byte")
        check(row["first_byte_ns"] < 20_000_000, f"{row['first_byte_ns']} ns to the first byte")


@scenario()
def reset_by_the_server(context):
    """Half a response and a reset: outcome aborted, the status that was sent is kept."""
    observed = context.observe(running.ThreadedServer)
    for i in range(5):
        traffic.raw(observed.server.port, b"GET /abort?n=%d HTTP/1.1\r\nHost: x\r\n\r\n" % i)
    observed.finish()
    rows = context.requests()
    check([(row["outcome"], row["status"]) for row in rows] == [("aborted", 200)] * 5,
          f"outcomes and statuses: {[(row['outcome'], row['status']) for row in rows]}")


if __name__ == "__main__":
    harness.main()

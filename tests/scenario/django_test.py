"""Django under gunicorn's sync workers: every request as gunicorn's access log has it."""
import os
import signal

import harness
import running
import traffic
from harness import check, check_equal, check_same_lines, scenario


def pages(count):
    requests = []
    for i in range(count):
        requests += [("GET", f"/fast?n={i}"), ("GET", f"/list?n={i}"), ("GET", f"/product/{i + 1}"),
                     ("GET", f"/fail?n={i}"), ("GET", f"/nothing/{i}"), ("HEAD", f"/fast?head={i}"),
                     ("POST", f"/post?n={i}", b"x" * (i * 500)), ("GET", f"/slow?ms=20&n={i}"),
                     ("GET", f"/cpu?rounds=3&n={i}")]
    return requests


def compare_with_log(context, server):
    check_same_lines(harness.as_tuples(context.requests()), server.access_lines(),
                     "requests against gunicorn's access log")


@scenario(seconds=90)
def access_log(context):
    observed = context.observe(running.Gunicorn)
    for request in pages(12):
        traffic.send(observed.server.port, *request)
    observed.finish()
    compare_with_log(context, observed.server)
    rows = context.requests()
    check(all(row["outcome"] == "complete" for row in rows), "every outcome is complete")
    check(len({row["pid"] for row in rows}) > 1, "more than one worker served")


@scenario(seconds=90)
def time_split(context):
    """A page that sleeps is blocked, a page that computes is on the CPU, and the parts add up."""
    observed = context.observe(running.Gunicorn)
    for i in range(10):
        traffic.send(observed.server.port, "GET", f"/slow?ms=100&n={i}")
        traffic.send(observed.server.port, "GET", f"/cpu?rounds=60&n={i}")
    observed.finish()
    compare_with_log(context, observed.server)
    for row in context.requests():
        parts = [row[name] for name in ("on_cpu_ns", "blocked_ns", "runqueue_ns", "waiting_ns")]
        check(None not in parts[:3], f"one thread served {row['target']}, its time split is known")
        check_equal(sum(part or 0 for part in parts), row["latency_ns"],
                    f"parts of {row['target']} added up")
        if row["target"].startswith("/slow"):
            check(row["blocked_ns"] >= 100e6, f"{row['target']}: blocked {row['blocked_ns']} ns")
        else:
            check(row["on_cpu_ns"] > 0.5 * row["latency_ns"] - row["runqueue_ns"],
                  f"{row['target']}: on CPU {row['on_cpu_ns']} of {row['latency_ns']} ns")


@scenario(seconds=90)
def killed_worker(context):
    """gunicorn replaces a worker that dies; its successor's requests are seen from the first on."""
    observed = context.observe(running.Gunicorn)
    server = observed.server
    for i in range(12):
        traffic.send(server.port, "GET", f"/fast?before={i}")
    # A line is written after its answer; what a killed worker had no time to log is not to miss.
    running.wait_until(lambda: len(server.access_lines()) == 12, 5, "gunicorn's log")
    before = set(server.workers())
    for worker in before:
        os.kill(worker, signal.SIGKILL)
    running.wait_until(lambda: len(set(server.workers()) - before) == 3, 15, "new workers")
    for i in range(12):
        traffic.send(server.port, "GET", f"/fast?after={i}")
    observed.finish()
    compare_with_log(context, server)
    after = {row["pid"] for row in context.requests() if "after=" in row["target"]}
    check(after and not after & before, f"pids of the new workers' requests: {after}")


if __name__ == "__main__":
    harness.main()

"""Requests that compute and wait in known functions: the profile shows each with its time.

The server says itself how long each part took, so that nothing here depends on how busy the machine
is. A wait lasts as long as the server's clock says, less the time in which its thread was ready to run
and had no CPU: the kernel tells the server of that, and pinfo shows it apart.
"""
import datetime
import json
import statistics

import harness
import running
import traffic
from harness import check, check_equal, sampling_slack, scenario

WAITS = ("wait_for_timer", "wait_for_lock", "wait_for_upstream")
TOLERANCE = 0.03  # of the whole time


def account_of(body):
    text = body.decode()
    if text.startswith("{"):
        return json.loads(text)
    return {name: int(ns) for name, ns in (line.split() for line in text.splitlines())}


def mixed(context, target, requests, *words, clients=2, kind=running.ThreadedServer, **options):
    """Runs the requests; returns (rows, {part: nanoseconds} by the server's own account).

    target: the same for each request, or a function of its number."""
    observed = context.observe(kind, "--hz", "999", *words, **options)
    targets = [target(i) if callable(target) else target for i in range(requests)]
    wanted = [("GET", f"{each}&n={i}") for i, each in enumerate(targets)]
    answers = traffic.parallel(observed.server.port, wanted, clients=clients)
    observed.finish()
    truth = {}
    for status, body in answers:
        check_equal(status, 200, "status")
        for name, ns in account_of(body).items():
            truth[name] = truth.get(name, 0) + ns
    rows = context.requests()
    check_equal(len(rows), requests, "requests")
    return rows, truth


def parts_of(row):
    return [row[name] for name in ("on_cpu_ns", "blocked_ns", "runqueue_ns", "waiting_ns")]


def check_sums(rows):
    for row in rows:
        check(None not in parts_of(row), f"the time split of {row['target']} is known: {row}")
        check_equal(sum(parts_of(row)), row["latency_ns"], f"parts of {row['target']} added up")


def function_times(context, *words):
    times = {}
    for row in context.json_lines("stats", *words):
        name = row["function"].split("(")[0].split(".<")[0]
        times[name] = times.get(name, 0) + row["total_ns"]
    return times


def samples_at_work(context, *words):
    """Stacks of the two functions that compute: those that have no wait within."""
    return sum(row["samples"] for row in context.json_lines("stats", *words)
               if row["function"].split("(")[0] in ("burn_alpha", "burn_beta"))


def mix(i):
    """No two requests alike, as anywhere: the preloaded library's samples are taken at the scheduler's
    ticks, and on a busy machine these are also when a thread gets its CPU. Work that always took the
    same few ticks would be counted by them again and again in the same wrong way."""
    return f"/mix?alpha={12 + i % 13}&beta={4 + i % 5}&timer=20&lock=15&upstream=25"



def compare(context, rows, truth):
    check_sums(rows)
    whole = sum(row["latency_ns"] for row in rows)
    times = function_times(context, "--route", "/mix")
    samples = samples_at_work(context, "--route", "/mix")
    for wait in WAITS:
        part = wait.removeprefix("wait_for_")
        found, true = times.get(wait, 0) / whole, truth[part] / whole
        ready = truth[part + "_ready"] / whole
        print(f"{wait}: {found:.3f} of the time, by the server's clock {true:.3f} less {ready:.3f}")
        # In preload mode a wait may include the time in which the thread was ready to run.
        highest = true - ready if context.mode == "ebpf" else true
        check(true - ready - TOLERANCE <= found <= highest + TOLERANCE, f"{wait}: {found} of {true}")
    for burn in ("alpha", "beta"):
        found, true = times.get(f"burn_{burn}", 0) / whole, truth[burn] / whole
        print(f"burn_{burn}: {found:.3f} of the time, by the thread's clock {true:.3f}")
        at_work = (truth["alpha"] + truth["beta"]) / whole
        slack = TOLERANCE + at_work * sampling_slack(context, true / at_work, samples)
        print(f"{samples} samples at work, slack {slack:.3f}")
        check(abs(found - true) <= slack, f"burn_{burn}: {found} of {true}")
    if context.mode == "preload":
        residuals = [function_times(context, str(row["id"])).get("[blocked]", 0) / row["latency_ns"]
                     for row in rows[::4]]
        print(f"neither at work nor in a call that is known: {statistics.median(residuals):.4f}")
        check(statistics.median(residuals) <= 0.02, f"residual of requests: {residuals}")
    own = [name for name in times if name.startswith("pinfo_")]
    check(not own, f"functions of pinfo's own library in the server's profile: {own}")
    if context.mode == "ebpf":
        check_equal(sum(row["waiting_ns"] for row in rows), 0,
                    "time in which a thread of its own did not work on its request")
        blocked = sum(row["blocked_ns"] for row in rows)
        residual = times.get("[blocked]", 0) / blocked
        print(f"blocked without a stack: {residual:.4f}")
        check(residual <= 0.02, f"{residual} of the blocked time has no stack")


@scenario(seconds=120)
def kinds_and_places(context):
    compare(context, *mixed(context, mix, 65))


@scenario(modes=("ebpf",), seconds=120)
def kinds_and_places_in_django(context):
    compare(context, *mixed(context, mix, 65, kind=running.Gunicorn))


@scenario(seconds=120)
def one_line(context):
    rows, _ = mixed(context, "/mix?timer=40", 5, clients=1)
    shown = context.pinfo("show", rows[-1]["id"]).stdout.splitlines()[0]
    print(shown)
    check(shown.startswith("GET /mix?timer=40&n=4 4") and "blocked in wait_for_timer" in shown,
          f"the first line of pinfo show: {shown}")


@scenario(seconds=120)
def switched_off(context):
    rows, _ = mixed(context, "/mix?timer=10", 10, "--no-off-cpu", clients=1)
    check_sums(rows)
    times = function_times(context, "--route", "/mix")
    check("wait_for_timer" not in times or times["wait_for_timer"] < 10e6,
          f"a stack of a wait: {times}")
    check(times.get("[blocked]", 0) >= 10 * 10e6, f"the blocked time has a frame: {times}")


@scenario(seconds=120)
def short_waits_have_no_stack(context):
    mixed(context, "/mix?timer=10", 10, "--off-cpu-min", "1s", clients=1)
    times = function_times(context, "--route", "/mix")
    check(times.get("[blocked]", 0) >= 10 * 10e6, f"the blocked time has a frame: {times}")


@scenario(modes=("ebpf",), seconds=120)
def handed_over(context):
    """One thread reads, another answers: both count, and the parts add up."""
    rows, truth = mixed(context, "/mix?alpha=5&timer=20", 60, clients=1, mode="pool")
    check_sums(rows)
    # Which worker takes a job is a race at times, and then nobody knows since when it had it.
    blocked = statistics.median(row["blocked_ns"] + row["runqueue_ns"] for row in rows)
    on_cpu = statistics.median(row["on_cpu_ns"] for row in rows)
    print(f"median: blocked {blocked / 1e6:.2f} ms, on CPU {on_cpu / 1e6:.2f} ms")
    check(blocked >= 20e6, f"the worker's wait counts: {blocked} ns")
    check(on_cpu >= 0.97 * truth["alpha"] / len(rows), f"the worker's work counts: {on_cpu} ns")
    times = function_times(context, "--route", "/mix")
    check(times.get("wait_for_timer", 0) >= 0.4 * truth["timer"], f"the wait has its stack: {times}")


@scenario(seconds=120)
def an_event_loop_s_other_work(context):
    """A request that waits while the loop serves others is waiting, and none of it is counted twice."""
    observed = context.observe(running.ThreadedServer, "--hz", "999", mode="event")
    requests = [("GET", f"/mix?alpha=4&timer=4&n={i}") for i in range(100)]
    traffic.parallel(observed.server.port, requests, clients=4)
    observed.finish()
    rows = context.requests()
    check_equal(len(rows), 100, "requests")
    check_sums(rows)
    # One thread did it all: what the requests were given cannot exceed the time that passed.
    given = sum(row["on_cpu_ns"] + row["blocked_ns"] for row in rows)
    starts = [int(datetime.datetime.fromisoformat(row["start"]).timestamp() * 1e6) * 1000
              for row in rows]
    span = max(start + row["latency_ns"] for start, row in zip(starts, rows)) - min(starts)
    print(f"given {given / 1e6:.1f} ms in {span / 1e6:.1f} ms")
    check(given <= span + 1_000_000, f"{given} ns given to requests in {span} ns")
    # A wait until a moment is the shorter the longer the thread had to wait for a CPU before.
    check(all(row["blocked_ns"] + row["runqueue_ns"] + row["waiting_ns"] >= 4e6 for row in rows),
          "each request's own wait")


if __name__ == "__main__":
    harness.main()

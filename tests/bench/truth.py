"""Whether profiles tell the truth: servers whose pages compute and wait in known functions.

Each page says itself how long its parts took (tests/servers), a wait less the time in which its thread
was ready to run and had no CPU, as the kernel tells the page. A part's share of all latencies is
compared with the share that pinfo gives to its function; the difference is in points (percent of the
latency). `ready` is the share of all time in which a thread had no CPU: how busy the machine was.
"""
import collections
import http.client
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import threading

import observers
import running

PARTS = {"alpha": "burn_alpha", "beta": "burn_beta", "timer": "wait_for_timer",
         "lock": "wait_for_lock", "upstream": "wait_for_upstream"}
# name -> (parameters, requests, --hz): all parts at the default rate, then route by route.
ROUNDS = (
    ("all parts", "alpha=6&beta=2&timer=6&lock=5&upstream=7", 2000, 99),
    ("CPU", "alpha=15&beta=5", 200, 999),
    ("timer", "alpha=4&timer=20", 200, 999),
    ("lock", "alpha=4&lock=20", 200, 999),
    ("upstream", "alpha=4&upstream=20", 200, 999),
)
SERVERS = (("threaded C++ server", running.ThreadedServer), ("Django, gunicorn", running.Gunicorn))
CLIENTS = 2


def account_of(body):
    text = body.decode()
    if text.startswith("{"):
        return json.loads(text)
    return {name: int(ns) for name, ns in (line.split() for line in text.splitlines())}


def load(port, parameters, requests):
    """{part: nanoseconds} over all requests, by the server's own account."""
    truth = collections.Counter()
    lock = threading.Lock()

    def client(count):
        for _ in range(count):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            connection.request("GET", f"/mix?{parameters}")
            took = account_of(connection.getresponse().read())
            connection.close()
            with lock:
                for name, ns in took.items():
                    truth[name] += ns

    threads = [threading.Thread(target=client, args=(requests // CLIENTS,))
               for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return truth


def true_ns(truth, part):
    """A wait's without a CPU's; what computes is timed by a clock that stands still then."""
    waits = PARTS[part].startswith("wait_")
    return truth[part] - (truth[part + "_ready"] if waits else 0)


def json_lines(observer, folder, *words):
    text = subprocess.run(observer.command(folder, *words, "--json"), check=True,
                          capture_output=True, text=True).stdout
    return [json.loads(line) for line in text.splitlines()]


def one(pinfo, kind, parameters, requests, hz):
    """Points of difference by part, and how busy the machine was."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="pinfo-bench-"))
    folder.chmod(0o755)
    observer = observers.Attach(pinfo, ["--hz", str(hz), "--row-rate", "100000"])
    try:
        with observer.observe(kind, folder) as (server, _):
            truth = load(server.port, parameters, requests)
        rows = json_lines(observer, folder, "requests", "--route", "/mix")
        whole = sum(row["latency_ns"] for row in rows)
        found = dict.fromkeys(PARTS.values(), 0)
        for row in json_lines(observer, folder, "stats", "--route", "/mix"):
            name = row["function"].split("(")[0]
            if name in found:
                found[name] += row["total_ns"]
        sums = [sum(row[part] for part in ("on_cpu_ns", "blocked_ns", "runqueue_ns", "waiting_ns"))
                - row["latency_ns"] for row in rows]
        return {"requests": len(rows), "largest_sum_difference_ns": max(map(abs, sums)),
                "ready": 100 * sum(row["runqueue_ns"] for row in rows) / whole,
                "points": {name: 100 * (found[function] - true_ns(truth, name)) / whole
                           for name, function in PARTS.items()}}
    finally:
        shutil.rmtree(folder)


def run(pinfo):
    os.environ.setdefault("PINFO_THREADED_SERVER", str(
        pathlib.Path(pinfo).resolve().parent / "tests" / "servers" / "threaded_server"))
    results = []
    for server, kind in SERVERS:
        print(f"\ntruth, {server}: points of difference from the server's own account")
        for name, parameters, requests, hz in ROUNDS:
            figures = one(pinfo, kind, parameters, requests, hz)
            results.append({"server": server, "round": name, "hz": hz, **figures})
            parts = "  ".join(f"{part} {points:+.2f}"
                              for part, points in figures["points"].items()
                              if f"{part}=" in parameters)
            print(f"  {name:10} {figures['requests']} requests at {hz} Hz: {parts}  "
                  f"(ready {figures['ready']:.2f}; parts against latency: "
                  f"{figures['largest_sum_difference_ns']} ns)", flush=True)
    return results

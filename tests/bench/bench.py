"""./dev bench: what pinfo costs the server, in interleaved pairs against the bare server.

A pair is one load on the bare server and one on the observed server, in alternating order, each
with a server of its own. All observers take turns within each round, so that whatever else the
machine does meets all of them. Ratios are medians over the pairs of observed / bare; A/A is bare
against bare and shows the noise. Beside the pairs, which are bursts, one long load shows what the
collector costs when its work cannot be put off. Prints a table, and JSON with every single figure (--output).
"""
import argparse
import dataclasses
import json
import os
import pathlib
import shutil
import signal
import statistics
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "servers"))

import measure
import observers
import records
import running
import tls_servers
import truth

# name -> kind of server, page, connections, observers beside pinfo's and A/A
WORKLOADS = {
    "nginx": (running.Nginx, "/index.html", 16, [observers.Perf, observers.Bpftrace]),
    "django": (running.Gunicorn, "/list", 4,
               [observers.Perf, observers.Bpftrace, observers.CProfileMiddleware]),
    "nginx-tls": (tls_servers.Nginx, "/index.html", 16, []),
}
# What pinfo must reach: throughput against bare.
TARGETS = {("nginx", "pinfo attach"): 0.94, ("nginx", "pinfo run"): 0.92,
           ("django", "pinfo attach"): 0.98, ("django", "pinfo run"): 0.98}


def one(observer, workload, seconds):
    """One load with this observer; its figures."""
    kind, target, connections, _ = WORKLOADS[workload]
    folder = pathlib.Path(tempfile.mkdtemp(prefix="pinfo-bench-"))
    folder.chmod(0o755)
    try:
        with observer.observe(kind, folder) as (server, pid):
            figures = measure.measure(server, target, connections, seconds, pid)
        account = observer.account(folder)
        if account is not None:
            # A request without a profile of its own, or a wait without a stack, because of the rate,
            # is no lost record.
            figures.lost = sum(count for kind, count in account["lost"].items()
                               if kind not in ("profile_rate", "blocked_rate"))
            figures.seen = account["requests"] / len_of_log(folder)
        return figures
    finally:
        shutil.rmtree(folder)


def len_of_log(folder):
    """Lines of the one access log below the folder."""
    with open(next(folder.glob("*/access.log")), "rb") as log:
        return sum(1 for _ in log)


def sustained(pinfo, seconds):
    """One long load of nginx each: bare, then observed; what a burst does not show."""
    bare = one(observers.Bare(), "nginx", seconds)
    rows = []
    for observer in (observers.Attach(pinfo), observers.Run(pinfo)):
        observed = one(observer, "nginx", seconds)
        rows.append({"observer": observer.name, "seconds": seconds,
                     "throughput": observed.throughput, "bare_throughput": bare.throughput,
                     "throughput_ratio": observed.throughput / bare.throughput,
                     "requests": observed.requests, "observer_cpu_us": observed.observer_cpu_us,
                     "observer_peak_rss": observed.observer_rss, "seen": observed.seen,
                     "lost": observed.lost})
    return rows


def print_sustained(rows):
    print(f"\nnginx, one load of {rows[0]['seconds']} s each: "
          f"bare {rows[0]['bare_throughput']:.0f} requests/s")
    for row in rows:
        print(f"{row['observer']:13} {row['throughput']:.0f} requests/s "
              f"({row['throughput_ratio']:.3f} of bare), {row['requests']} requests, "
              f"own {row['observer_cpu_us']:.2f} us a request, "
              f"{row['observer_peak_rss'] / 1e6:.0f} MB resident at most, "
              f"seen {row['seen']:.4f}, lost {row['lost']}")


def pair(observer, workload, seconds, bare_first):
    bare = observers.Bare()
    if bare_first:
        first = one(bare, workload, seconds)
        return first, one(observer, workload, seconds)
    second = one(observer, workload, seconds)
    return one(bare, workload, seconds), second


def ratio(pairs, field):
    ratios = sorted(getattr(observed, field) / getattr(bare, field) for bare, observed in pairs)
    return statistics.median(ratios), ratios[len(ratios) // 10], ratios[-1 - len(ratios) // 10]


def median_of(pairs, field):
    values = [getattr(observed, field) for _, observed in pairs]
    return None if None in values else statistics.median(values)


def summarize(workload, name, pairs):
    throughput, low, high = ratio(pairs, "throughput")
    rss = [observed.observer_rss for _, observed in pairs]
    return {
        "workload": workload, "observer": name, "pairs": len(pairs),
        "throughput_ratio": throughput, "throughput_p10": low, "throughput_p90": high,
        "server_cpu_ratio": ratio(pairs, "server_cpu_us")[0],
        "p99_ratio": ratio(pairs, "p99_ms")[0],
        "bare_throughput": statistics.median(bare.throughput for bare, _ in pairs),
        "bare_server_cpu_us": statistics.median(bare.server_cpu_us for bare, _ in pairs),
        "observer_cpu_us": median_of(pairs, "observer_cpu_us"),
        "observer_peak_rss": None if None in rss else max(rss),
        "seen": median_of(pairs, "seen"),
        "lost": None if pairs[0][1].lost is None else sum(o.lost for _, o in pairs),
        "target": TARGETS.get((workload, name)),
    }


def record_cost(observer_class, pinfo):
    """Ring records and stack samples a request, of one load of nginx that is recorded."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="pinfo-bench-"))
    folder.chmod(0o755)
    recording = folder / "recording"
    try:
        observer = observer_class(pinfo, ["--record", str(recording)])
        with observer.observe(running.Nginx, folder) as (server, _):
            requests, _, _ = measure.wrk(server.url("/index.html"), 16, 1)
        connection, samples = records.per_request(recording, requests)
        return {"observer": observer.name, "requests": requests,
                "connection_records": connection, "samples": samples}
    finally:
        shutil.rmtree(folder)


COLUMNS = (
    ("observer", lambda s: s["observer"]), ("pairs", lambda s: str(s["pairs"])),
    ("throughput", lambda s: f"{s['throughput_ratio']:.3f}"),
    ("p10-p90", lambda s: f"{s['throughput_p10']:.2f}-{s['throughput_p90']:.2f}"),
    ("target", lambda s: f"{s['target']:.2f}" if s["target"] else ""),
    ("server CPU", lambda s: f"{s['server_cpu_ratio']:.3f}"),
    ("p99", lambda s: f"{s['p99_ratio']:.2f}"),
    ("own us/req", lambda s: f"{s['observer_cpu_us']:.2f}" if s["observer_cpu_us"] else ""),
    ("own MB", lambda s: f"{s['observer_peak_rss'] / 1e6:.0f}" if s["observer_peak_rss"] else ""),
    ("seen", lambda s: f"{s['seen']:.4f}" if s["seen"] else ""),
    ("lost", lambda s: "" if s["lost"] is None else str(s["lost"])),
)


def print_exact(summaries):
    """Exact counts against the same counts by cProfile, in the same rounds."""
    ratios = {summary["observer"]: summary["throughput_ratio"] for summary in summaries}
    exact = ratios.get(observers.RunExact.name)
    middleware = ratios.get(observers.CProfileMiddleware.name)
    if exact is not None and middleware is not None:
        print(f"exact profiles: {exact:.3f} of bare throughput, cProfile in a middleware "
              f"{middleware:.3f}: {'within' if exact >= middleware else 'ABOVE'} its cost")


def print_table(workload, summaries):
    first = summaries[0]
    print(f"\n{workload}: bare {first['bare_throughput']:.0f} requests/s, "
          f"{first['bare_server_cpu_us']:.1f} us of server CPU a request; ratios observed / bare")
    rows = [[title for title, _ in COLUMNS]]
    rows += [[value(summary) for _, value in COLUMNS] for summary in summaries]
    widths = [max(len(row[i]) for row in rows) for i in range(len(COLUMNS))]
    for row in rows:
        print("  ".join([row[0].ljust(widths[0])]
                        + [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]))


def options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pinfo", default="build/pinfo")
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--seconds", type=int, default=2, help="of each load")
    parser.add_argument("--sustained", type=int, default=20, metavar="SECONDS",
                        help="of the one long load of nginx; 0: none")
    parser.add_argument("--workload", choices=WORKLOADS, action="append")
    parser.add_argument("--only", action="append", metavar="NAME",
                        help="observers whose name contains this; may be given several times")
    parser.add_argument("--truth", action="store_true",
                        help="only compare profiles with what servers know of themselves")
    parser.add_argument("--output", default="build/bench.json")
    return parser.parse_args()


def run(chosen):
    results = []
    for workload in chosen.workload or WORKLOADS:
        everyone = [observers.SameAgain(), observers.Attach(chosen.pinfo),
                    observers.Run(chosen.pinfo)]
        if observers.CProfileMiddleware in WORKLOADS[workload][3]:
            everyone.append(observers.RunExact(chosen.pinfo))
        everyone += [peer() for peer in WORKLOADS[workload][3]]
        everyone = [observer for observer in everyone
                    if not chosen.only or any(word in observer.name for word in chosen.only)]
        pairs = {observer.name: [] for observer in everyone}
        for number in range(chosen.pairs):
            for observer in everyone:
                print(f"\r{workload}: round {number + 1} of {chosen.pairs}, {observer.name:24}",
                      end="", file=sys.stderr, flush=True)
                pairs[observer.name].append(
                    pair(observer, workload, chosen.seconds, bare_first=number % 2 == 0))
        print(file=sys.stderr)
        summaries = [summarize(workload, name, found) for name, found in pairs.items()]
        print_table(workload, summaries)
        print_exact(summaries)
        for summary in summaries:
            summary["figures"] = [[dataclasses.asdict(side) for side in both]
                                  for both in pairs[summary["observer"]]]
        results += summaries
    return results


def main():
    chosen = options()
    if os.geteuid() != 0:
        sys.exit("bench: eBPF and perf need root")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    if chosen.truth:
        results = {"machine": measure.kernel_and_cpus(), "truth": truth.run(chosen.pinfo)}
        pathlib.Path(chosen.output).write_text(json.dumps(results, indent=1) + "\n")
        return
    costs = [record_cost(kind, chosen.pinfo) for kind in (observers.Attach, observers.Run)]
    for cost in costs:
        print(f"{cost['observer']}: {cost['connection_records']:.3f} ring records and "
              f"{cost['samples']:.4f} stack samples a small request")
    results = {"machine": measure.kernel_and_cpus(), "seconds": chosen.seconds,
               "records": costs, "sustained": []}
    if chosen.sustained and "nginx" in (chosen.workload or WORKLOADS):
        results["sustained"] = sustained(chosen.pinfo, chosen.sustained)
        print_sustained(results["sustained"])
    results["results"] = run(chosen)
    pathlib.Path(chosen.output).write_text(json.dumps(results, indent=1) + "\n")
    print(f"\nevery figure: {chosen.output}")


if __name__ == "__main__":
    main()

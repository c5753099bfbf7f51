"""Stats files, graphs and the report of a profiled server, opened with the programs people use."""
import json
import pathlib
import re
import subprocess

import harness
import running
import traffic
from harness import check, check_equal, scenario

STATS_NAME = re.compile(r"\d\d-(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)-\d{4}_"
                        r"\d\d-\d\d-\d\d\.\d{6}_GET_(\d+)\.stats")
MAGIC = {".svg": b"<?xml", ".png": b"\x89PNG\r\n\x1a\n", ".dot": b"digraph"}


def profiled(context, requests=8):
    """A burning server with every request profiled; the rows."""
    dump = context.subfolder("dump")
    observed = context.observe(running.ThreadedServer, "--profile", "all", "--dump-dir", dump)
    for i in range(requests):
        traffic.send(observed.server.port, "GET", f"/burn?ms=200&share=60&token=hidden-value&n={i}")
    observed.finish()
    rows = context.requests()
    check_equal(len(rows), requests, "requests")
    return dump, rows


def read_by_pstats(path, commands):
    done = subprocess.run([running.PYTHON, "-m", "pstats", str(path)], input=commands, text=True,
                          capture_output=True, timeout=30)
    check_equal(done.returncode, 0, f"exit status of python3 -m pstats: {done.stderr}")
    return done.stdout


@scenario()
def stats_files(context):
    dump, rows = profiled(context)
    names = sorted(path.name for path in dump.iterdir())
    check_equal(len(names), len(rows), f"stats files in {names}")
    for row in rows:
        check(row["profiled"], f"request {row['id']} is profiled")
        path = pathlib.Path(row["stats_file"])
        match = STATS_NAME.fullmatch(path.name)
        check(match is not None and int(match.group(2)) == row["id"], f"name {path.name}")
        text = read_by_pstats(path, "sort cumtime\nstats 40\nquit\n")
        check("burn_alpha" in text and "burn_beta" in text, f"functions in {path}:\n{text}")
        seconds = float(re.search(r"in ([\d.]+) seconds", text).group(1))
        check(abs(seconds - row["latency_ns"] / 1e9) < 0.01,
              f"{seconds} s in the stats file, latency {row['latency_ns']} ns")
    merged = read_by_pstats(dump / names[0], f"add {dump / names[1]}\ncallers burn_alpha\nquit\n")
    check("burn_alpha" in merged, f"callers after merging two files:\n{merged}")


@scenario()
def graphs(context):
    _, rows = profiled(context, requests=2)
    folder = context.subfolder("graphs")
    for extension, magic in MAGIC.items():
        for source in (str(rows[0]["id"]), rows[0]["stats_file"]):
            path = folder / f"graph{extension}"
            context.pinfo("graph", source, "-o", path)
            check(path.read_bytes().lstrip().startswith(magic),
                  f"{path.name} of {source} begins with {path.read_bytes()[:20]!r}")
    drawn = subprocess.run(["dot", "-Tplain", folder / "graph.dot"], capture_output=True, text=True,
                           timeout=30)
    check_equal(drawn.returncode, 0, f"exit status of dot: {drawn.stderr}")
    check("burn_alpha" in drawn.stdout, "burn_alpha is a node of the graph")


@scenario(seconds=120)
def report(context):
    profiled(context, requests=3)
    folder = context.home / "report"
    done = context.pinfo("report", "-o", folder)
    index = folder / "index.html"
    check(str(index) in done.stdout, f"the report's path is printed, found {done.stdout!r}")
    check("<html" in index.read_text(), "index.html is a page")
    everything = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    check(b"burn_alpha" in everything, "the functions are in the report")
    check(b"hidden-value" not in everything, "values of query strings are masked")
    check(not re.search(rb"""(src|href)=["']https?://""", everything), "nothing from the network")


@scenario()
def listings(context):
    _, rows = profiled(context, requests=3)
    slowest = max(rows, key=lambda row: row["latency_ns"])
    shown = context.pinfo("show", slowest["id"]).stdout
    check("GET /burn" in shown and "burn_alpha" in shown, f"pinfo show:\n{shown}")
    check("burn_alpha" in context.pinfo("stats").stdout, "pinfo stats over everything")
    check("burn_alpha" in context.pinfo("stats", slowest["stats_file"]).stdout, "pinfo stats FILE")
    check_equal(len(context.requests("--route", "/burn")), 3, "requests of the route")
    check_equal(len(context.requests("--status", "404")), 0, "requests of status 404")
    check_equal(len(context.requests("--slower-than", "1h")), 0, "requests slower than an hour")
    limited = context.pinfo("requests", "--json", "--limit", "1", "--sort", "latency").stdout
    check_equal(json.loads(limited)["id"], slowest["id"], "the one request of --limit 1")
    check_equal(context.totals()["requests"], 3, "total of requests")
    for words in (("show", "999999999"), ("stats", "999999999"), ("graph", "999999999"),
                  ("graph", "/nonexistent.stats"), ("stats", "/nonexistent.stats")):
        failed = context.pinfo(*words, status=1)
        check(failed.stderr.startswith("pinfo: "), f"pinfo {words} says what was wrong")
    context.pinfo("requests", "--slower-than", "soon", status=2)
    context.pinfo("frobnicate", status=2)


if __name__ == "__main__":
    harness.main()

"""Stats files, graphs and the report of a profiled server, opened with the programs people use."""
import base64
import gzip
import json
import pathlib
import re
import shutil
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
    names = sorted(path.name for path in dump.glob("*.stats"))
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
    # What was accumulated is the sum of the requests, over all and for the one route.
    total = sum(row["latency_ns"] for row in rows) / 1e9
    accumulated = sorted((dump / "accumulated").glob("*.stats"))
    check_equal(len(accumulated), 2, f"accumulated files {accumulated}")
    for path in accumulated:
        text = read_by_pstats(path, "stats 3\nquit\n")
        seconds = float(re.search(r"in ([\d.]+) seconds", text).group(1))
        check(abs(seconds - total) < 0.01, f"{seconds} s in {path}, latencies {total} s")


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
    # As gprof2dot labels the same file: a frame that stands for waiting was called once.
    check("\\n0\u00d7" not in (folder / "graph.dot").read_text(), "no node was called never")


@scenario()
def shapes(context):
    """Every shape of one request has the request's latency."""
    _, rows = profiled(context, requests=2)
    row = rows[0]
    folder = context.subfolder("shapes")

    def export(form, *words):
        path = folder / f"profile.{form}"
        context.pinfo("export", "--format", form, *words, "-o", path)
        return path

    folded = export("folded", row["id"]).read_text().splitlines()
    check_equal(sum(int(line.rsplit(" ", 1)[1]) for line in folded), row["latency_ns"], "folded")
    check(any("burn_alpha" in line for line in folded), "burn_alpha is in the folded stacks")
    scope = json.loads(export("speedscope", row["id"]).read_text())
    check_equal(sum(scope["profiles"][0]["weights"]), row["latency_ns"], "speedscope")
    stats = read_by_pstats(export("pstats", row["id"]), "sort cumtime\nstats 20\nquit\n")
    check("burn_alpha" in stats, f"functions in the exported stats file:\n{stats}")
    pprof = export("pprof", row["id"])
    again = context.pinfo("export", "--format", "folded", pprof).stdout.splitlines()
    check_equal(sum(int(line.rsplit(" ", 1)[1]) for line in again), row["latency_ns"], "pprof")
    check_by_go(pprof, row["latency_ns"])
    trace = json.loads(export("chrome", row["id"]).read_text())["traceEvents"]
    request = [event for event in trace if event.get("cat") == "request"]
    check_equal([event["args"]["duration_ns"] for event in request], [row["latency_ns"]], "trace")
    check(any(event.get("cat") == "stack" and "burn_alpha" in event["name"] for event in trace),
          "burn_alpha is in the timeline")
    route = export("folded", "--route", row["route"]).read_text().splitlines()
    check_equal(sum(int(line.rsplit(" ", 1)[1]) for line in route),
                sum(each["latency_ns"] for each in rows), "the route's total")
    for words in ((row["id"],), (row["stats_file"],), (pprof,), (row["id"], "--diff", rows[1]["id"])):
        path = folder / "flame.svg"
        context.pinfo("flame", *words, "-o", path)
        check("burn_alpha" in path.read_text(), f"burn_alpha is in the flame graph of {words}")
    compared = context.pinfo("graph", row["id"], "--compare", rows[1]["id"]).stdout
    check("burn_alpha" in compared, "burn_alpha is in the comparison")
    context.pinfo("export", "--format", "chrome", pprof, status=1)
    context.pinfo("export", row["id"], status=2)


def check_by_go(pprof, latency_ns):
    """What pprof's own tool reads: the total to the nanosecond, functions with file and line."""
    go = shutil.which("go")
    if go is None:
        print("go is not there: pprof's own tool did not read the file")
        return
    done = subprocess.run([go, "tool", "pprof", "-top", "-lines", "-nodecount=500", "-unit=ns",
                           str(pprof)], capture_output=True, text=True, timeout=60)
    check_equal(done.returncode, 0, f"exit status of go tool pprof: {done.stderr}")
    total = re.search(r"Total samples = (\d+)ns", done.stdout)
    check(total is not None and int(total.group(1)) == latency_ns,
          f"{latency_ns} ns by go tool pprof:\n{done.stdout}")
    check(re.search(r"burn_alpha.* \S+\.cc:\d+", done.stdout),
          f"burn_alpha with file and line by go tool pprof:\n{done.stdout}")


@scenario()
def browser(context):
    """The browser on a pipe, over requests, routes and files."""
    _, rows = profiled(context, requests=2)
    commands = f"sort cumtime\nstats 20\ncallers burn_alpha\nread {rows[1]['stats_file']}\nstats 5\n"
    shown = context.pinfo("browse", rows[0]["id"], input=commands).stdout
    check(shown.startswith("Welcome to the profile statistics browser.\n"), shown)
    check("burn_alpha" in shown and "was called by..." in shown, f"pinfo browse:\n{shown}")
    check(f"{rows[1]['stats_file']}% " in shown, "the prompt names the file that was read")
    check(shown.endswith("\nGoodbye.\n"), "the end of input ends it")
    callers = context.pinfo("stats", "--callers", "--limit", "burn_alpha").stdout
    check("was called by..." in callers, f"pinfo stats --callers:\n{callers}")


@scenario(seconds=120)
def report(context):
    profiled(context, requests=3)
    folder = context.home / "report"
    done = context.pinfo("report", "-o", folder)
    index = folder / "index.html"
    check(str(index) in done.stdout, f"the report's path is printed, found {done.stdout!r}")
    check("<html" in index.read_text(), "index.html is a page")
    everything = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    # What requests and routes show is packed: gzip in base64, as a string of a script.
    packed = [path.read_bytes() for part in ("requests", "routes")
              for path in (folder / part).glob("*.js")]
    check_equal(len(packed), 4, "pages of three requests and their route")
    everything += b"".join(gzip.decompress(base64.b64decode(text.split(b"'")[1])) for text in packed)
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

"""Python's own functions in the profiles of processes that run it: names, lines and shares."""
import ast
import os
import pathlib
import re
import shutil
import signal
import subprocess

import harness
import running
import traffic
from harness import Skip, check, check_equal, sampling_slack, scenario

BURN_MS = 120
REQUESTS = 48
TOLERANCE = 0.05
VERSIONS = ("3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14")

# An interpreter of choice must not load another's modules.
OWN_MODULES = {name: "" for name in ("PYTHONPATH", "PYTHONHOME") if name in os.environ}


def functions(context, route, **options):
    """The rows of `pinfo stats --json` by function."""
    return {row["function"]: row
            for row in context.json_lines("stats", "--route", route, **options)}


def measured(rows):
    """Those of functions, not of time without a stack such as [blocked]."""
    return [row for name, row in rows.items() if not name.startswith("[")]


def line_of(path, function):
    """Where a module-level function begins, its decorators included, as co_firstlineno counts."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef) and node.name == function:
            return min([node.lineno] + [word.lineno for word in node.decorator_list])
    raise LookupError(function)


def sampled_seconds(rows):
    return sum(row["self_ns"] for row in measured(rows)) / 1e9


@scenario(seconds=120)
def django_views(context):
    observed = context.observe(running.Gunicorn, "--hz", "499", workers=2)
    server = observed.server
    for i in range(200):
        traffic.send(server.port, "GET", f"/list?n={i}")
        if i % 4 == 0:
            # Some 25 ms in the view: what is around it (the socket, Django's own) takes half of one.
            traffic.send(server.port, "GET", f"/cpu?rounds=80&n={i}")
    observed.finish()
    views = server.site / "shop" / "views.py"
    for route, name, least in (("/list", "product_list", 0.6), ("/cpu", "cpu", 0.9)):
        rows = functions(context, route)
        check(name in rows, f"{name} is not among the functions of {route}: {sorted(rows)[:30]}")
        check_equal((rows[name]["file"], rows[name]["line"]), (str(views), line_of(views, name)),
                    f"where {name} is")
        share = rows[name]["total_ns"] / 1e9 / sampled_seconds(rows)
        print(f"{name}: {share:.3f} of {sampled_seconds(rows):.2f} s")
        # Of the time with names: what has none (below) may lie within the view too.
        check(least <= share <= 1.02, f"share of {name} in {route}: {share:.3f}")
        native = [row["function"] for row in measured(rows) if row["module"] != "python"]
        check(not native, f"functions that are not Python's in {route}: {native[:10]}")
        # A module's code is freed when its import has ended, often before it can be read.
        unknown = rows.get("[unknown]", {"self_ns": 0})["self_ns"] / 1e9
        check(unknown <= 0.02 * sampled_seconds(rows), f"{unknown} s without a name in {route}")
        table = context.pinfo("stats", "--route", route).stdout
        check(f"views.py:{line_of(views, name)}({name})" in table, table[:2000])
    # The hashing is native code: its time is the view's own.
    rows = functions(context, "/cpu")
    own = rows["cpu"]["self_ns"] / 1e9 / sampled_seconds(rows)
    check(own > 0.85, f"own share of cpu: {own:.3f}")


@scenario(seconds=90)
def threads_of_a_pool(context):
    """gunicorn's gthread workers: another thread reads each request."""
    observed = context.observe(running.Gunicorn, "--hz", "499", workers=1, threads=4)
    traffic.parallel(observed.server.port, [("GET", f"/cpu?rounds=40&n={i}") for i in range(40)],
                     clients=4)
    observed.finish()
    rows = functions(context, "/cpu")
    check("cpu" in rows, f"the view is not among {sorted(rows)[:30]}")
    check(rows["cpu"]["total_ns"] / 1e9 >= 0.85 * sampled_seconds(rows),
          f"{rows['cpu']['total_ns'] / 1e9} s of {sampled_seconds(rows)} s in the view")


@scenario(seconds=60)
def event_loop(context):
    observed = context.observe(running.AsyncApp, "--hz", "499")
    for i in range(30):
        traffic.send(observed.server.port, "GET", f"/burn?ms=40&n={i}")
    observed.finish()
    rows = functions(context, "/burn")
    check("burn_in_loop" in rows, f"{sorted(rows)[:30]}")
    check(rows["burn_in_loop"]["total_ns"] / 1e9 >= 0.9 * sampled_seconds(rows),
          f"{rows['burn_in_loop']} of {sampled_seconds(rows)} s")
    check({"serve", "answer"} <= set(rows), f"coroutines: {sorted(rows)[:30]}")


@scenario(seconds=90)
def workers_forked_while_followed(context):
    """A worker has names from its first request on: it inherits the interpreter."""
    observed = context.observe(running.Gunicorn, workers=1)
    server = observed.server
    before = set(server.workers())
    for worker in before:
        os.kill(worker, signal.SIGKILL)
    running.wait_until(lambda: set(server.workers()) - before, 15, "a new worker")
    for i in range(20):
        traffic.send(server.port, "GET", f"/cpu?rounds=60&n={i}")
    observed.finish()
    rows = functions(context, "/cpu")
    check("cpu" in rows, f"the view is not among {sorted(rows)[:30]}")
    check(rows["cpu"]["total_ns"] / 1e9 >= 0.85 * sampled_seconds(rows),
          f"{rows['cpu']['total_ns'] / 1e9} s of {sampled_seconds(rows)} s in the view")


def check_shares(context, share):
    rows = functions(context, "/burn")
    alpha, beta = [sum(row["total_ns"] for row in measured(rows)
                       if re.fullmatch(rf"(Work\.)?{name}", row["function"])) / 1e9
                   for name in ("burn_alpha", "burn_beta")]
    check(alpha + beta > 0, f"neither method is in the profile: {sorted(rows)[:30]}")
    found = alpha / (alpha + beta)
    samples = sum(row["samples"] for row in measured(rows)
                  if re.fullmatch(r"(Work\.)?burn_(alpha|beta)", row["function"]))
    print(f"burn_alpha {alpha:.2f} s, burn_beta {beta:.2f} s: {found:.3f} of {samples} samples, "
          f"truth {share / 100}")
    slack = TOLERANCE + sampling_slack(context, share / 100, samples)
    check(abs(found - share / 100) <= slack, f"share of burn_alpha {found:.3f}, slack {slack:.3f}")
    check(alpha + beta >= 0.9 * sampled_seconds(rows),
          f"{alpha + beta} s of {sampled_seconds(rows)} s in the two methods")


@scenario(seconds=90)
def shares_in_threads(context):
    """A thread for each connection, so that most samples are of threads not seen before."""
    observed = context.observe(running.PythonApp, "--hz", "499")
    requests = [("GET", f"/burn?ms={BURN_MS}&share=70&n={i}") for i in range(REQUESTS)]
    for i in range(0, REQUESTS, 6):
        traffic.parallel(observed.server.port, requests[i:i + 6], clients=2)
    observed.finish()
    check_shares(context, 70)


def interpreters():
    """{version: path} of those installed here, Debian's and pyenv's."""
    pyenv = pathlib.Path(os.environ.get("PYENV_ROOT", pathlib.Path.home() / ".pyenv"))
    found = {}
    for version in VERSIONS:
        paths = [pathlib.Path(f"/usr/bin/python{version}"),
                 *sorted(pyenv.glob(f"versions/{version}.*/bin/python{version}"))]
        for path in paths:
            if path.exists():
                found.setdefault(version, path)
    return found


@scenario(seconds=180)
def every_version_installed(context):
    found = interpreters()
    if not found:
        raise Skip("no interpreter of versions " + ", ".join(VERSIONS))
    context.uid = None  # pyenv's may lie where an ordinary user cannot reach them
    for version, python in found.items():
        context.database = context.home / f"{version}.db"
        observed = context.observe(running.PythonApp, python=python, env=OWN_MODULES)
        for i in range(20):
            traffic.send(observed.server.port, "GET", f"/burn?ms=100&share=50&n={i}")
        observed.finish()
        rows = functions(context, "/burn")
        print(version, python)
        check("[unknown]" not in rows, f"{version}: functions without a name")
        check("burn" in rows and rows["burn"]["file"].endswith("/python_app.py"),
              f"{version}: {sorted(rows)[:30]}")
        source = pathlib.Path(rows["burn"]["file"])
        check_equal(rows["burn"]["line"], line_of(source, "burn"), f"{version}: line of burn")
        check(rows["burn"]["total_ns"] / 1e9 >= 0.9 * sampled_seconds(rows),
              f"{version}: {rows['burn']} of {sampled_seconds(rows)} s")
    print("not installed:", " ".join(version for version in VERSIONS if version not in found))


@scenario(seconds=60)
def native_frames_on_demand(context):
    """--native keeps what lies between: max() is native code that calls a lambda."""
    observed = context.observe(running.PythonApp, "--native")
    for i in range(20):
        traffic.send(observed.server.port, "GET", f"/burn?ms=100&share=100&n={i}")
    observed.finish()
    rows = functions(context, "/burn")
    total = rows["Work.burn_alpha"]["total_ns"]
    check(rows["burn"]["total_ns"] >= 0.95 * total, "burn calls burn_alpha")
    native = [row for row in measured(rows) if row["module"].endswith("/python3.11")
              or "libpython" in row["module"]]
    check(native, f"no native frames: {sorted(rows)[:30]}")
    left = [name for name in rows if name.startswith("_PyEval_EvalFrameDefault")]
    # Some 4% of this generator's time is in calls that have just begun or are about to end.
    check(sum(rows[name]["total_ns"] for name in left) <= 0.1 * total,
          f"evaluations that were not replaced by their Python frames: {left}")


@scenario(seconds=60)
def recording_without_the_process(context):
    path = context.home / "recording"
    observed = context.observe(running.PythonApp, "--record", path)
    for i in range(10):
        traffic.send(observed.server.port, "GET", f"/burn?ms=100&share=50&n={i}")
    observed.finish()
    live = functions(context, "/burn")
    database = context.home / "replayed.db"
    context.pinfo("replay", path, database=database)
    check_equal(functions(context, "/burn", database=database), live, "functions of the replay")


@scenario(seconds=60)
def a_program_that_only_looks_like_python(context):
    """An interpreter's file name without the interpreter: native frames, and no message."""
    observed = context.observe(running.ThreadedServer, binary=renamed(context))
    for i in range(20):
        traffic.send(observed.server.port, "GET", f"/burn?ms=50&share=50&n={i}")
    observed.finish()
    rows = functions(context, "/burn")
    check(any(name.startswith("burn_alpha") for name in rows), f"{sorted(rows)[:30]}")
    check("Python" not in observed.text, observed.text)


# What tests/servers/fake_python.c can claim of itself, and what is said of it.
NOTES = {"future": "Python 3.99 is not one that pinfo can read (3.8 to 3.14)",
         "free-threaded": "free-threaded build", "offsets": "impossible offsets"}


@scenario(modes=("preload",), seconds=240)
def lies_about_an_interpreter(context):
    """Corrupt and unknown interpreters: the process ends as it would, and is told of by its name."""
    fake = shutil.copy(harness.built("PINFO_FAKE_PYTHON"), context.binaries)
    for kind in ("plain", "loop", "threads", "unmapped", "texts", "shifting", *NOTES):
        database = context.home / f"{kind}.db"
        done = context.pinfo("run", "--exact", "--hz", "999", "--", fake, kind, database=database)
        check_equal(done.stdout, "done\n", f"{kind}: what it said")
        check(NOTES.get(kind, "pinfo: ") in done.stderr, f"{kind}: {done.stderr}")
        check(kind in NOTES or "can read" not in done.stderr, f"{kind}: {done.stderr}")
        rows = context.requests(database=database)
        check_equal([row["status"] for row in rows], [200] * 5, f"{kind}: requests")
        if kind in ("plain", "loop"):
            found = functions(context, "/", database=database)
            check("fake" in found, f"{kind}: {sorted(found)}")


@scenario(modes=("ebpf",), seconds=120)
def lies_seen_from_outside(context):
    """The same by eBPF: no wrong name, and a note on each that cannot be read."""
    fake = shutil.copy(harness.built("PINFO_FAKE_PYTHON"), context.binaries)
    observation = context.attach("--comm", "fake_python", "--hz", "999").wait_attached()
    kinds = ("plain", "loop", "threads", "unmapped", "texts", "shifting", *NOTES)
    for kind in kinds:
        done = subprocess.run([fake, kind], capture_output=True, text=True, timeout=60)
        check_equal((done.returncode, done.stdout), (0, "done\n"), f"{kind}: how it ended")
    check_equal(observation.stop(), 0, f"exit status of attach:\n{observation.text}")
    for kind, note in NOTES.items():
        check(note in observation.text, f"{kind}: {observation.text}")
    rows = context.requests()
    check_equal([row["status"] for row in rows], [200] * 5 * len(kinds), "requests")
    found = functions(context, "/")
    check("fake" in found, f"{sorted(found)}")


@scenario(modes=("preload",), seconds=60)
def names_after_the_process(context):
    """The library alone, collected when the process is gone, with code objects that were freed."""
    rings = context.subfolder("rings")
    rings.chmod(0o700)
    server = context.start(running.PythonApp, env={"LD_PRELOAD": str(context.preload_path),
                                                   "PINFO_RING_DIR": str(rings),
                                                   "PINFO_HZ": "499"})
    for i in range(5):
        traffic.send(server.port, "GET", f"/burn?ms=100&share=50&n={i}")
        traffic.send(server.port, "GET", f"/made?ms=100&n={i}")
    server.stop()
    context.pinfo("collect", "--dir", rings, "--duration", "1s")
    rows = functions(context, "/burn")
    check(any(name.endswith("burn_alpha") for name in rows), f"{sorted(rows)[:30]}")
    made = functions(context, "/made")
    for i in range(5):
        check(f"made_for_{i}" in made, f"made_for_{i} is not among {sorted(made)[:40]}")
    check("[unknown]" not in {**rows, **made}, "functions without a name")


def renamed(context):
    path = context.binaries / "python3.11"
    subprocess.run(["cp", str(context.threaded_server), str(path)], check=True)
    return path


if __name__ == "__main__":
    harness.main()

"""--exact: true call counts, compared with cProfile's over the same calls."""
import collections
import datetime
import json
import pathlib
import pstats
import re
import time

import harness
import python_test
import running
import traffic
from harness import Skip, check, check_equal, scenario

KINDS = ("recursion", "generators", "exceptions", "methods", "threads", "coroutines", "deep",
         "traceback")
# The server's own, which cProfile does not run; and of another thread, which it sees from 3.12 on.
NOT_WORK = ("do_GET", "log_message", "other")
OUTSIDE = "[outside the profile]"


class ExactApp(running.PythonApp):
    """tests/servers/exact_app.py; folder: where cProfile leaves its truth."""

    name = "exact_app"

    def __init__(self, root, folder=None, **options):
        super().__init__(root, **options)
        self.folder = folder

    def prepare(self):
        source = running.SERVERS / "exact_app.py"
        (self.root / "exact_app.py").write_text(source.read_text())

    def command(self):
        return [self.python, str(self.root / "exact_app.py"), str(self.port),
                *([str(self.folder)] if self.folder else [])]


def plain(key):
    """A function as both profilers name it: file name, line, last part of the name, no address."""
    file, line, name = key
    name = re.sub(r"0x[0-9a-f]+", "0x", name)
    if file != "~":
        name = name.rpartition(".")[2]
    return pathlib.PurePath(file).name, line, name


def load(path):
    """{function: (cc, nc, {caller: (nc, cc)})} of a stats file, functions by plain()."""
    found = {}
    for key, (cc, nc, _, _, callers) in pstats.Stats(str(path)).stats.items():
        entry = found.setdefault(plain(key), [0, 0, collections.Counter(), collections.Counter()])
        entry[0] += cc
        entry[1] += nc
        for caller, (caller_nc, caller_cc, _, _) in callers.items():
            entry[2][plain(caller)] += caller_nc
            entry[3][plain(caller)] += caller_cc
    return found


def own(functions, of):
    return {key: value for key, value in functions.items() if of(key)}


def check_agrees(exact, truth, of, what):
    """The functions that of() names: the same, as often called, and calling the same as often."""
    mine, theirs = own(exact, of), own(truth, of)
    check(theirs, f"{what}: cProfile has {theirs}")
    check_equal(sorted(mine), sorted(theirs), f"{what}: functions")
    for key, (cc, nc, _, _) in theirs.items():
        check_equal((mine[key][0], mine[key][1]), (cc, nc), f"{what}: calls of {key}")
    for callee, (_, _, callers, primitive) in truth.items():
        for caller in own(callers, of):
            if callee[2].find("lsprof") >= 0:
                continue
            check(callee in exact, f"{what}: {callee} is missing, called by {caller}")
            check_equal((exact[callee][2][caller], exact[callee][3][caller]),
                        (callers[caller], primitive[caller]), f"{what}: {caller} calls {callee}")


def check_adds_up(path, row):
    stats = pstats.Stats(str(path)).stats
    total = sum(tt for _, _, tt, _, _ in stats.values())
    check(abs(total - row["latency_ns"] / 1e9) < 1e-6,
          f"{path.name}: {total} s of {row['latency_ns']} ns")
    outside = sum(tt for (_, _, name), (_, _, tt, _, _) in stats.items() if name == OUTSIDE)
    return outside / total


def stats_file(row):
    check(row["stats_file"], f"no stats file: {row}")
    return pathlib.Path(row["stats_file"])


def exact_app_agrees(context, python=running.PYTHON, kinds=KINDS, **options):
    """Runs every kind of work under cProfile, then under pinfo, and compares."""
    truth = context.subfolder(f"truth-{len(context.started)}")
    server = context.start(ExactApp, folder=truth, python=python, **options)
    for kind in kinds:
        traffic.send(server.port, "GET", f"/work/{kind}")
    server.stop()
    observed = context.observe(ExactApp, "--exact", python=python, **options)
    answers = {}
    for kind in (*kinds, "own_profiler"):
        status, answers[kind] = traffic.send(observed.server.port, "GET", f"/work/{kind}")
        check_equal(status, 200, kind)
    time.sleep(0.5)  # each profile is handed on when its thread closes the connection
    observed.finish()
    check_equal(json.loads(answers["own_profiler"]), [True, 1, 1, True],
                "what an application's own profile function saw")
    rows = {row["target"].rpartition("/")[2]: row for row in context.requests()}
    for kind in kinds:
        path = stats_file(rows[kind])
        outside = check_adds_up(path, rows[kind])
        print(f"{kind}: {outside:.3f} of the latency outside the profile")
        check_agrees(load(path), load(truth / f"{kind}.stats"),
                     lambda key: key[0] == "exact_app.py" and key[2] not in NOT_WORK, kind)
    calls = {row["function"]: row for row in context.json_lines("stats", str(rows["deep"]["id"]))}
    check_equal(calls["deep.<locals>.down" if "deep.<locals>.down" in calls else "down"]["calls"],
                601, "calls that pinfo stats shows of the recursion")
    own_rows = load(stats_file(rows["own_profiler"]))
    check(not any(key[2] == OUTSIDE for key in own_rows), "a profile that its hook had left")
    lost = context.totals()["lost"]
    check_equal(lost["exact_declined"], 1, "requests without an exact profile")
    return observed


@scenario(modes=("preload",), seconds=90)
def every_kind_of_call(context):
    observed = exact_app_agrees(context)
    check(f"({len(KINDS)} of them exactly)" in observed.text, observed.text)


@scenario(modes=("preload",), seconds=240)
def every_version_installed(context):
    found = python_test.interpreters()
    if not found:
        raise Skip("no interpreter found")
    context.uid = None  # pyenv's may lie where an ordinary user cannot reach them
    for version, python in found.items():
        context.database = context.home / f"{version}.db"
        print(version, python)
        # What cProfile sees of other threads differs between versions.
        exact_app_agrees(context, python=python, kinds=[kind for kind in KINDS if kind != "threads"],
                         env=python_test.OWN_MODULES)


def check_agrees_within(exact, truth, what):
    """All that cProfile saw, as often; the exact profile has more around it."""
    # cProfile names a C method after what the type of the first self has under that name: dict's
    # __getitem__ of a Python subclass that overrides it, if that comes first, as this function.
    truth = {key: value for key, value in truth.items()
             if key[0] != "~" or not key[2].startswith("<function ")}
    missing = [key for key in truth if key not in exact and "lsprof" not in key[2]]
    check(not missing, f"{what}: {missing} are missing")
    same = {key for key in truth if key in exact and exact[key][:2] == truth[key][:2]}
    python = [key for key in truth if key[0] != "~"]
    share = sum(key in same for key in python) / len(python)
    print(f"{what}: {len(truth)} functions, {share:.3f} of Python's called as often")
    check(share >= 0.8, f"{what}: as often called are {share:.3f} of {len(python)}")
    edges = 0
    for callee, (_, _, callers, primitive) in truth.items():
        for caller in callers:
            if caller in same and caller[0] != "~" and "lsprof" not in callee[2]:
                edges += 1
                check_equal((exact[callee][2][caller], exact[callee][3][caller]),
                            (callers[caller], primitive[caller]), f"{what}: {caller} calls {callee}")
    check(edges > 100, f"{what}: only {edges} calls could be compared")


@scenario(modes=("preload",), seconds=120)
def django_views(context):
    """The same view as the site's cProfile middleware sees it in another run."""
    targets = ["/list", "/product/3", "/fail", "/cpu?rounds=2"]
    warm_up = targets * 3
    profiles = context.subfolder("profiles")
    server = context.start(running.Gunicorn, workers=1, env={"PINFO_SITE_PROFILE": str(profiles)})
    for target in warm_up + targets:
        traffic.send(server.port, "GET", target)
    server.stop()
    numbered = sorted(profiles.iterdir(), key=lambda path: int(path.name.split("_")[1]))
    truths = dict(zip(targets, numbered[-len(targets):]))
    for threads in (0, 4):
        context.database = context.home / f"{threads}.db"
        observed = context.observe(running.Gunicorn, "--exact", workers=1, threads=threads)
        for target in warm_up + targets:
            traffic.send(observed.server.port, "GET", target)
        observed.finish()
        rows = [row for row in context.requests() if row["target"] in targets]
        declined = context.totals()["lost"]["exact_declined"]
        # A pool's thread may find the next request before it has left the one before: then both
        # are declined, and counted.
        check(declined <= (4 if threads else 0), f"{declined} declined")
        for target, row in zip(targets, rows[-len(targets):]):
            check_equal(row["target"], target, "order of requests")
            path = stats_file(row)
            check_adds_up(path, row)
            if declined and not any(key[2] == OUTSIDE for key in load(path)):
                continue
            check_agrees_within(load(path), load(truths[target]), f"{target}, {threads} threads")


@scenario(modes=("preload",), seconds=60)
def rules_are_applied_in_the_server(context):
    observed = context.observe(ExactApp, "--exact", "--profile", "1/3", "--match", "/work/*",
                               "--exclude", "/work/deep")
    for i in range(9):
        traffic.send(observed.server.port, "GET", f"/work/methods?n={i}")
        traffic.send(observed.server.port, "GET", "/work/deep")
    time.sleep(0.5)
    observed.finish()
    profiled = [row["target"] for row in context.requests() if row["profiled"]]
    check_equal(profiled, [f"/work/methods?n={i}" for i in (0, 3, 6)], "profiled requests")
    check("(3 of them exactly)" in observed.text, observed.text)


@scenario(modes=("preload",), seconds=60)
def an_event_loop_with_several_requests(context):
    """One at a time is counted; several at a time cannot be told apart, and are not."""
    observed = context.observe(running.AsyncApp, "--exact")
    port = observed.server.port
    for i in range(5):
        traffic.send(port, "GET", f"/burn?ms=5&n={i}")
    traffic.parallel(port, [("GET", f"/sleep?ms=200&n={i}") for i in range(8)], clients=4)
    observed.finish()
    rows = context.requests()
    check_equal([row["status"] for row in rows], [200] * 13, "answers")
    for row in rows[:5]:
        found = load(stats_file(row))
        names = {key[2] for key in found}
        check({"burn_in_loop", "answer", "serve"} <= names, f"{sorted(names)[:30]}")
        check_adds_up(stats_file(row), row)
    declined = context.totals()["lost"]["exact_declined"]
    check(declined >= 4, f"{declined} of requests that overlap were declined")
    for row in rows[5:]:
        if any(key[2] == OUTSIDE for key in load(stats_file(row))):
            others = [other for other in rows[5:] if other is not row and
                      overlap(other, row)]
            check(not others, f"{row['target']} has an exact profile beside {others}")


def overlap(one, other):
    begin = [datetime.datetime.fromisoformat(row["start"]).timestamp() for row in (one, other)]
    end = [begin[i] + row["latency_ns"] / 1e9 for i, row in enumerate((one, other))]
    return max(begin) < min(end)


if __name__ == "__main__":
    harness.main()

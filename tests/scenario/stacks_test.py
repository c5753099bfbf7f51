"""Stacks of real programs are whole, and the table walk agrees with libunwind on every sample.

The figures are those of tests/bench/unwind_compare.cc over a recording: they do not depend on how
busy the machine is, but for how many samples there are.
"""
import json
import pathlib
import shutil
import subprocess

import harness
import running
import traffic
from harness import Skip, built, check, check_equal, scenario

LEAST_SAMPLES = 400
WHOLE = 0.99
AGREED = 0.995
# In nanoseconds a frame, over tables that are no longer in the CPU's caches.
SLOWEST_FRAME_NS = 500


def compared(context, server, load):
    """The figures of unwind_compare for the server under load."""
    recording = context.home / "recording"
    observation = context.attach("--hz", "999", "--record", recording, "--profile", "none",
                                 server.pid).wait_attached()
    load()
    check_equal(observation.stop(), 0, f"exit status of attach:\n{observation.text}")
    done = subprocess.run([built("PINFO_UNWIND_COMPARE"), recording, "3"], capture_output=True,
                          text=True, timeout=120)
    check_equal(done.returncode, 0, f"exit status of unwind_compare: {done.stderr}")
    figures = json.loads(done.stdout)
    print(json.dumps(figures))
    samples = figures["samples"]
    check(samples >= LEAST_SAMPLES, f"only {samples} samples:\n{observation.text}")
    check(figures["whole"] >= WHOLE * samples, f"whole stacks: {figures}\n{done.stderr}")
    agreed = figures["same"] + figures["same_to_no_cfi"]
    check(agreed >= AGREED * (samples - figures["missing"]),
          f"same frames as libunwind: {figures}\n{done.stderr}")
    check(figures["ns_per_frame"] < SLOWEST_FRAME_NS, f"time a frame: {figures}")
    return figures


def run(*command):
    """A load generator to its end."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          timeout=60)
    check_equal(done.returncode, 0, f"exit status of {command}:\n{done.stdout}{done.stderr}")


def needed(program):
    found = shutil.which(program)
    if not found:
        raise Skip(f"{program} is not installed")
    return found


def wrk(server, target="/", seconds=4):
    run(needed("wrk"), "-t1", "-c8", f"-d{seconds}s", server.url(target))


@scenario(modes=("ebpf",), seconds=120)
def python(context):
    server = context.start(running.PythonApp)
    figures = compared(context, server, lambda: wrk(server, "/burn?ms=5&share=50"))
    check(figures["frames_per_sample"] > 8, f"frames: {figures}")


@scenario(modes=("ebpf",), seconds=120)
def nginx(context):
    server = context.start(running.Nginx)
    compared(context, server, lambda: wrk(server))


@scenario(modes=("ebpf",), seconds=120)
def redis(context):
    server = context.start(running.Redis)
    compared(context, server, lambda: run(
        needed("redis-benchmark"), "-p", server.port, "-c", 8, "-n", 150000, "-q", "-t",
        "get,set,lpush,lrange_100,sadd,zadd"))


@scenario(modes=("ebpf",), seconds=120)
def postgresql(context):
    if not running.postgresql_program("initdb"):
        raise Skip("postgresql is not installed")
    server = context.start(running.PostgreSQL)
    pgbench = [running.postgresql_program("pgbench"), "-h", "127.0.0.1", "-p", server.port, "-U",
               "postgres"]

    def load():
        run(*pgbench, "-i", "-q", "-s", 2, "postgres")
        run(*pgbench, "-c", 2, "-T", 4, "postgres")
    compared(context, server, load)


@scenario(modes=("ebpf",), seconds=120)
def node(context):
    needed("node")
    server = context.start(running.NodeApp)

    def load():
        wrk(server, "/view", 3)
        wrk(server, "/native", 3)
    compared(context, server, load)


LIBRARY = """
#include <time.h>
static long now(void) { struct timespec t; clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return t.tv_sec * 1000L + t.tv_nsec / 1000000; }
int work_in_NAME(int ms) {
  volatile int turns = 0;
  for (long end = now() + ms; now() < end;) for (int i = 0; i < 20000; ++i) turns = turns + 1;
  return turns > 0;
}
"""


class LoaderApp(running.PythonApp):
    """tests/servers/loader_app.py and two libraries that take each other's place in memory."""

    def prepare(self):
        shutil.copy(running.SERVERS / "loader_app.py", self.root)
        for name in ("first", "other"):
            subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-x", "c", "-o",
                            str(self.root / f"lib{name}.so"), "-"],
                           input=LIBRARY.replace("NAME", name), text=True, check=True)

    def command(self):
        return [self.python, str(self.root / "loader_app.py"), str(self.port)]


def seconds_in(context, route):
    """{function: total seconds} of the samples of a route."""
    return {row["function"]: row["total_ns"] / 1e9
            for row in context.json_lines("stats", "--route", route)
            if not row["function"].startswith("[")}


@scenario(seconds=90)
def libraries_come_and_go(context):
    """Each request's time is in the library that it loaded, never in one that was there before."""
    observed = context.observe(LoaderApp, "--hz", "499", "--native")
    for i in range(30):
        traffic.send(observed.server.port, "GET", f"/{('first', 'other')[i % 2]}?ms=60")
    observed.finish()
    for name, wrong in (("first", "other"), ("other", "first")):
        times = seconds_in(context, f"/{name}")
        print(name, {key: round(value, 3) for key, value in times.items() if "work_in" in key})
        inside = times.get(f"work_in_{name}", 0)
        check(inside >= 0.85 * 15 * 0.060, f"{inside} s in work_in_{name}: {sorted(times)[:40]}")
        check(f"work_in_{wrong}" not in times, f"work_in_{wrong} in requests to /{name}: {times}")


def large_elf_files(count):
    """The largest programs and libraries of the distribution's folders."""
    paths = [path for folder in ("/usr/bin", "/usr/sbin", "/usr/lib/x86_64-linux-gnu",
                                 "/usr/lib/gcc/x86_64-linux-gnu/12", "/usr/lib/llvm-14/lib")
             for path in pathlib.Path(folder).glob("*") if path.is_file() and not path.is_symlink()]
    found = []
    for path in sorted(paths, key=lambda each: -each.stat().st_size):
        with open(path, "rb") as file:
            head = file.read(18)
        if head[:4] == b"\x7fELF" and head[16] in (2, 3):  # ET_EXEC, ET_DYN
            found.append(path)
        if len(found) == count:
            break
    return found


@scenario(modes=("preload",), seconds=90)
def memory_of_twenty_large_files(context):
    """Tables and names of 20 large files, 500 addresses of each segment, in at most 200 MB."""
    files = large_elf_files(20)
    check_equal(len(files), 20, "large files found")
    done = subprocess.run([built("PINFO_SYMBOLIZER_MEMORY"), *files], capture_output=True,
                          text=True, timeout=80)
    check_equal(done.returncode, 0, f"exit status: {done.stderr}")
    figures = json.loads(done.stdout)
    print(sum(path.stat().st_size for path in files) >> 20, "MB of files:", done.stdout)
    check(figures["named"] > 1000 and figures["with_rule"] > 1000, f"looked up: {figures}")
    check(figures["peak_bytes"] <= 200 << 20, f"memory: {figures}")


@scenario()
def after_exec_and_fork(context):
    """A shell runs the server, which forks its workers: their functions have names."""
    class Launcher(running.ThreadedServer):
        def command(self):
            server = " ".join(super().command())
            return ["/bin/sh", "-c", f"while [ ! -e {self.root}/go ]; do sleep 0.05; done; "
                                     f"{server} & child=$!; trap 'kill $child' TERM; wait; wait; "
                                     "exit 0"]

        def ready(self):
            return True

    observed = context.observe(Launcher, workers=2)
    (observed.server.root / "go").touch()
    running.wait_until(lambda: running.Server.ready(observed.server), 10, "the server")
    traffic.parallel(observed.server.port,
                     [("GET", f"/burn?ms=60&share=100&n={i}") for i in range(30)], clients=2)
    observed.finish()
    times = seconds_in(context, "/burn")
    inside = sum(value for name, value in times.items() if name.startswith("burn_alpha"))
    check(inside >= 0.8 * 30 * 0.060, f"{inside} s in burn_alpha: {times}")


@scenario()
def deep_recursion(context):
    """10,000 frames: the innermost 512 are kept, and the stack is counted as not whole."""
    observed = context.observe(running.ThreadedServer, "--hz", "499")
    for i in range(5):
        traffic.send(observed.server.port, "GET", f"/deep?frames=10000&ms=100&n={i}")
    observed.finish()
    rows = context.json_lines("stats", "--route", "/deep")
    names = {row["function"] for row in rows}
    check(any(name.startswith("recurse") for name in names), f"functions: {sorted(names)[:30]}")
    totals = context.totals()
    check(totals["samples_too_deep"] >= 30, f"stacks that are cut: {totals}")
    check_equal(totals["samples_truncated"] + totals["samples_broken"] + totals["samples_too_deep"]
                + totals["samples_without_stack"], totals["samples_incomplete"], "ways to end")


@scenario()
def deep_stacks(context):
    """Some 45 KB of stack are whole, at work and waiting; of 100 KB the innermost part is kept and said to
    be truncated."""
    observed = context.observe(running.ThreadedServer, "--hz", "499")
    for frames in (28, 80):
        for i in range(8):
            traffic.send(observed.server.port, "GET", f"/wide?frames={frames}&ms=20&n={i}")
    observed.finish()
    functions = {row["function"] for row in context.json_lines("stats", "--route", "/wide")}
    for name in ("burn_alpha", "wait_for_timer", "descend"):
        check(any(each.startswith(name) for each in functions), f"{name} in {sorted(functions)}")
    for row in context.requests():
        shown = context.json_lines("show", row["id"])[0]
        check(shown["samples"] > 1, f"stacks at work and waiting: {shown}")
        check((shown["samples_truncated"] > 1) == ("frames=80" in row["target"]),
              f"truncated where they are too large, whole else: {shown}")


@scenario(modes=("ebpf",))
def kernel_stacks(context):
    """The kernel's part of a stack where it was asked for, marked; the same from a recording."""
    recording = context.home / "recording"
    observed = context.observe(running.ThreadedServer, "--hz", "499", "--kernel-stacks",
                               "--record", recording)
    port = observed.server.port
    for i in range(10):
        traffic.send(port, "GET", f"/sleep?ms=30&n={i}")
        traffic.send(port, "GET", f"/burn?ms=30&n={i}")
    observed.finish()
    waits = context.json_lines("stats", "--route", "/sleep")
    kernel = {row["function"]: row for row in waits if row["function"].endswith("_[k]")}
    check(any("nanosleep" in name for name in kernel), f"the kernel's functions: {sorted(kernel)}")
    check(not any(name.startswith("bpf_") for name in kernel),
          f"what took the samples is left out: {sorted(kernel)}")
    check({row["module"] for row in kernel.values()} == {"[kernel]"}, f"modules: {kernel}")
    slept = sum(row["self_ns"] for row in kernel.values())
    check(slept >= 0.9 * 10 * 30_000_000, f"{slept} ns asleep in the kernel's functions: {kernel}")
    shown = context.json_lines("requests", "--limit", "1", "--route", "/sleep")[0]
    verdict = context.json_lines("show", shown["id"])[0]["verdict"]
    check("_[k]" not in verdict, f"a wait is the application's call: {verdict}")
    database = context.home / "replayed.db"
    context.pinfo("replay", recording, database=database)
    replayed = context.json_lines("stats", "--route", "/sleep", database=database)
    check_equal({row["function"]: row["total_ns"] for row in replayed
                 if row["function"].endswith("_[k]")},
                {name: row["total_ns"] for name, row in kernel.items()}, "replayed functions")


if __name__ == "__main__":
    harness.main()

"""The ways of observing a server that ./dev bench compares: pinfo's two, and its peers.

Each is a class with a context manager observe(server_kind, folder) that yields (server, pid of the
observing process or None) with everything in place, and ends both. account(folder) tells afterwards
what the observer says of itself, for pinfo alone.
"""
import contextlib
import json
import os
import pathlib
import re
import signal
import subprocess
import time

import running

BENCH = pathlib.Path(__file__).resolve().parent
QUIET = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


def end(process, number=signal.SIGINT):
    """Ends a child by its pid; every observer here stops on SIGINT."""
    if process.poll() is None:
        process.send_signal(number)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Bare:
    name = "bare"

    @contextlib.contextmanager
    def observe(self, kind, folder):
        with kind(folder / kind.name) as server:
            yield server, None

    def account(self, folder):
        return None


class SameAgain(Bare):
    """The A of A/A: bare against bare shows the noise."""

    name = "A/A"


class Pinfo:
    """words: options of attach or run beside the defaults."""

    def __init__(self, pinfo, words=()):
        self.path = str(pathlib.Path(pinfo).resolve())
        self.words = list(words)

    def command(self, folder, *words):
        return [self.path, "--db", str(folder / "pinfo.db"), *words]

    def account(self, folder):
        """The totals that pinfo itself tells."""
        text = subprocess.run(self.command(folder, "status", "--json"), check=True,
                              capture_output=True, text=True).stdout
        totals = next(row for row in map(json.loads, text.splitlines()) if row["type"] == "totals")
        return totals


class Attach(Pinfo):
    """eBPF with stacks at 99 Hz, the default."""

    name = "pinfo attach"

    @contextlib.contextmanager
    def observe(self, kind, folder):
        with kind(folder / kind.name) as server:
            process = subprocess.Popen(self.command(folder, "attach", str(server.pid),
                                                    *self.words), stdin=subprocess.DEVNULL,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                       text=True)
            try:
                if not any(line.startswith("attached") for line in process.stderr):
                    raise RuntimeError("pinfo attach did not attach")
                yield server, process.pid
            finally:
                end(process)


class Run(Pinfo):
    """Preload with stacks at 99 Hz, the default."""

    name = "pinfo run"

    @contextlib.contextmanager
    def observe(self, kind, folder):
        before = self.command(folder, "run", *self.words, "--")
        with kind(folder / kind.name, before=before) as server:
            yield server, server.process.pid


class RunExact(Run):
    """Exact call counts of every request, each with its stats file, as the middleware does it."""

    name = "pinfo run --exact"

    def __init__(self, pinfo):
        super().__init__(pinfo, ["--exact", "--profile-rate", "100000"])

    def account(self, folder):
        totals = super().account(folder)
        files = sum(1 for _ in (folder / "stats").iterdir())
        if files < 0.95 * totals["requests"]:
            raise RuntimeError(f"{files} stats files of {totals['requests']} requests: {totals}")
        return totals


class Perf:
    """perf record of the server's processes, as people use it for profiles in production."""

    name = "perf 99 Hz dwarf"

    @contextlib.contextmanager
    def observe(self, kind, folder):
        with kind(folder / kind.name) as server:
            pids = ",".join(map(str, [server.pid, *server.workers()]))
            process = subprocess.Popen(["perf", "record", "-q", "-F", "99", "--call-graph", "dwarf",
                                        "-p", pids, "-o", str(folder / "perf.data")], **QUIET)
            try:
                running.wait_until((folder / "perf.data").exists, 10, "perf record")
                time.sleep(0.5)
                yield server, process.pid
            finally:
                end(process)

    def account(self, folder):
        return None


@contextlib.contextmanager
def tracefs():
    """bpftrace needs it mounted; as it was afterwards."""
    place = pathlib.Path("/sys/kernel/debug")
    mounted = not (place / "tracing").exists()
    if mounted:
        subprocess.run(["mount", "-t", "debugfs", "debugfs", place], check=True)
    try:
        yield
    finally:
        if mounted:
            subprocess.run(["umount", "-l", place], check=True)


class Bpftrace:
    """A script of request latencies on syscall tracepoints."""

    name = "bpftrace script"

    @contextlib.contextmanager
    def observe(self, kind, folder):
        with tracefs(), kind(folder / kind.name) as server:
            pids = " ".join(f"@server[{pid}] = 1;" for pid in [server.pid, *server.workers()])
            script = folder / "request_latency.bt"
            script.write_text((BENCH / "request_latency.bt.in").read_text().replace("@PIDS@", pids))
            with open(folder / "bpftrace.txt", "w") as output:
                process = subprocess.Popen(["bpftrace", str(script)], stdin=subprocess.DEVNULL,
                                           stdout=output, stderr=output)
            try:
                running.wait_until(lambda: "Attaching" in (folder / "bpftrace.txt").read_text()
                                   or process.poll() is not None, 20, "bpftrace")
                time.sleep(1.5)  # it says so before it attaches
                if process.poll() is not None:
                    raise RuntimeError("bpftrace ended:\n" + (folder / "bpftrace.txt").read_text())
                yield server, process.pid
            finally:
                end(process)

    def account(self, folder):
        text = (folder / "bpftrace.txt").read_text()
        if not re.search(r"@latency_us", text):
            raise RuntimeError(f"the bpftrace script saw nothing:\n{text}")
        return None


class CProfileMiddleware:
    """The site's own middleware: cProfile and a stats file for every request."""

    name = "cProfile middleware"

    @contextlib.contextmanager
    def observe(self, kind, folder):
        dump = folder / "profiles"
        dump.mkdir()
        env = dict(os.environ, PINFO_SITE_PROFILE=str(dump))
        with kind(folder / kind.name, env=env) as server:
            yield server, None

    def account(self, folder):
        if not any((folder / "profiles").iterdir()):
            raise RuntimeError("the middleware wrote no profile")
        return None

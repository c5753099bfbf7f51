"""What every scenario shares: its modes and time limit, its folder, pinfo as a command, and checks.

A scenario file defines functions marked @scenario and ends with harness.main(). CTest registers
each of them per mode: FILE CASE MODE. Exit status: 0 passed, 1 failed, 77 could not run (the reason
is printed after 'SKIP:'). Environment: PINFO_BIN, PINFO_PRELOAD, PINFO_THREADED_SERVER,
and PINFO_LOAD_CLIENT for those that load a server with it.

Modes: ebpf runs as root; preload runs pinfo and the server as an ordinary user (nobody where the
harness is root). Whatever a scenario starts is a child of this process and ended by its pid.
"""
import collections
import json
import math
import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import traceback

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "servers"))
sys.dont_write_bytecode = True

import running  # found by the path above

NOBODY = 65534
SKIPPED = 77
_CASES = {}


class Skip(Exception):
    """The scenario cannot run here; the message says why."""


class Failure(AssertionError):
    pass


def scenario(modes=("ebpf", "preload"), seconds=60):
    def register(function):
        if function.__module__ == "__main__":  # else its file is only imported by another one
            _CASES[function.__name__] = (function, modes, seconds)
        return function
    return register


def check(condition, message):
    if not condition:
        raise Failure(message)


def check_equal(found, expected, what):
    check(found == expected, f"{what}: {found!r}, expected {expected!r}")


def sampling_slack(context, share, samples):
    """How far a share of so many samples may lie from the truth: 3 standard errors. Preload mode alone
    needs it: its samples are as few as the scheduler's ticks that found the thread at work, on a busy
    machine one in 7 ms of CPU time and less."""
    if context.mode != "preload":
        return 0
    return 3 * math.sqrt(share * (1 - share) / max(samples, 1))


def check_same_lines(found, expected, what):
    """Both are lists of tuples; their order does not matter, their number does."""
    missing = collections.Counter(expected) - collections.Counter(found)
    surplus = collections.Counter(found) - collections.Counter(expected)
    check(not missing and not surplus,
          f"{what}: {len(found)} found, {len(expected)} expected; "
          f"missing {list(missing.items())[:8]}, surplus {list(surplus.items())[:8]}")


class Observation:
    """A running `pinfo attach`. Its stderr is kept and shown when a check fails."""

    def __init__(self, command, **popen):
        self.command = [str(word) for word in command]
        self.lines = []
        self._attached = threading.Event()
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                        text=True, errors="replace", **popen)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stderr:
            self.lines.append(line.rstrip("\n"))
            if line.startswith("attached"):
                self._attached.set()

    def wait_attached(self, seconds=15 * running.PATIENCE):
        end = time.monotonic() + seconds
        while not self._attached.wait(0.05):
            check(self.process.poll() is None,
                  f"pinfo ended with {self.process.returncode} before it attached:\n{self.text}")
            check(time.monotonic() < end, f"pinfo did not attach within {seconds} s:\n{self.text}")
        return self

    @property
    def text(self):
        return "\n".join(self.lines)

    def wait(self, seconds=30):
        status = self.process.wait(seconds)
        self._reader.join(5)
        return status

    def stop(self, number=signal.SIGINT, seconds=30):
        """Sends the signal, returns the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.wait(seconds)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


def built(variable):
    """The program that an environment variable names."""
    path = pathlib.Path(os.environ.get(variable, ""))
    if not path.is_file():
        raise Failure(f"{variable} names no file: build first, and run through ctest or set it")
    return path


class Context:
    """One scenario's surroundings: folder, user, database; ends all it started in close()."""

    def __init__(self, mode):
        self.mode = mode
        programs = [built(name) for name in ("PINFO_BIN", "PINFO_PRELOAD", "PINFO_THREADED_SERVER")]
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="pinfo-scenario-"))
        self.folder.chmod(0o755)
        self.uid = NOBODY if mode == "preload" and os.geteuid() == 0 else None
        self.started = []
        self.binaries = self.folder / "bin"
        self.binaries.mkdir()
        # Copies: the build may lie in a folder that the ordinary user cannot reach.
        self.pinfo_path, self.preload_path, self.threaded_server = [
            pathlib.Path(shutil.copy(program, self.binaries)) for program in programs]
        self.home = self.subfolder("home")
        self.database = self.home / "pinfo.db"

    def subfolder(self, name):
        folder = self.folder / name
        folder.mkdir()
        if self.uid is not None:
            os.chown(folder, self.uid, self.uid)
        return folder

    def close(self):
        for thing in reversed(self.started):
            try:
                thing.kill() if isinstance(thing, Observation) else thing.stop()
            except (OSError, subprocess.SubprocessError, IndexError) as error:
                print(f"cleaning up: {error}", file=sys.stderr)
        shutil.rmtree(self.folder, ignore_errors=True)

    # Servers

    def start(self, kind, **options):
        """A server on its own, as the mode's user."""
        server = self.make(kind, **options)
        self.started.append(server)
        return server.start()

    def make(self, kind, **options):
        if kind is running.ThreadedServer:
            options.setdefault("binary", self.threaded_server)
        options.setdefault("uid", self.uid)
        return kind(self.folder / f"{kind.name}-{len(self.started)}", **options)

    # pinfo

    def as_user(self, uid):
        return {} if uid is None else {"user": uid, "group": uid, "extra_groups": []}

    def environment(self):
        return dict(os.environ, HOME=str(self.home), XDG_STATE_HOME=str(self.home),
                    XDG_CACHE_HOME=str(self.home), PINFO_PRELOAD=str(self.preload_path), TZ="UTC")

    def pinfo(self, *words, uid="mode", status=0, database=None, seconds=60, input=None):
        """Runs pinfo to its end. status: what it must exit with; None for any."""
        uid = self.uid if uid == "mode" else uid
        command = [self.pinfo_path, "--db", database or self.database, *words]
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                              errors="replace", timeout=seconds, env=self.environment(),
                              cwd=self.folder, input=input, **self.as_user(uid))
        if status is not None:
            check(done.returncode == status,
                  f"pinfo {' '.join(map(str, words))} exited with {done.returncode}, expected "
                  f"{status}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        return done

    def attach(self, *words, uid=None, database=None):
        """`pinfo attach` in the background, as root unless told otherwise; not yet attached."""
        observation = Observation(
            [self.pinfo_path, "--db", database or self.database, "attach", *words],
            env=self.environment(), cwd=self.folder, **self.as_user(uid))
        self.started.append(observation)
        return observation

    def observe(self, kind, *words, **options):
        """A server of this kind with pinfo looking at it in the scenario's mode, ready for traffic.

        Returns an Observed. words: options of attach or run."""
        if self.mode == "preload":
            env = dict(self.environment(), **options.pop("env", {}))
            server = self.make(kind, before=[self.pinfo_path, "--db", self.database, "run", *words,
                                             "--"], env=env, **options)
            self.started.append(server)
            server.start()
            return Observed(self, server, None)
        server = self.start(kind, **options)
        observation = self.attach(*words, server.pid).wait_attached()
        return Observed(self, server, observation)

    def json_lines(self, *words, **options):
        return [json.loads(line) for line in self.pinfo(*words, "--json", **options)
                .stdout.splitlines()]

    def totals(self):
        """The line of `pinfo status --json` that sums everything up."""
        return next(row for row in self.json_lines("status") if row["type"] == "totals")

    def requests(self, *words, **options):
        """`pinfo requests --json` as a list of dicts, oldest first."""
        return sorted(self.json_lines("requests", *words, **options),
                      key=lambda row: (row["start"], row["id"]))


class Observed:
    """A server and what observes it: pinfo attach beside it, or pinfo run as its parent."""

    def __init__(self, context, server, observation):
        self.context = context
        self.server = server
        self.observation = observation

    def finish(self):
        """Ends the observation (in preload with the server) and checks that pinfo says 0 to it."""
        if self.observation is not None:
            check_equal(self.observation.stop(), 0, "exit status of pinfo attach\n"
                        + self.observation.text)
        else:
            # A thread tells of its answer when it turns to something else. One that has not had a CPU
            # since it sent it must not be killed before.
            running.wait_until_asleep([self.server.pid, *self.server.workers()])
        status = self.server.stop()
        if self.observation is None:
            # pinfo run exits as the server did; each of the servers ends with 0 on SIGTERM
            # (redis too), or by the signal itself.
            check(status in (0, -signal.SIGTERM, 128 + signal.SIGTERM),
                  f"pinfo run exited with {status}:\n{self.text}")
        return self

    @property
    def text(self):
        if self.observation is not None:
            return self.observation.text
        return self.server.output.read_text(errors="replace")


def database_is_sound(path):
    """SQLite's own opinion."""
    with sqlite3.connect(path) as connection:
        return connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"


def as_tuples(rows):
    return [(row["method"], row["target"], row["status"]) for row in rows]


def _run(function, mode):
    if mode == "ebpf" and os.geteuid() != 0:
        raise Skip("eBPF needs root, and the tests run as an ordinary user")
    context = Context(mode)
    try:
        function(context)
    except Failure:
        for thing in context.started:
            text = thing.text if isinstance(thing, Observation) else (
                thing.output.read_text(errors="replace") if thing.output.exists() else "")
            print(f"-- {getattr(thing, 'name', 'pinfo')}\n{text[-4000:]}", file=sys.stderr)
        raise
    finally:
        context.close()


def _attempt(function, mode, attempts):
    """Runs the scenario. What is said of times and shares does not hold while somebody else uses the
    machine: a failure of those is told, and they are run once more."""
    for left in reversed(range(attempts)):
        try:
            return _run(function, mode)
        except Failure as failure:
            if left == 0:
                raise
            print(f"FAILED at the first attempt, once more: {failure}")


def main():
    if sys.argv[1:] == ["--list"]:
        for name, (_, modes, seconds) in _CASES.items():
            for mode in modes:
                print(name, mode, seconds)
        return
    name, mode = sys.argv[1:]
    # A time limit of CTest's ends with SIGTERM: clean up then too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        _attempt(_CASES[name][0], mode, int(os.environ.get("PINFO_ATTEMPTS", "1")))
        print("passed")
    except Skip as reason:
        print(f"SKIP: {reason}")
        sys.exit(SKIPPED)
    except Failure as failure:
        print(f"FAILED: {failure}")
        sys.exit(1)
    except Exception:  # whatever else goes wrong is a failure with its whole story
        traceback.print_exc()
        sys.exit(1)

"""Python's own tests pass below the preloaded library as they pass without it.

Debian's package libpython3.11-testsuite. Modules that use signals, timers, threads, sockets, child
processes and waiting calls in every way. They mostly wait, and run beside other scenarios. Of asyncio,
which takes two minutes, the parts next to the system; CONTRIBUTING.md says how to run all of it.
"""
import pathlib
import re
import subprocess

import harness
import running
from harness import Skip, check, scenario

# Without pinfo, too: the first races with itself on a busy machine and hangs, the second does in a
# virtual machine whose host does not hand its own vsock connections back to it.
IGNORED = ("test_stress_modifying_handlers", "ThreadedVSOCK*")
FAILED = re.compile(r"^(?:FAIL|ERROR): (test\w+)", re.MULTILINE)


def tests(module, *words):
    ignored = [word for name in IGNORED for word in ("-i", name)]
    return [running.PYTHON, "-m", "test", *ignored, *words, module]


def preloaded(context, command):
    return context.pinfo("run", "--hz", "499", "--", *command, status=None, seconds=200)


def bare(context, command):
    return subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=200,
                          env=context.environment(), cwd=context.folder,
                          **context.as_user(context.uid))


def same_outcome(context, module, *words):
    """words: options of `python3 -m test` that choose some of the module's tests."""
    if not list(pathlib.Path("/usr/lib").glob("python3.*/test/test_signal.py")):
        raise Skip("Python's own tests are not installed (libpython3.11-testsuite)")
    done = preloaded(context, tests(module, *words))
    if done.returncode == 0:
        check(re.search(r"Result: SUCCESS|Tests result: SUCCESS", done.stdout),
              f"no tests were run: {done.stdout[-2000:]}{done.stderr[-1000:]}")
        return
    text = done.stdout + done.stderr
    names = sorted(set(FAILED.findall(text)))
    check(names, f"{module} ended with {done.returncode}: {text[-3000:]}")
    # The machine may be busy: what fails must fail again, and pass without the library.
    for name in names:
        again = preloaded(context, tests(module, "-m", name))
        alone = bare(context, tests(module, "-m", name))
        check(again.returncode == 0 or alone.returncode != 0,
              f"{module}.{name} fails with the library alone: {again.stdout[-3000:]}")
        print(f"{name}: failed once, then {again.returncode}, without the library "
              f"{alone.returncode}")


@scenario(modes=("preload",), seconds=240)
def threading(context):
    same_outcome(context, "test_threading")


@scenario(modes=("preload",), seconds=240)
def signals(context):
    same_outcome(context, "test_signal")


@scenario(modes=("preload",), seconds=240)
def sockets(context):
    same_outcome(context, "test_socket")


@scenario(modes=("preload",), seconds=240)
def child_processes(context):
    same_outcome(context, "test_subprocess")


@scenario(modes=("preload",), seconds=240)
def event_loops(context):
    parts = ("test_streams", "test_sock_lowlevel", "test_unix_events", "test_selector_events")
    same_outcome(context, "test_asyncio", *[word for part in parts for word in ("-m", f"*{part}*")])


@scenario(modes=("preload",), seconds=240)
def select_and_poll(context):
    for module in ("test_select", "test_poll", "test_epoll"):
        same_outcome(context, module)


if __name__ == "__main__":
    harness.main()

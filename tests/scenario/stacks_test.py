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
    check(agreed >= AGREED * (samples - figures["missing"]), f"same frames as libunwind: {figures}\n{done.stderr}")
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


if __name__ == "__main__":
    harness.main()

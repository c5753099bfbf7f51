"""Other runtimes than C++ and Python, and processes in namespaces of their own: their functions have
names, and their requests the times that they took."""
import os
import pathlib
import shutil
import signal
import subprocess

import harness
import running
import traffic
from harness import Skip, check, check_equal, scenario


def needed(program):
    found = shutil.which(program)
    if not found:
        raise Skip(f"{program} is not installed")
    return found


class CompiledServer(running.Server):
    """A server of one source file, compiled into its folder."""

    def command(self):
        return [str(self.root / self.name), str(self.port)]


class GoServer(CompiledServer):
    name = "go_server"

    def prepare(self):
        shutil.copy(running.SERVERS / "go_server" / "main.go", self.root)
        subprocess.run([needed("go"), "build", "-o", self.name, "main.go"], cwd=self.root, check=True,
                       env=dict(os.environ, GOCACHE=str(self.root / "cache"), GO111MODULE="off",
                                GOFLAGS="", HOME=str(self.root)))


class RustServer(CompiledServer):
    name = "rust_server"

    def prepare(self):
        shutil.copy(running.SERVERS / "rust_server" / "main.rs", self.root)
        subprocess.run([needed("rustc"), "--edition", "2021", "-O", "-g", "-o", self.name, "main.rs"],
                       cwd=self.root, check=True)


class Contained(running.Server):
    """In mount and pid namespaces of its own, with files that nobody outside has by path."""

    def start(self):
        self.before = [needed("unshare"), "--mount", "--pid", "--fork", "--kill-child"]
        if subprocess.run(self.before + ["mount", "-t", "tmpfs", "none", "/mnt"],
                          capture_output=True, check=False).returncode != 0:
            raise Skip("no namespace of mounts can be made here")
        return super().start()

    def stop(self, number=signal.SIGTERM, seconds=20):
        if self.process is not None and self.process.poll() is None:
            os.kill(self.pid, number)  # unshare itself lets no SIGTERM in
        return super().stop(0, seconds)


class ContainedThreaded(Contained, running.ThreadedServer):
    def command(self):
        command = super().command()
        script = 'mount -t tmpfs none /mnt && cp "$0" /mnt/hidden_server && exec /mnt/hidden_server "$@"'
        return ["sh", "-c", script] + command


class ContainedNode(Contained, running.NodeApp):
    """Its perf map is /tmp/perf-1.map, in a /tmp of its own."""

    def command(self):
        script = ('code=$(cat node_app.js) && mount -t tmpfs none /tmp && cd / && '
                  'exec "$0" --perf-basic-prof-only-functions -e "$code" -- app "$1"')
        return ["sh", "-c", script, needed("node"), str(self.port)]


def ask(port, target, times):
    for i in range(times):
        traffic.send(port, "GET", f"{target}&n={i}" if "?" in target else f"{target}?n={i}")


def seconds_in(context, route):
    return {row["function"]: row["total_ns"] / 1e9
            for row in context.json_lines("stats", "--route", route)}


def check_sleeps(context, count, ms):
    rows = context.requests("--route", "/sleep")
    check_equal(len(rows), count, "requests to /sleep")
    for row in rows:
        check(ms <= row["latency_ns"] / 1e6 < ms + 500, f"latency: {row}")


def check_burn(context, name):
    """Nearly all the time on a CPU is in that function."""
    times = seconds_in(context, "/burn")
    inside = max((value for key, value in times.items() if name in key), default=0)
    whole = max(value for key, value in times.items() if not key.startswith("["))
    print({key: value for key, value in context.totals().items() if key.startswith("samples")})
    check(inside >= 0.85 * whole, f"{inside} s of {whole} in {name}: {times}")


@scenario(modes=("ebpf",), seconds=120)
def go_server(context):
    """Goroutines: read and answered by whatever thread runs them."""
    needed("go")
    observed = context.observe(GoServer, "--hz", "499")
    ask(observed.server.port, "/burn?ms=30", 20)
    ask(observed.server.port, "/sleep?ms=30", 10)
    observed.finish()
    check_equal({row["outcome"] for row in context.requests()}, {"complete"}, "outcomes")
    check_sleeps(context, 10, 30)
    check_burn(context, "main.burnCPU")


@scenario(seconds=120)
def rust_server(context):
    """Names of Rust, demangled, with what was inlined."""
    needed("rustc")
    observed = context.observe(RustServer, "--hz", "499")
    ask(observed.server.port, "/burn?ms=30", 20)
    ask(observed.server.port, "/sleep?ms=30", 10)
    observed.finish()
    check_sleeps(context, 10, 30)
    check_burn(context, "work::burn_cpu")


@scenario(modes=("ebpf",), seconds=90)
def node_functions(context):
    """Just-in-time compiled JavaScript by the perf map that node writes."""
    needed("node")
    observed = context.observe(running.NodeApp, "--hz", "499")
    ask(observed.server.port, "/view", 400)
    observed.finish()
    names = seconds_in(context, "/view")
    check(any("renderRow" in name for name in names), f"JavaScript's functions: {sorted(names)[:60]}")
    check(any("renderView" in name for name in names), f"JavaScript's functions: {sorted(names)[:60]}")


@scenario(modes=("ebpf",), seconds=90)
def contained_server(context):
    """Names out of a file that exists in the process's mount namespace alone."""
    observed = context.observe(ContainedThreaded, "--hz", "499")
    ask(observed.server.port, "/burn?ms=30&share=100", 20)
    observed.finish()
    check(not pathlib.Path("/mnt/hidden_server").exists(), "the file is nobody's outside")
    check_burn(context, "burn_alpha")


@scenario(modes=("ebpf",), seconds=90)
def contained_node(context):
    """The perf map of the pid and the /tmp that the process has inside."""
    needed("node")
    observed = context.observe(ContainedNode, "--hz", "499")
    ask(observed.server.port, "/view", 400)
    observed.finish()
    names = seconds_in(context, "/view")
    check(any("renderRow" in name for name in names), f"JavaScript's functions: {sorted(names)[:60]}")


if __name__ == "__main__":
    harness.main()

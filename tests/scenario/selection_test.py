"""What is chosen by port, name or control group, before it has started; and servers in containers:
pid, mount and network namespaces of their own, looked at from the host."""
import os
import pathlib
import shutil
import signal
import subprocess
import time
import uuid

import harness
import running
import traffic
from harness import Skip, check, check_equal, scenario

REQUESTS = 25


class OnPort(running.ThreadedServer):
    """On a port that was chosen before."""

    def __init__(self, root, port=0, **options):
        super().__init__(root, **options)
        self.port = port


def ask(port):
    traffic.keep_alive(port, [("GET", f"/bytes?n={i}") for i in range(REQUESTS)])


def check_saw(context, observation, servers):
    """Every request of every server: nothing was asked before it was followed."""
    check_equal(observation.stop(), 0, f"exit status:\n{observation.text}")
    rows = context.requests()
    check_equal(len(rows), REQUESTS * len(servers), "requests")
    check_equal({row["pid"] for row in rows}, {server.pid for server in servers}, "processes")
    check_equal({row["status"] for row in rows}, {200}, "statuses")


@scenario(modes=["ebpf"])
def port(context):
    """Nobody listens yet; then a server does, ends, and another one takes its place."""
    number = running.free_port()
    observation = context.attach("--port", number).wait_attached()
    check("no process yet" in observation.text, f"pinfo says that it waits:\n{observation.text}")
    servers = []
    for _ in range(2):
        servers.append(context.start(OnPort, port=number))
        ask(number)
        servers[-1].stop()
    pids = [server.process.pid for server in servers]
    check_equal(observation.stop(), 0, f"exit status:\n{observation.text}")
    rows = context.requests()
    check_equal(sorted(row["pid"] for row in rows), sorted(pids * REQUESTS), "requests by process")


@scenario(modes=["ebpf"])
def port_with_workers(context):
    """Children of a process that came to listen are followed with it."""
    number = running.free_port()
    observation = context.attach("--port", number, "--duration", "20s").wait_attached()
    server = context.start(OnPort, port=number, workers=3)
    ask(number)
    workers = set(server.workers())
    check_equal(observation.stop(), 0, f"exit status:\n{observation.text}")
    rows = context.requests()
    check_equal(len(rows), REQUESTS, "requests")
    check({row["pid"] for row in rows} <= workers, "they are the workers'")


@scenario(modes=["ebpf"])
def name(context):
    """A program executed under the name, and a process that takes it by prctl."""
    program = context.binaries / f"srv{uuid.uuid4().hex[:8]}"
    shutil.copy(context.threaded_server, program)
    observation = context.attach("--comm", program.name).wait_attached()
    server = context.start(running.ThreadedServer, binary=program)
    ask(server.port)
    check_saw(context, observation, [server])


@scenario(modes=["ebpf"])
def renamed(context):
    """The name is taken after the start, as many servers do."""
    text = (running.SERVERS / "python_app.py").read_text()

    class Renamed(running.PythonApp):
        def prepare(self):
            (self.root / "python_app.py").write_text(
                "import ctypes\nctypes.CDLL(None).prctl(15, b'renamed-server', 0, 0, 0)\n" + text)

    observation = context.attach("--comm", "renamed-server").wait_attached()
    server = context.start(Renamed)
    for i in range(REQUESTS):
        check_equal(traffic.send(server.port, "GET", f"/?ms=1&i={i}")[0] // 100, 2, "status")
    check_equal(observation.stop(), 0, f"exit status:\n{observation.text}")
    rows = context.requests()
    check_equal({row["pid"] for row in rows}, {server.pid}, "the process")
    check_equal(len(rows), REQUESTS, "requests")


class InGroup:
    """A control group of cgroup v2, or a Skip."""

    def __enter__(self):
        root = next((each for each in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified")
                     if os.path.exists(f"{each}/cgroup.controllers")), None)
        if root is None:
            raise Skip("no cgroup v2 is mounted")
        self.path = pathlib.Path(root) / f"pinfo-test-{uuid.uuid4().hex[:8]}"
        return self

    def create(self):
        try:
            self.path.mkdir()
        except OSError as error:
            raise Skip(f"no control group can be made: {error}") from error

    def __exit__(self, *unused):
        if self.path.exists():
            for pid in (self.path / "cgroup.procs").read_text().split():
                (self.path.parent / "cgroup.procs").write_text(pid)
            self.path.rmdir()


@scenario(modes=["ebpf"])
def cgroup(context):
    """The group itself comes later; one server starts in it, another is moved there."""
    with InGroup() as group:
        observation = context.attach("--cgroup", f"/{group.path.name}").wait_attached()
        group.create()
        time.sleep(0.5)  # pinfo looks for the group five times a second
        within = ["/bin/sh", "-c", f'echo $$ > {group.path}/cgroup.procs && exec "$@"', "sh"]
        started = context.start(running.ThreadedServer, before=within)
        # exec: the shell's process is the server.
        started_pid = started.process.pid
        ask(started.port)
        moved = context.start(running.ThreadedServer)
        (group.path / "cgroup.procs").write_text(str(moved.pid))
        time.sleep(0.7)
        ask(moved.port)
        check_equal(observation.stop(), 0, f"exit status:\n{observation.text}")
        rows = context.requests()
        check_equal(sorted(row["pid"] for row in rows),
                    sorted([started_pid] * REQUESTS + [moved.pid] * REQUESTS), "requests by process")
        moved.stop()
        started.before = []
        started.stop()


@scenario(modes=["ebpf"])
def ends_after_its_duration(context):
    """Nobody ever comes: no failure, and an end at the time asked for."""
    begin = time.monotonic()
    done = context.pinfo("attach", "--port", running.free_port(), "--duration", "1s", uid=None)
    check(time.monotonic() - begin > 0.9, "it took its time")
    check("waits for processes that listen on TCP port" in done.stderr, done.stderr)
    # A process id that is none is still refused.
    check_equal(context.pinfo("attach", 2**22 + 1, "--port", 1, uid=None, status=None).returncode, 1,
                "exit status with a process id that is none")


class Contained:
    """A server in pid, mount and network namespaces of its own, whose program and perf map lie on
    a file system that the host does not see."""

    SCRIPT = """
mount -t tmpfs tmpfs /mnt && cp {binary} /mnt/contained_server && ip link set lo up &&
exec /mnt/contained_server --port {port} --log /mnt/access.log --mode threads --workers {workers}
"""

    def __init__(self, context, port, workers=0):
        script = self.SCRIPT.format(binary=context.threaded_server, port=port, workers=workers)
        self.output = context.folder / "contained.txt"
        with open(self.output, "ab") as output:
            self.process = subprocess.Popen(
                ["unshare", "--pid", "--fork", "--mount", "--mount-proc", "--net", "/bin/sh", "-c",
                 script], stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        self.port = port
        running.wait_until(lambda: self.ready() or self.process.poll() is not None, 15,
                           "the contained server")
        if self.process.poll() is not None:
            raise Skip("no namespaces can be made here: "
                       + self.output.read_text(errors="replace")[-300:])

    @property
    def pid(self):
        """On the host."""
        return running.children(self.process.pid)[0]

    def ready(self):
        found = running.children(self.process.pid)
        return bool(found) and "listening" in self.output.read_text(errors="replace")

    def ask(self, targets):
        """From within its network."""
        client = ("import http.client, sys\n"
                  f"peer = http.client.HTTPConnection('127.0.0.1', {self.port})\n"
                  "for target in sys.argv[1:]:\n"
                  "    peer.request('GET', target)\n"
                  "    peer.getresponse().read()\n")
        subprocess.run(["nsenter", "--net", "--target", str(self.pid), running.PYTHON, "-c", client,
                        *targets], check=True, timeout=30)

    def stop(self):
        if self.process.poll() is None:
            for pid in running.children(self.process.pid):
                os.kill(pid, signal.SIGKILL)
            self.process.wait(10)


def in_container(context, *words, workers=0, later=False):
    number = running.free_port()
    observation = context.attach("--port", number, *words).wait_attached() if later else None
    server = Contained(context, number, workers)
    server.name = "contained"
    context.started.append(server)
    if observation is None:
        observation = context.attach(server.pid, *words).wait_attached()
    targets = [f"/burn?ms=60&share=50&i={i}" for i in range(8)]
    server.ask(targets)
    pids = {server.pid, *running.children(server.pid)}
    check_equal(observation.stop(), 0, f"exit status:\n{observation.text}")
    rows = context.requests()
    check_equal(sorted(row["target"] for row in rows), sorted(targets), "requests")
    check({row["pid"] for row in rows} <= pids, "process ids are the host's")
    check_equal({row["site"] for row in rows}, {f"127.0.0.1:{number}"}, "the port inside")
    # Names come out of a file that only the container sees.
    functions = {each["function"] for row in rows
                 for each in context.json_lines("show", row["id"], "--limit", 0)[0]["functions"]}
    check(any("burn_alpha" in each for each in functions), f"functions: {sorted(functions)[:20]}")
    observed = [row for row in context.json_lines("status") if row["type"] == "process"]
    check(any(row["exe"] == "/mnt/contained_server" for row in observed), f"processes: {observed}")


@scenario(modes=["ebpf"])
def container(context):
    in_container(context)


@scenario(modes=["ebpf"])
def container_by_syscall_probes(context):
    in_container(context, "--probes", "syscall")


@scenario(modes=["ebpf"])
def container_that_starts_later(context):
    in_container(context, workers=2, later=True)


if __name__ == "__main__":
    harness.main()

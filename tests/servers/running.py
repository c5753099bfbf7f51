"""Starts and ends the real servers that scenarios, benchmarks and the demo look at.

Every server runs on loopback in a folder of its own, in the foreground, as a child of this process,
and is ended by its pid. A server may be started below another command (pinfo run) and as another
user. Standard library only; runs under Debian's /usr/bin/python3.
"""
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time

SERVERS = pathlib.Path(__file__).resolve().parent
PYTHON = "/usr/bin/python3"  # the one that Debian's Django belongs to


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def alive(pid):
    """Whether the process exists and is no zombie."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def children(pid):
    """Pids of the children of all threads of a process."""
    found = []
    for task in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
        found += [int(child) for child in task.read_text().split()]
    return found


# A limit ends what hangs; how long something takes on a busy machine is no finding.
PATIENCE = 3


def accepts(port):
    """Whether somebody listens on loopback."""
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


def wait_until(condition, seconds, what):
    seconds *= PATIENCE
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {seconds} s")
        time.sleep(0.02)


def wait_until_asleep(pids, seconds=2):
    """Until no thread of these processes runs or wants to; at most so long, for one that never rests."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        states = []
        for pid in pids:
            for stat in pathlib.Path(f"/proc/{pid}/task").glob("*/stat"):
                try:
                    states.append(stat.read_text().rpartition(")")[2].split()[0])
                except (FileNotFoundError, ProcessLookupError):
                    pass
        if "R" not in states:
            return
        time.sleep(0.01)


class Server:
    """One running server. root: its folder. command: what it runs; before: words in front of it."""

    name = "server"

    def __init__(self, root, before=(), uid=None, env=None):
        self.root = pathlib.Path(root)
        self.root.mkdir(parents=True, exist_ok=True)
        self.root.chmod(0o755)
        self.port = free_port()
        self.before = [str(word) for word in before]
        self.uid = uid
        self.env = dict(os.environ, **(env or {}))
        self.process = None
        self.access_log = self.root / "access.log"
        self.output = self.root / "output.txt"

    def prepare(self):
        """Writes configuration and content. Nothing by default."""

    def command(self):
        raise NotImplementedError

    def ready(self):
        return accepts(self.port)

    def start(self):
        self.prepare()
        if self.uid is not None:
            for path in [self.root, *self.root.rglob("*")]:
                os.chown(path, self.uid, self.uid)
        as_user = {} if self.uid is None else {"user": self.uid, "group": self.uid,
                                               "extra_groups": []}
        with open(self.output, "ab") as output:
            self.process = subprocess.Popen(
                self.before + self.command(), stdin=subprocess.DEVNULL, stdout=output,
                stderr=output, env=self.env, cwd=self.working_folder(), **as_user)
        wait_until(lambda: self.ready() or self.process.poll() is not None, 20,
                   f"{self.name} on port {self.port}")
        if self.process.poll() is not None:
            raise RuntimeError(f"{self.name} ended with {self.process.returncode}:\n"
                               + self.output.read_text(errors="replace"))
        return self

    def working_folder(self):
        return self.root

    @property
    def pid(self):
        """The server's own pid, also where it runs below another command."""
        return self.process.pid if not self.before else children(self.process.pid)[0]

    def workers(self):
        return children(self.pid)

    def signal_master(self, number):
        os.kill(self.pid, number)

    def stop(self, number=signal.SIGTERM, seconds=20):
        """Ends the server by its pid and returns the exit status of what was started here."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(number)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                print(f"{self.name} (pid {self.process.pid}) did not end, killed", file=sys.stderr)
                for pid in [*self.workers(), self.pid]:
                    os.kill(pid, signal.SIGKILL)
                self.process.kill()
                self.process.wait()
        return self.process.returncode

    def url(self, target="/"):
        return f"http://127.0.0.1:{self.port}{target}"

    def __enter__(self):
        return self.start()

    def __exit__(self, *unused):
        self.stop()


class Nginx(Server):
    """access.log: METHOD TARGET STATUS SECONDS PID CONNECTION."""

    name = "nginx"
    binary = shutil.which("nginx", path="/usr/sbin:/usr/bin:/sbin:/bin") or "/usr/sbin/nginx"

    def __init__(self, root, workers=2, **options):
        super().__init__(root, **options)
        self.worker_count = workers

    def prepare(self):
        www = self.root / "www"
        www.mkdir(exist_ok=True)
        (www / "index.html").write_text("<!doctype html><title>pinfo</title>" + "x" * 560 + "\n")
        (www / "large.bin").write_bytes(bytes(range(256)) * 8192)
        runs_as_root = os.geteuid() == 0 and self.uid is None
        text = (SERVERS / "nginx.conf.in").read_text()
        for name, value in (("WORKERS", self.worker_count), ("ROOT", self.root),
                            ("PORT", self.port), ("USER", "user root;" if runs_as_root else "")):
            text = text.replace(f"@{name}@", str(value))
        (self.root / "nginx.conf").write_text(text)

    def command(self):
        return [self.binary, "-e", str(self.root / "error.log"), "-p", str(self.root),
                "-c", str(self.root / "nginx.conf")]

    def access_lines(self):
        """(method, target, status) in the log's order; a request that was none has method '-'."""
        lines = [line.split(" ") for line in self.access_log.read_text().splitlines()]
        return [(line[0], line[1], int(line[2])) for line in lines]


class Gunicorn(Server):
    """The Django site under sync workers. access.log: METHOD TARGET STATUS PID."""

    name = "gunicorn"

    def __init__(self, root, workers=3, threads=0, **options):
        super().__init__(root, **options)
        self.worker_count = workers
        self.words = ["--threads", str(threads)] if threads else []
        self.site = self.root / "django_site"
        self.env["PINFO_SITE_DB"] = str(self.root / "site.db")
        self.env["PYTHONDONTWRITEBYTECODE"] = "1"
        self.env.pop("DJANGO_SETTINGS_MODULE", None)

    def prepare(self):
        if not self.site.exists():
            shutil.copytree(SERVERS / "django_site", self.site,
                            ignore=shutil.ignore_patterns("__pycache__"))
            for words in (["migrate", "-v0"], ["seed"]):
                subprocess.run([PYTHON, "manage.py", *words], cwd=self.site, env=self.env,
                               check=True)

    def working_folder(self):
        return self.site

    def command(self):
        return [PYTHON, "/usr/bin/gunicorn", "--bind", f"127.0.0.1:{self.port}",
                "--workers", str(self.worker_count), *self.words, "--access-logfile", str(self.access_log),
                "--access-logformat", "%(r)s %(s)s %(p)s", "--log-level", "warning",
                "--pid", str(self.root / "gunicorn.pid"), "wsgi:application"]

    def ready(self):
        # A worker that has answered has loaded the site: one early request of each test's account.
        return super().ready() and len(self.workers_if_any()) >= self.worker_count

    def workers_if_any(self):
        pid_file = self.root / "gunicorn.pid"
        return children(int(pid_file.read_text())) if pid_file.exists() else []

    def access_lines(self):
        """(method, target, status); the log's first field is the request line."""
        found = []
        for line in self.access_log.read_text().splitlines():
            method, target, _, status, _ = line.split(" ")
            found.append((method, target, int(status)))
        return found


class ThreadedServer(Server):
    """tests/servers/threaded_server.cc; its path is in $PINFO_THREADED_SERVER."""

    name = "threaded_server"

    def __init__(self, root, mode="threads", workers=0, binary=None, **options):
        super().__init__(root, **options)
        self.arguments = ["--mode", mode, "--workers", str(workers)]
        self.binary = binary or os.environ["PINFO_THREADED_SERVER"]

    def command(self):
        return [str(self.binary), "--port", str(self.port), "--log", str(self.access_log),
                *self.arguments]

    def account(self):
        """A dict per request; what the times are says threaded_server.cc."""
        names = ("begin_ns", "sending_ns", "end_ns", "pid", "tid", "method", "target",
                 "status")
        lines = [line.split(" ") for line in self.access_log.read_text().splitlines()]
        return [{name: value if name in ("method", "target") else int(value)
                 for name, value in zip(names, line)} for line in lines]


class AwkwardServer(Server):
    """tests/servers/awkward_server.py. access.log: METHOD TARGET STATUS, 0 for no answer."""

    name = "awkward_server"

    def __init__(self, root, mode="threads", addresses=(), **options):
        super().__init__(root, **options)
        self.mode = mode
        self.addresses = [f"127.0.0.1:{self.port}", *addresses]

    def command(self):
        return [PYTHON, str(SERVERS / "awkward_server.py"), "--mode", self.mode,
                "--log", str(self.access_log), "--listen", *self.addresses]

    def access_lines(self):
        lines = [line.split(" ") for line in self.access_log.read_text().splitlines()]
        return [(line[0], line[1], int(line[2]) or None) for line in lines]


class PythonApp(Server):
    """tests/servers/python_app.py under an interpreter of choice."""

    name = "python_app"

    def __init__(self, root, python=PYTHON, **options):
        super().__init__(root, **options)
        self.python = str(python)
        self.env["PYTHONDONTWRITEBYTECODE"] = "1"

    def prepare(self):
        shutil.copy(SERVERS / "python_app.py", self.root)

    def command(self):
        return [self.python, str(self.root / "python_app.py"), str(self.port)]


class AsyncApp(PythonApp):
    """tests/servers/async_app.py."""

    name = "async_app"

    def prepare(self):
        shutil.copy(SERVERS / "async_app.py", self.root)

    def command(self):
        return [self.python, str(self.root / "async_app.py"), str(self.port)]


class Redis(Server):
    name = "redis-server"

    def command(self):
        return ["/usr/bin/redis-server", "--bind", "127.0.0.1", "--port", str(self.port),
                "--save", "", "--appendonly", "no", "--dir", str(self.root)]


def postgresql_program(name):
    """The newest installed version's, as Debian keeps them outside PATH; None where there is none."""
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob(f"*/bin/{name}"),
                   key=lambda path: int(path.parts[-3]) if path.parts[-3].isdigit() else 0)
    return str(found[-1]) if found else shutil.which(name)


class PostgreSQL(Server):
    """A new cluster with user and database 'postgres', trusting loopback. Never runs as root."""

    name = "postgres"

    def __init__(self, root, uid=None, **options):
        super().__init__(root, uid=65534 if uid is None and os.geteuid() == 0 else uid, **options)
        self.data = self.root / "data"

    def prepare(self):
        os.chown(self.root, *((self.uid, self.uid) if self.uid is not None else (-1, -1)))
        as_user = {} if self.uid is None else {"user": self.uid, "group": self.uid,
                                               "extra_groups": []}
        subprocess.run([postgresql_program("initdb"), "-D", str(self.data), "-U", "postgres",
                        "-A", "trust", "-N", "--locale=C"], env=self.env, cwd=self.root,
                       check=True, stdout=subprocess.DEVNULL, **as_user)

    def command(self):
        return [postgresql_program("postgres"), "-D", str(self.data), "-h", "127.0.0.1", "-p",
                str(self.port), "-k", str(self.root), "-c", "fsync=off"]


class NodeApp(Server):
    """tests/servers/node_app.js; with a perf map of its just-in-time compiled functions."""

    name = "node"

    def prepare(self):
        shutil.copy(SERVERS / "node_app.js", self.root)

    def command(self):
        return [shutil.which("node"), "--perf-basic-prof-only-functions", "node_app.js",
                str(self.port)]

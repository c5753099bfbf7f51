"""The target does not notice: the same bytes, the same exit status, the same output."""
import re
import signal
import subprocess

import harness
import running
import traffic
from harness import check, check_equal, scenario

REQUESTS = [
    b"GET /index.html HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    b"GET /large.bin HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    b"GET /large.bin HTTP/1.1\r\nHost: x\r\nRange: bytes=100-70000\r\nConnection: close\r\n\r\n",
    b"HEAD /large.bin HTTP/1.0\r\n\r\n",
    b"GET /missing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    b"POST /created HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello",
    b"nonsense\r\n\r\n",
    b"GET /list HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    b"GET /fail HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    b"GET /chunked?n=4 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    b"GET /bytes?n=300000 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
]
VARIES = re.compile(rb"^(Date|Last-Modified|ETag): [^\r]*\r\n", re.MULTILINE)


def answers(server):
    return [VARIES.sub(b"", traffic.raw(server.port, request)) for request in REQUESTS]


def same_bytes(context, kind):
    bare = context.start(kind)
    expected = answers(bare)
    check_equal(bare.stop(), 0, "exit status of the bare server")
    observed = context.observe(kind, "--profile", "all")
    found = answers(observed.server)
    for request, one, other in zip(REQUESTS, found, expected):
        check(len(other) > 0, f"the bare server answers {request[:40]!r}")
        check(one == other, f"{request[:40]!r}: {len(one)} bytes observed, {len(other)} bare")
    if observed.observation is not None:
        check_equal(observed.observation.stop(), 0, "exit status of attach")
    check_equal(observed.server.stop(), 0, "exit status of the server that was observed")


@scenario()
def nginx(context):
    same_bytes(context, running.Nginx)


@scenario(seconds=90)
def gunicorn(context):
    same_bytes(context, running.Gunicorn)


@scenario()
def threaded(context):
    same_bytes(context, running.ThreadedServer)


@scenario(modes=["preload"])
def exit_status_and_output(context):
    """pinfo run exits as its command did and leaves its output alone."""
    for status in (0, 1, 2, 7, 255):
        done = context.pinfo("run", "--", "sh", "-c", f"echo out; echo err >&2; exit {status}",
                             status=status)
        check_equal(done.stdout, "out\n", "standard output of the command")
        check("err\n" in done.stderr, "standard error of the command")
    done = context.pinfo("run", "--", "sh", "-c", "kill -TERM $$", status=None)
    check(done.returncode in (-signal.SIGTERM, 128 + signal.SIGTERM),
          f"a command killed by SIGTERM: {done.returncode}")


@scenario(modes=["preload"])
def ordinary_programs(context):
    """Programs that are no servers behave the same below the shim."""
    script = ("import subprocess, os\n"
              "print(subprocess.check_output(['/bin/echo', 'x']), flush=True)\nos._exit(3)")
    for command in (["/bin/ls", "/"], ["/bin/bash", "-c", "echo $((1+1)) | cat; exit 4"],
                    [running.PYTHON, "-c", script]):
        bare = subprocess.run(command, capture_output=True, text=True, cwd=context.folder)
        done = context.pinfo("run", "--quiet", "--", *command, status=bare.returncode)
        check_equal(done.stdout, bare.stdout, f"standard output of {command}")


@scenario()
def fork_and_exec(context):
    """A shell that starts the server only after it is observed: found through fork and exec."""
    class Launcher(running.ThreadedServer):
        """The shell waits for the file 'go', then runs the server as its child."""

        def command(self):
            server = " ".join(super().command())
            return ["/bin/sh", "-c",
                    f"while [ ! -e {self.root}/go ]; do sleep 0.05; done; {server} & child=$!; "
                    "trap 'kill $child' TERM; wait; wait; exit 0"]

        def ready(self):
            return True

    observed = context.observe(Launcher)
    server = observed.server
    (server.root / "go").touch()
    running.wait_until(lambda: running.Server.ready(server), 10, "the server below the shell")
    for i in range(30):
        traffic.send(server.port, "GET", f"/bytes?n={i}")
    observed.finish()
    check_equal(len(context.requests()), 30, "requests of a process that came by fork and exec")


if __name__ == "__main__":
    harness.main()

"""attach --all-servers: whatever listens on the machine, now or later. Alone on the machine, since
servers of other scenarios would be followed too."""
import shutil
import sys
import time

import harness
import running
import traffic
from harness import check, check_equal, scenario

REQUESTS = 25

# Listens and hands the socket to a gunicorn that it starts, as a service manager does
# (sd_listen_fds(3)); its own name is "superserver".
SUPERSERVER = """
import ctypes, os, signal, socket, sys
ctypes.CDLL(None).prctl(15, b"superserver", 0, 0, 0)
command = sys.argv[1:]
host, port = command[command.index("--bind") + 1].split(":")
listener = socket.create_server((host, int(port)))
child = os.fork()
if child == 0:
    os.dup2(listener.fileno(), 3)
    os.set_inheritable(3, True)  # it may have been 3 before
    os.execvpe(command[0], command, dict(os.environ, LISTEN_PID=str(os.getpid()), LISTEN_FDS="1"))
signal.signal(signal.SIGTERM, lambda *unused: os.kill(child, signal.SIGTERM))
os.waitpid(child, 0)
"""


def ask(port):
    traffic.keep_alive(port, [("GET", f"/bytes?n={i}") for i in range(REQUESTS)])


def ask_django(port):
    for i in range(REQUESTS):
        check_equal(traffic.send(port, "GET", f"/product/{i + 1}")[0], 200, "status")


def requests_of(context, pids):
    return sum(row["pid"] in pids for row in context.requests())


@scenario(modes=["ebpf"])
def whatever_listens(context):
    early = context.start(running.ThreadedServer)
    observation = context.attach("--all-servers", "--except", "left_out").wait_attached()
    check("all servers" in observation.text, observation.text)
    ask(early.port)
    later = context.start(running.ThreadedServer, workers=2)
    ask(later.port)
    # A name that is excepted by the caller, and one that always is.
    excepted = []
    for name in ("left_out", "sshd"):
        program = context.binaries / name
        shutil.copy(context.threaded_server, program)
        excepted.append(context.start(running.ThreadedServer, binary=program))
        ask(excepted[-1].port)
    pids = [{early.pid}, set(later.workers()), {server.pid for server in excepted}]
    check_equal(observation.stop(), 0, f"exit status:\n{observation.text}")
    check_equal([requests_of(context, each) for each in pids], [REQUESTS, REQUESTS, 0],
                "requests of early, later and excepted servers")
    for pid in set.union(*pids):
        check(f"process {pid} is not followed" not in observation.text, observation.text)


@scenario(modes=["ebpf"])
def a_socket_that_was_handed_over(context):
    """By a process that is not followed itself, as process 1 is not."""
    observation = context.attach("--all-servers", "--except", "superserver").wait_attached()
    server = context.start(running.Gunicorn, before=[sys.executable, "-c", SUPERSERVER])
    time.sleep(3)  # it is noticed from 1 s after its start on
    ask_django(server.port)
    pids = {server.pid, *server.workers()}
    check_equal(observation.stop(), 0, f"exit status:\n{observation.text}")
    check_equal(requests_of(context, pids), REQUESTS, "requests")


@scenario(modes=["ebpf"])
def a_port_that_was_handed_over(context):
    """The same with --port: the parent, which listens there, has been left to itself."""
    number = running.free_port()

    class OnPort(running.Gunicorn):
        def __init__(self, root, **options):
            super().__init__(root, **options)
            self.port = number

    observation = context.attach("--port", number, "--no-children").wait_attached()
    server = context.start(OnPort, workers=1, before=[sys.executable, "-c", SUPERSERVER])
    time.sleep(3)
    ask_django(server.port)
    pids = set(server.workers())
    check_equal(observation.stop(), 0, f"exit status:\n{observation.text}")
    check_equal(requests_of(context, pids), REQUESTS, "requests")


if __name__ == "__main__":
    harness.main()

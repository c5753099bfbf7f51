"""Queue time: from the connection's establishment to the first read of the server."""
import shutil
import socket
import threading
import time

import harness
import running
from harness import check, check_equal, scenario

CLIENTS = 8
PAUSE_MS = 20
SLACK_NS = 10_000_000  # half a pause: a busy machine may end the handshake after connect


class LateServer(running.Server):
    name = "late_server"

    def prepare(self):
        shutil.copy(running.SERVERS / "late_server.py", self.root)

    def command(self):
        return [running.PYTHON, str(self.root / "late_server.py"), str(self.port),
                str(self.access_log), str(PAUSE_MS)]

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), 30)

    def reads(self):
        lines = [line.split() for line in self.access_log.read_text().splitlines()]
        return {words[0]: (int(words[1]), int(words[2])) for words in lines}


class LateUnixServer(LateServer):
    @property
    def path(self):
        return str(self.root / "late.sock")

    def command(self):
        words = super().command()
        words[2] = self.path
        return words

    def connect(self):
        peer = socket.socket(socket.AF_UNIX)
        peer.connect(self.path)
        return peer

    def ready(self):
        try:
            self.connect().close()
            return True
        except OSError:
            return False


def ask_all(server):
    """Target -> nanoseconds right before and right after connect, of clients that come at once."""
    connected = {}

    def client(number):
        before = time.monotonic_ns()
        peer = server.connect()
        connected[f"/{number}"] = (before, time.monotonic_ns())
        peer.sendall(f"GET /{number} HTTP/1.1\r\nHost: late\r\n\r\n".encode())
        while peer.recv(4096):
            pass
        peer.close()

    threads = [threading.Thread(target=client, args=(i,)) for i in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return connected


def queue_times(context, kind, *words):
    observed = context.observe(kind, *words)
    connected = ask_all(observed.server)
    reads = observed.server.reads()
    observed.finish()
    rows = {row["target"]: row["queue_ns"] for row in context.requests()}
    check_equal(sorted(rows), sorted(connected), "requests")
    return rows, connected, reads


def over_tcp(context, *words):
    rows, connected, reads = queue_times(context, LateServer, *words)
    for target, queue_ns in rows.items():
        before_connect, after_connect = connected[target]
        before_read, after_read = reads[target]
        # The handshake ends within connect, the first read within recv: both are known in between.
        check(before_read - after_connect - SLACK_NS <= queue_ns <= after_read - before_connect,
              f"{target}: queued {queue_ns}, by the clocks of client and server between "
              f"{before_read - after_connect} and {after_read - before_connect}")
    check(max(rows.values()) > (CLIENTS - 2) * PAUSE_MS * 1_000_000, f"the last waited long: {rows}")


@scenario(modes=["ebpf"])
def tcp(context):
    over_tcp(context)


@scenario(modes=["ebpf"])
def tcp_by_syscall_probes(context):
    over_tcp(context, "--probes", "syscall")


@scenario(modes=["preload"])
def tcp_is_not_known(context):
    rows, _, _ = queue_times(context, LateServer)
    check_equal(set(rows.values()), {None}, "queue times")


@scenario()
def unix_is_not_known(context):
    rows, _, _ = queue_times(context, LateUnixServer)
    check_equal(set(rows.values()), {None}, "queue times")


@scenario(modes=["ebpf"])
def unix_is_not_known_by_syscall_probes(context):
    rows, _, _ = queue_times(context, LateUnixServer, "--probes", "syscall")
    check_equal(set(rows.values()), {None}, "queue times")


if __name__ == "__main__":
    harness.main()

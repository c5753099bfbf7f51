"""What open connections cost: opens many to nginx at once, one request on each, then one more.

    open_connections.py [--pinfo build/pinfo] [--connections 100000] [--source 127.0.1] MODE

MODE: bare, ebpf, syscall (eBPF by syscall probes) or preload. Prints how much kernel memory (slab) and
server memory came with the connections while they are open, and what pinfo saw and lost of the
requests. What pinfo itself takes in the kernel is the difference to a bare run. Root. --source: the
first three bytes of the clients' addresses; runs within a minute of each other must differ, for the
ports they leave behind. nginx's workers, and the clients, are as many processes as a limit of 20,000
descriptors each asks for.
"""
import argparse
import json
import multiprocessing
import pathlib
import shutil
import socket
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "servers"))

import measure
import observers
import running

IP_BIND_ADDRESS_NO_PORT = 24  # linux/in.h
FROM_ONE_ADDRESS = 16_000  # fewer than there are ephemeral ports, and than descriptors of a process
KINDS = {"bare": lambda pinfo: observers.Bare(), "ebpf": observers.Attach,
         "syscall": lambda pinfo: observers.Attach(pinfo, ["--probes", "syscall"]),
         "preload": observers.Run}


class Nginx(running.Nginx):
    """Each worker has a listening socket of its own: the kernel spreads the connections."""

    def __init__(self, root, **options):
        super().__init__(root, workers=10, **options)

    def prepare(self):
        super().prepare()
        path = self.root / "nginx.conf"
        path.write_text(path.read_text()
                        .replace("worker_connections 1024", "worker_connections 19000")
                        .replace(f"127.0.0.1:{self.port};", f"127.0.0.1:{self.port} reuseport;")
                        .replace("http {", "http {\n  keepalive_timeout 900;", 1))


def slab():
    """Bytes in use of each kernel cache for objects of any kind (kmalloc), and of slabs in all."""
    objects = {}
    for line in pathlib.Path("/proc/slabinfo").read_text().splitlines()[2:]:
        words = line.split()
        if words[0].startswith("kmalloc"):
            objects[words[0]] = int(words[1]) * int(words[3])
    lines = pathlib.Path("/proc/meminfo").read_text().splitlines()
    objects["all slabs"] = next(int(line.split()[1]) * 1024 for line in lines
                                if line.startswith("Slab:"))
    return objects


def rss(pids):
    return sum(int(line.split()[1]) * 1024 for pid in pids
               for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
               if line.startswith("VmRSS"))


def ask(peer, number):
    peer.sendall(b"GET /nothing?n=%d HTTP/1.1\r\nHost: many.example\r\n\r\n" % number)
    answer = b""
    while b"\r\n\r\n" not in answer:
        part = peer.recv(4096)
        if not part:
            raise RuntimeError(f"request {number}: the connection was closed")
        answer += part


def client(port, source, count, first, gate):
    """One process's share. Passes the gate when its connections are open, and to ask once more."""
    peers = []
    for number in range(count):
        peer = socket.socket()
        peer.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
        peer.bind((source, 0))
        peer.connect(("127.0.0.1", port))
        ask(peer, first + number)
        peers.append(peer)
    gate.wait()
    gate.wait()
    for number, peer in enumerate(peers):
        ask(peer, first + number)
        peer.close()


def start_clients(port, connections, source):
    """The processes, and the gate that they and the caller pass together."""
    shares = [min(FROM_ONE_ADDRESS, connections - first)
              for first in range(0, connections, FROM_ONE_ADDRESS)]
    gate = multiprocessing.Barrier(len(shares) + 1, timeout=100)
    clients = [multiprocessing.Process(target=client, args=(
        port, f"{source}.{1 + i}", share, i * FROM_ONE_ADDRESS, gate)) for i, share in enumerate(shares)]
    for each in clients:
        each.start()
    return clients, gate


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pinfo", default="build/pinfo")
    parser.add_argument("--connections", type=int, default=100_000)
    parser.add_argument("--source", default="127.0.1")
    parser.add_argument("mode", choices=KINDS)
    chosen = parser.parse_args()
    count = chosen.connections
    folder = pathlib.Path(tempfile.mkdtemp(prefix="pinfo-bench-"))
    observer = KINDS[chosen.mode](chosen.pinfo)
    try:
        with observer.observe(Nginx, folder) as (server, pinfo_pid):
            # pinfo run stands between the process that was started and nginx.
            pid_file = server.root / "nginx.pid"
            running.wait_until(pid_file.exists, 5, "nginx's pid file")
            workers = running.children(int(pid_file.read_text()))
            with socket.create_connection(("127.0.0.1", server.port)) as first:
                ask(first, -1)  # what the first request of all brings with it is not theirs
            before, server_before = slab(), rss(workers)
            begin = time.monotonic()
            clients, gate = start_clients(server.port, count, chosen.source)
            gate.wait()
            opened = time.monotonic() - begin
            time.sleep(3)
            after, server_after = slab(), rss(workers)
            own = measure.peak_rss(pinfo_pid) if pinfo_pid else 0
            gate.wait()
            for each in clients:
                each.join()
            if any(each.exitcode != 0 for each in clients):
                sys.exit("a client failed")
            time.sleep(1)
        with open(next(folder.glob("*/access.log")), "rb") as log:
            logged = sum(1 for _ in log)
        account = observer.account(folder) or {}
        print(json.dumps({
            "mode": chosen.mode, "connections": count, "opened_in_s": round(opened, 1),
            "logged": logged, "seen": account.get("requests"),
            "lost": {kind: n for kind, n in account.get("lost", {}).items()
                     if n and kind not in ("profile_rate", "blocked_rate")},
            "server_bytes_a_connection": round((server_after - server_before) / count, 1),
            "pinfo_peak_rss": own,
            "slab_bytes_a_connection": {
                name: round((after[name] - before[name]) / count, 1) for name in after
                if abs(after[name] - before[name]) > 16 * count}}))
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()

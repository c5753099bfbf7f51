"""Processes that come, serve, crash and go: what status tells of each, of sites and of the machine."""
import os
import platform
import signal
import subprocess
import urllib.request

import harness
import running
from harness import check, check_equal, scenario


def rows(context, kind):
    return [row for row in context.json_lines("status") if row["type"] == kind]


@scenario(seconds=60)
def workers_come_and_go(context):
    """gunicorn replaces a worker that was killed: one crash, and never more living than there were."""
    observed = context.observe(running.Gunicorn, workers=2)
    server = observed.server
    for i in range(6):
        urllib.request.urlopen(f"http://127.0.0.1:{server.port}/fast?{i}", timeout=10).read()
    before = set(server.workers_if_any())
    victim = min(before)
    os.kill(victim, signal.SIGSEGV)
    running.wait_until(lambda: len(server.workers_if_any()) == 2
                       and victim not in server.workers_if_any(), 20, "another worker")
    for i in range(6):
        urllib.request.urlopen(f"http://127.0.0.1:{server.port}/fast?{i}", timeout=10).read()
    # The shim of a process that has done nothing yet tells nothing; eBPF sees all of them.
    seen = 3 if context.mode == "ebpf" else 2
    # What a process listens on and is run by is read half a second after its start.
    running.wait_until(
        lambda: sum(1 for row in rows(context, "process")
                    if row["listen"] and row["runtime"] and row["pid"] != victim) >= seen,
        20, "what the processes listen on")
    alive = {row["pid"]: row["alive"] for row in rows(context, "process")}
    for pid in server.workers_if_any():
        check(alive.get(pid) == "yes" or (context.mode == "preload" and pid not in alive),
              f"worker {pid} lives: {alive}")
    check(alive.get(victim) == "no" or (context.mode == "preload" and victim not in alive),
          f"the killed worker {victim} does not: {alive}")
    observed.finish()

    processes = {row["pid"]: row for row in rows(context, "process")}
    check_equal(len(processes), len(rows(context, "process")), "rows, one for each process")
    if context.mode == "ebpf":  # the shim of a killed process can tell nothing
        check_equal(processes[victim]["exit_signal"], signal.SIGSEGV, "what ended the worker")
        check_equal(context.totals()["crashes"], 1, "crashes")
    served = [row for row in processes.values() if row["requests"]]
    check_equal(sum(row["requests"] for row in served), 12, "requests by process")
    for row in served:
        if row["pid"] == victim:
            continue  # it was gone before it was looked at
        check(row["runtime"].startswith("CPython 3.11."), f"runtime {row['runtime']!r}")
        check_equal(row["listen"], f"127.0.0.1:{server.port}", "where a worker listens")
        check(0 < row["rss_min_bytes"] <= row["rss_mean_bytes"] <= row["rss_max_bytes"],
              f"memory {row}")
        check(row["threads_min"] >= 1, f"threads {row}")
        check(row["pss_bytes"] is None or 0 < row["pss_bytes"] <= row["rss_max_bytes"],
              f"memory truly used {row}")
    site, = rows(context, "site")
    check_equal(site["processes_created"], len(served), "processes of the site")
    check(1 <= site["processes_max"] <= 3, f"living at once at most: {site['processes_max']}")
    check(0 < site["processes_average"] <= site["processes_max"], f"on average: {site}")
    check_equal(site["processes_current"], 0, "living now, after the end")
    totals = context.totals()
    check(totals["lifetime_min_ns"] <= totals["lifetime_mean_ns"] <= totals["lifetime_max_ns"],
          f"life times {totals}")
    check(totals["user_cpu_ns"] > 0, f"CPU of the processes {totals}")
    system, = rows(context, "system")
    check(system["uname"].startswith(f"Linux {platform.release()} "), f"uname {system['uname']!r}")
    check(system["fqdn"].startswith(platform.node()) or platform.node() in system["fqdn"],
          f"name {system['fqdn']!r}")
    check_equal(system["cpus"], os.cpu_count(), "CPUs")
    check(0 < system["memory_used_bytes"] < system["memory_total_bytes"], f"memory {system}")


# Waits for a line, then a thread that is not the first one becomes another program, which answers one
# connection after the other.
EXECUTES = """
import os, sys, threading
input()
threading.Thread(target=lambda: os.execv(sys.executable, [sys.executable, "-c", sys.argv[1]])).start()
threading.Event().wait()
"""
ANSWERS = """
import socket
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
while True:
    connection, _ = listener.accept()
    connection.recv(4096)
    connection.sendall(b"HTTP/1.1 204 No Content\\r\\nConnection: close\\r\\n\\r\\n")
    connection.close()
"""


@scenario(modes=["ebpf"])
def executed_by_another_thread(context):
    """The kernel gives the thread that executes the id of its process's first one."""
    process = subprocess.Popen([running.PYTHON, "-c", EXECUTES, ANSWERS], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, text=True)
    try:
        observation = context.attach(process.pid).wait_attached()
        process.stdin.write("\n")
        process.stdin.flush()
        port = int(process.stdout.readline())
        for i in range(5):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/{i}", timeout=10).read()
        check_equal(observation.stop(), 0, "exit status")
    finally:
        process.kill()
        process.wait()
    requests = context.requests()
    check_equal(len(requests), 5, "requests")
    for row in requests:
        check_equal((row["pid"], row["tid"]), (process.pid, process.pid), "who served it")
        check(row["on_cpu_ns"] is not None, f"its times are known: {row}")


# Each child answers one connection and ends; the next one gets the same process id.
REUSING = """
import os, socket, sys, time
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("listening", flush=True)
pid = 0
for number in range(int(sys.argv[2])):
    if pid:
        with open("/proc/sys/kernel/ns_last_pid", "w") as last:
            last.write(str(pid - 1))
    pid = os.fork()
    if pid == 0:
        peer, _ = listener.accept()
        peer.recv(1000)
        peer.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\nConnection: close\\r\\n\\r\\n")
        os._exit(0)
    os.waitpid(pid, 0)
    print(pid, flush=True)
    time.sleep(0.2)
"""


class Reusing(running.Server):
    name = "reusing"
    children = 8

    def command(self):
        return [running.PYTHON, "-c", REUSING, str(self.port), str(self.children)]

    def ready(self):  # a connection would take a child
        return "listening" in self.output.read_text()

    def pids(self):
        return [int(line) for line in self.output.read_text().split()[1:]]


@scenario(modes=["ebpf"])
def one_process_id_many_processes(context):
    """An id that is used again within a second is another process."""
    try:
        open("/proc/sys/kernel/ns_last_pid", "w").close()
    except OSError as error:
        raise harness.Skip(f"process ids cannot be chosen here: {error}") from error
    observed = context.observe(Reusing)
    server = observed.server
    for i in range(server.children):
        urllib.request.urlopen(f"http://127.0.0.1:{server.port}/{i}", timeout=10).read()
        running.wait_until(lambda i=i: len(server.pids()) > i, 10, "the child's end")
    observed.finish()
    pids = server.pids()
    check(len(set(pids)) < len(pids), f"ids were used again: {pids}")
    found = [row for row in rows(context, "process") if row["pid"] in pids]
    check_equal(sorted(row["pid"] for row in found), sorted(pids), "processes")
    check_equal({row["requests"] for row in found}, {1}, "requests of each")
    check_equal(len({(row["pid"], row["start_ticks"]) for row in found}), len(pids), "identities")
    check_equal({row["alive"] for row in found}, {"no"}, "they have ended")


if __name__ == "__main__":
    harness.main()

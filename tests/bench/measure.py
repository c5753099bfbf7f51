"""One measurement: a server under a bounded load, what it served and what that cost it."""
import dataclasses
import os
import pathlib
import re
import subprocess
import time


@dataclasses.dataclass
class Figures:
    """Of one load. Times in seconds, sizes in bytes; None where it does not apply."""

    requests: int
    throughput: float  # requests a second
    p99_ms: float
    server_cpu_us: float  # per request, of all the server's processes
    observer_cpu_us: float | None = None  # per request
    observer_rss: int | None = None  # peak
    seen: float | None = None  # requests that the observer counted / lines in the access log
    lost: int | None = None  # records, by the observer's own count


def cpu_ns(pids):
    """CPU time of all living threads of these processes, from the scheduler's own account."""
    total = 0
    for pid in pids:
        for task in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat"):
            total += int(task.read_text().split()[0])
    return total


def peak_rss(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status).group(1)) * 1024


UNITS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4}


def wrk(url, connections, seconds):
    """(requests, requests a second, p99 in ms); anything but answers is an error."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", url]
    text = subprocess.run(command, check=True, capture_output=True, text=True,
                          timeout=seconds * 3 + 30).stdout
    if "Socket errors" in text or "Non-2xx" in text:
        raise RuntimeError(f"the load met errors:\n{text}")
    p99 = re.search(r"99%\s+([\d.]+)(us|ms|s|m)\b", text)
    return (int(re.search(r"(\d+) requests in", text).group(1)),
            float(re.search(r"Requests/sec:\s+([\d.]+)", text).group(1)),
            float(p99.group(1)) * UNITS[p99.group(2)])


def wait_until_quiet(pid):
    """Until the observer has digested what it put off: it uses less than 5% of a CPU."""
    for _ in range(60):
        before = cpu_ns([pid])
        time.sleep(0.5)
        if cpu_ns([pid]) - before < 25e6:
            return
    raise RuntimeError("the observer does not come to rest after the load")


def measure(server, target, connections, seconds, observer_pid=None):
    """Loads the server, after a short warm-up, and reads the accounts around the load."""
    wrk(server.url(target), connections, 1)
    if observer_pid:
        wait_until_quiet(observer_pid)
    pids = [server.pid, *server.workers()]
    before = cpu_ns(pids)
    observer_before = cpu_ns([observer_pid]) if observer_pid else 0
    requests, throughput, p99_ms = wrk(server.url(target), connections, seconds)
    after = cpu_ns(pids)
    figures = Figures(requests, throughput, p99_ms, (after - before) / 1e3 / requests)
    if observer_pid:
        wait_until_quiet(observer_pid)  # what it has put off is part of its bill
        figures.observer_cpu_us = (cpu_ns([observer_pid]) - observer_before) / 1e3 / requests
        figures.observer_rss = peak_rss(observer_pid)
    return figures


def kernel_and_cpus():
    return {"kernel": os.uname().release, "cpus": os.cpu_count()}

"""nginx in front of gunicorn over a unix socket, both observed by one pinfo: each hop once."""
import collections

import harness
import running
import traffic
from harness import check, check_equal, scenario

REQUESTS = 120


class UnixGunicorn(running.Gunicorn):
    """Listens on a unix socket only; its port is never opened."""

    def socket_path(self):
        return self.root / "gunicorn.sock"

    def command(self):
        words = super().command()
        words[words.index("--bind") + 1] = f"unix:{self.socket_path()}"
        return words

    def ready(self):
        return self.socket_path().exists() and len(self.workers_if_any()) >= self.worker_count


class Proxy(running.Nginx):
    backend = None

    def prepare(self):
        super().prepare()
        path = self.root / "nginx.conf"
        text = path.read_text()
        at = text.index("location") if "location" in text else text.rindex("}", 0, text.rindex("}"))
        proxied = f"location /list {{ proxy_pass http://unix:{self.backend}; }}\n        "
        path.write_text(text[:at] + proxied + text[at:])


def both_hops(context, probes):
    gunicorn = context.start(UnixGunicorn, workers=2)
    Proxy.backend = gunicorn.socket_path()
    nginx = context.start(Proxy)
    observation = context.attach(nginx.pid, gunicorn.pid, "--probes", probes).wait_attached()
    traffic.parallel(nginx.port, [("GET", f"/list?i={i}") for i in range(REQUESTS)], 4)
    check_equal(observation.stop(), 0, "exit status of attach")
    rows = context.requests()
    front = set(nginx.workers())
    by_hop = collections.Counter(
        ("nginx" if row["pid"] in front else "gunicorn", row["method"], row["status"],
         row["outcome"]) for row in rows)
    check_equal(by_hop, {("nginx", "GET", 200, "complete"): REQUESTS,
                         ("gunicorn", "GET", 200, "complete"): REQUESTS}, "requests by hop")
    compare_times([row for row in rows if row["pid"] in front],
                  [row for row in rows if row["pid"] not in front])


def compare_times(front, back):
    """While the back end works, the proxy's request is waiting: its thread serves others."""
    for row in front + back:
        parts = [row[name] for name in ("on_cpu_ns", "blocked_ns", "runqueue_ns", "waiting_ns")]
        check(None not in parts, f"the time split is known: {row}")
        check_equal(sum(parts), row["latency_ns"], f"parts of {row['target']} added up")
    waiting = sum(row["waiting_ns"] for row in front)
    served = sum(row["latency_ns"] for row in back)
    whole = sum(row["latency_ns"] for row in front)
    print(f"proxy: waiting {waiting / 1e6:.1f} of {whole / 1e6:.1f} ms, back end {served / 1e6:.1f}")
    # Not all of it: the proxy may still be sending, or be kept from a CPU, while it is served.
    check(waiting >= 0.5 * served, f"{waiting} ns waiting, {served} ns served by the back end")
    check_equal(sum(row["waiting_ns"] for row in back), 0, "waiting in sync workers")


@scenario(modes=["ebpf"])
def socket_probes(context):
    both_hops(context, "socket")


@scenario(modes=["ebpf"])
def syscall_probes(context):
    both_hops(context, "syscall")


if __name__ == "__main__":
    harness.main()

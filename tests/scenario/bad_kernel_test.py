"""Kernels that do not take all of pinfo: what is off is named, the rest works, or it says why not."""
import os
import subprocess

import harness
import running
import traffic
from harness import Skip, check, check_equal, scenario


def attach(context, server, *programs):
    """`pinfo attach` on a kernel that refuses these programs, six requests, and its messages."""
    before = dict(os.environ)
    os.environ["LD_PRELOAD"] = str(harness.built("PINFO_REFUSING_KERNEL"))
    os.environ["PINFO_REFUSED_PROGRAMS"] = ",".join(programs)
    try:
        observation = context.attach(server.pid)
    finally:
        os.environ.clear()
        os.environ.update(before)
    observation.wait_attached()
    for i in range(6):
        check_equal(traffic.send(server.port, "GET", f"/bytes?n={i}")[0], 200, "the server's answer")
    check_equal(observation.stop(), 0, f"exit status, with {observation.text}")
    return observation.text


def check_named(text, *features):
    for feature in features:
        check(any(feature in line and " off" in line for line in text.splitlines()),
              f"that '{feature}' is off is said: {text}")


@scenario(modes=["ebpf"])
def refuses_what_pinfo_can_do_without(context):
    server = context.start(running.ThreadedServer)
    text = attach(context, server, "sched_switch", "sample", "tls_enter", "inet_sock_set_state",
                  "task_newtask")
    check_named(text, "stacks of waits", "the split into on-CPU, blocked and run queue time",
                "stack samples", "the plaintext of TLS connections", "the end of connections",
                "following new processes")
    check_equal([(row["target"], row["status"], row["outcome"]) for row in context.requests()],
                [(f"/bytes?n={i}", 200, "complete") for i in range(6)], "requests all the same")


@scenario(modes=["ebpf"])
def refuses_the_socket_tracepoints(context):
    """System calls are watched then; where these are refused as well, nothing can be timed."""
    server = context.start(running.ThreadedServer)
    text = attach(context, server, "sock_recv_length")
    check("system calls are watched instead" in text, f"what is done instead is said: {text}")
    check_equal(len(context.requests()), 6, "requests all the same")

    done = subprocess.run([context.pinfo_path, "--db", context.database, "attach", str(server.pid),
                           "--duration", "1s"], capture_output=True, text=True, timeout=60,
                          env=dict(context.environment(),
                                   LD_PRELOAD=str(harness.built("PINFO_REFUSING_KERNEL")),
                                   PINFO_REFUSED_PROGRAMS="sock_send_length,sys_exit"))
    check_equal(done.returncode, 1, f"exit status without either, with {done.stderr}")
    check(done.stderr.startswith("pinfo: ") and "refused the program sys_exit" in done.stderr,
          f"the message: {done.stderr}")
    check_equal(traffic.send(server.port, "GET", "/bytes?n=1")[0], 200, "the server's answer")


@scenario(modes=["ebpf"])
def has_no_btf(context):
    server = context.start(running.ThreadedServer)
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /sys/kernel/btf && exec "$@"', "sh",
         context.pinfo_path, "--db", context.database, "attach", str(server.pid), "--duration",
         "1s"], capture_output=True, text=True, timeout=30)
    if done.stderr.startswith(("unshare:", "mount:")):
        raise Skip(f"nothing can be mounted here: {done.stderr.strip()}")
    check_equal(done.returncode, 1, f"exit status, with {done.stderr}")
    check(done.stderr.startswith("pinfo: ") and "BTF" in done.stderr
          and "pinfo run" in done.stderr, f"why, and what to do instead: {done.stderr}")
    check_equal(traffic.send(server.port, "GET", "/bytes?n=1")[0], 200, "the server's answer")


if __name__ == "__main__":
    harness.main()

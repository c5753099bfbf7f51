"""Targets that cannot be observed: a clear message, a non-zero exit, and no server hurt."""
import os
import pathlib
import subprocess
import time

import harness
import running
import traffic
from harness import NOBODY, Skip, check, check_equal, scenario


def refused(done, *words):
    """It failed with status 1 and a message in which each of the words, any case, occurs."""
    check_equal(done.returncode, 1, f"exit status, with {done.stderr!r}")
    check(done.stderr.startswith("pinfo: "), f"the message is pinfo's: {done.stderr!r}")
    for word in words:
        check(word.lower() in done.stderr.lower(), f"{word!r} is in the message: {done.stderr!r}")


def attach(context, *words, uid=None):
    return context.pinfo("attach", *words, "--duration", "2s", uid=uid, status=None)


@scenario(modes=["ebpf"])
def no_such_process(context):
    gone = subprocess.Popen(["/bin/true"])
    gone.wait()
    refused(attach(context, gone.pid), str(gone.pid))
    refused(attach(context, 2**22 + 1), str(2**22 + 1))
    for nonsense in ("0", "-5", "nginx", "1e3", "99999999999999999999"):
        done = attach(context, nonsense)
        check(done.returncode in (1, 2) and done.stderr, f"pid {nonsense}: {done}")


@scenario(modes=["ebpf"])
def kernel_thread(context):
    if pathlib.Path("/proc/2/comm").read_text() != "kthreadd\n":
        raise Skip("pid 2 is no kernel thread in this pid namespace")
    refused(attach(context, 2), "2", "kernel thread")


@scenario(modes=["ebpf"])
def nothing_to_attach_to(context):
    check_equal(context.pinfo("attach", status=None).returncode, 2, "exit status without a target")


@scenario(modes=["ebpf"])
def no_permission(context):
    server = context.start(running.ThreadedServer)
    os.chown(context.home, NOBODY, NOBODY)
    refused(attach(context, server.pid, uid=NOBODY), "permission", "sudo")
    check_equal(traffic.send(server.port, "GET", "/bytes?n=3"), (200, b"xxx"), "the answer")


@scenario(modes=["ebpf"])
def ends_meanwhile(context):
    """pinfo ends with its target, with everything stored."""
    server = context.start(running.ThreadedServer)
    observation = context.attach(server.pid).wait_attached()
    for i in range(20):
        traffic.send(server.port, "GET", f"/bytes?n={i}")
    server.stop()
    begin = time.monotonic()
    check_equal(observation.wait(10), 0, f"exit status of attach:\n{observation.text}")
    check(time.monotonic() - begin < 5, "pinfo ended soon after its target")
    check_equal(len(context.requests()), 20, "requests stored")


@scenario(modes=["ebpf"])
def second_observer(context):
    """Another pinfo on the same process is refused; the first one goes on undisturbed."""
    server = context.start(running.ThreadedServer)
    first = context.attach(server.pid).wait_attached()
    refused(attach(context, server.pid), str(server.pid), "already")
    for i in range(20):
        traffic.send(server.port, "GET", f"/bytes?n={i}")
    check_equal(first.stop(), 0, "exit status of the first")
    check_equal(len(context.requests()), 20, "requests, each once")
    again = context.attach(server.pid).wait_attached()
    check_equal(again.stop(), 0, "exit status of an attach after the first has ended")


@scenario(modes=["ebpf"])
def ends_with_its_target(context):
    """A child that nobody waits for, and pinfo's own place below the target, do not keep it on."""
    code = "import os, time\nif os.fork() == 0: os._exit(0)\ntime.sleep(3)"
    target = subprocess.Popen(["/usr/bin/python3", "-c", code])
    time.sleep(0.3)
    observer = context.attach(target.pid).wait_attached()
    target.wait()
    check_equal(observer.wait(seconds=5), 0, "exit status after the target's end")
    shell = subprocess.run(
        ["sh", "-c", f"{context.pinfo_path} --db {context.database} attach $$ --duration 20s & "
         "sleep 2"], capture_output=True, text=True, timeout=30)
    check("attached" in shell.stderr, f"attached to its own ancestor: {shell.stderr!r}")


@scenario(modes=["ebpf"])
def nobody_reads_the_messages(context):
    server = context.start(running.ThreadedServer)
    with open("/dev/full", "w") as full:
        done = subprocess.run([context.pinfo_path, "--db", context.database, "attach",
                               str(server.pid), "--duration", "1s"], stderr=full, timeout=30)
    check_equal(done.returncode, 0, "exit status with a full stderr")


@scenario(modes=["ebpf"])
def another_pid_namespace(context):
    server = context.start(running.ThreadedServer)
    done = subprocess.run(["unshare", "--pid", "--fork", "--mount-proc", context.pinfo_path, "--db",
                           context.database, "attach", "1", "--duration", "1s"],
                          capture_output=True, text=True, timeout=30)
    if done.stderr.startswith("unshare:"):
        raise Skip(f"no pid namespaces here: {done.stderr.strip()}")
    refused(done, "pid namespace", "host")
    check_equal(traffic.send(server.port, "GET", "/bytes?n=1")[0], 200, "the server's answer")


@scenario(modes=["ebpf"])
def second_observer_of_a_family(context):
    """A worker and its master are not to be observed by two, whichever comes first."""
    server = context.start(running.Nginx, workers=1)
    worker = server.workers()[0]
    first = context.attach(server.pid).wait_attached()
    refused(attach(context, worker), str(worker), str(server.pid))
    check_equal(first.stop(), 0, "exit status of the master's observer")
    first = context.attach(worker).wait_attached()
    refused(attach(context, server.pid), str(worker))
    alone = attach(context, server.pid, "--no-children")
    check_equal(alone.returncode, 0, f"exit status of the master alone: {alone.stderr}")
    check_equal(first.stop(), 0, "exit status of the worker's observer")


@scenario(modes=["ebpf"])
def without_ptrace_capability(context):
    """Another user's descriptors cannot be looked at then; its requests are timed all the same."""
    if os.geteuid() != 0:
        raise Skip("only root can give a capability away")
    server = context.start(running.ThreadedServer, uid=NOBODY)
    python = context.start(running.PythonApp, uid=NOBODY)
    observer = harness.Observation(
        ["setpriv", "--bounding-set", "-sys_ptrace", "--inh-caps", "-sys_ptrace",
         context.pinfo_path, "--db", context.database, "attach", server.pid, python.pid,
         "--duration", "3s"],
        env=context.environment(), cwd=context.folder)
    context.started.append(observer)
    observer.wait_attached()
    for i in range(10):
        traffic.send(server.port, "GET", f"/bytes?n={i}")
        traffic.send(python.port, "GET", f"/burn?ms=20&share=50&n={i}")
    check_equal(observer.wait(), 0, f"exit status:\n{observer.text}")
    check_equal(len(context.requests()), 20, "requests")
    check("CAP_SYS_PTRACE: its native frames are shown; run pinfo as root" in observer.text,
          f"why Python has no names, and what to do: {observer.text}")


@scenario(modes=["preload"])
def preload_cannot_reach(context):
    """Static and set-uid programs ignore LD_PRELOAD: said at once, with what to do instead."""
    static = context.subfolder("static") / "static_server"
    source = "int main(void) { return 0; }"
    built = subprocess.run(["cc", "-static", "-x", "c", "-o", str(static), "-"], input=source,
                           text=True, capture_output=True)
    check_equal(built.returncode, 0, f"compiling a static program: {built.stderr}")
    refused(context.pinfo("run", "--", static, status=None), "static", "attach")
    refused(context.pinfo("run", "--", "/usr/bin/passwd", "--help", status=None), "attach")


@scenario(modes=["preload"])
def command_not_found(context):
    done = context.pinfo("run", "--", "/nonexistent/server", status=None)
    check(done.returncode in (1, 126, 127), f"exit status {done.returncode}")
    check("/nonexistent/server" in done.stderr, f"message {done.stderr!r}")
    check_equal(context.pinfo("run", status=None).returncode, 2, "exit status without a command")


if __name__ == "__main__":
    harness.main()

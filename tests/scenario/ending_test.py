"""However it ends, by Ctrl-C, SIGTERM or SIGKILL of either side: what was seen is in the store."""
import os
import signal
import time

import harness
import running
import traffic
from harness import check, check_equal, scenario


def targets(rows):
    return sorted(row["target"] for row in rows)


def send_numbered(server, first, count):
    requests = [("GET", f"/bytes?n=1&i={i}") for i in range(first, first + count)]
    traffic.keep_alive(server.port, requests)
    return [target for _, target in requests]


def ends_by(context, number):
    """A signal right after the last answer."""
    if context.mode == "ebpf":
        server = context.start(running.ThreadedServer)
        observation = context.attach(server.pid).wait_attached()
        sent = send_numbered(server, 0, 300)
        check_equal(observation.stop(number), 0, f"exit status:\n{observation.text}")
        check_equal(traffic.send(server.port, "GET", "/bytes?n=2")[1], b"xx", "the server lives")
    else:
        observed = context.observe(running.ThreadedServer)
        sent = send_numbered(observed.server, 0, 300)
        check_equal(observed.server.stop(number), 0, "the server's exit status, handed on")
    check_equal(targets(context.requests()), sorted(sent), "requests")


@scenario()
def interrupt(context):
    ends_by(context, signal.SIGINT)


@scenario()
def terminate(context):
    ends_by(context, signal.SIGTERM)


@scenario(modes=["ebpf"])
def duration(context):
    server = context.start(running.ThreadedServer)
    observation = context.attach(server.pid, "--duration", "2s").wait_attached()
    sent = send_numbered(server, 0, 50)
    check_equal(observation.wait(10), 0, "exit status")
    send_numbered(server, 1000, 5)
    check_equal(targets(context.requests()), sorted(sent), "requests of these two seconds")


@scenario()
def target_killed(context):
    observed = context.observe(running.ThreadedServer)
    server = observed.server
    sent = send_numbered(server, 0, 200)
    os.kill(server.pid, signal.SIGKILL)
    if observed.observation is not None:
        check_equal(observed.observation.wait(10), 0, f"exit status:\n{observed.text}")
        server.process.wait(10)
    else:
        check(server.process.wait(10) in (128 + signal.SIGKILL, -signal.SIGKILL),
              f"pinfo run tells that the server was killed: {server.process.returncode}")
    check_equal(targets(context.requests()), sorted(sent), "requests")
    check(harness.database_is_sound(context.database), "the database is sound")


@scenario()
def pinfo_killed(context):
    """The server goes on, the database opens, a new pinfo takes over."""
    observed = context.observe(running.ThreadedServer)
    server = observed.server
    server_pid = server.pid
    sent = send_numbered(server, 0, 200)
    running.wait_until(lambda: len(context.requests()) == 200, 10, "requests in the store")
    killed = observed.observation.process if observed.observation else server.process
    killed.kill()
    killed.wait()
    try:
        check(running.alive(server_pid), "the server lives on")
        answers = [traffic.send(server.port, "GET", f"/bytes?n={i}")[0] for i in range(50)]
        check_equal(answers, [200] * 50, "statuses of a server that is no longer observed")
        check(harness.database_is_sound(context.database), "the database is sound")
        check_equal(targets(context.requests()), sorted(sent), "requests stored before")
        if context.mode == "ebpf":
            again = context.attach(server_pid).wait_attached()
            more = send_numbered(server, 500, 20)
            check_equal(again.stop(), 0, "exit status of a second attach")
            check_equal(targets(context.requests()), sorted(sent + more), "requests of both")
    finally:
        if context.mode == "preload":  # no longer a child of anything that this process started
            os.kill(server_pid, signal.SIGTERM)
            time.sleep(0.2)


@scenario(modes=["preload"])
def collect_beside_and_after(context):
    """A server started with LD_PRELOAD alone: its rings are drained while it runs and after."""
    refused = context.pinfo("collect", "--dir", context.home / "rinsg", status=1)
    check("rinsg" in refused.stderr, f"a directory that is not there: {refused.stderr!r}")
    check(not (context.home / "rinsg").exists(), "a directory that was not there has been made")
    folder = context.subfolder("rings")
    env = dict(context.environment(), LD_PRELOAD=str(context.preload_path),
               PINFO_RING_DIR=str(folder))
    server = context.start(running.ThreadedServer, env=env, workers=2)
    sent = send_numbered(server, 0, 100)
    context.pinfo("collect", "--dir", folder, "--duration", "2s")
    check_equal(targets(context.requests()), sorted(sent), "requests while the server runs")
    sent += send_numbered(server, 100, 100)
    server.stop()
    context.pinfo("collect", "--dir", folder, "--duration", "2s")
    check_equal(targets(context.requests()), sorted(sent), "requests after its end")


if __name__ == "__main__":
    harness.main()

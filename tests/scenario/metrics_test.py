"""Own metrics on a running collector: Debian's StatsD client, scripts, and metrics of requests,
functions, queries and commands that no code was changed for."""
import os
import shutil
import signal
import socket
import subprocess

import harness
import running
import traffic
from harness import check, check_equal, scenario

CONFIG = """
[statsd]
unix = "{socket}"
flush = "200ms"

[[metric]]
name = "burns"
title = "Burns"
group = "Work"
request = "GET /burn"
status = "2xx"

[[metric]]
name = "kept"
query = "SELECT count(*) FROM process"
every = "1s"

[[metric]]
name = "answer"
command = "echo the answer is 42.5"
every = "1s"
"""


def configure(context, text):
    path = context.home / "pinfo.toml"
    path.write_text(text)
    path.chmod(0o644)
    return path


def metric(context, name):
    """The line of `pinfo metric list --json`; None where there is none."""
    if not context.database.exists():
        return None
    rows = context.json_lines("metric", "list", status=None)
    return next((row for row in rows if row["name"] == name), None)


def wait_metric(context, name, condition, what):
    found = [None]

    def look():
        found[0] = metric(context, name)
        return found[0] is not None and condition(found[0])
    try:
        running.wait_until(look, 10, what)
    except TimeoutError as error:
        raise harness.Failure(f"{error}; found {found[0]}")
    return found[0]


@scenario()
def without_code(context):
    """What the configuration declares is counted; the report has its title."""
    path = context.home / "statsd.sock"
    config = configure(context, CONFIG.format(socket=path))
    observed = context.observe(running.ThreadedServer, "--config", config)
    for i in range(5):
        traffic.send(observed.server.port, "GET", f"/burn?ms=5&n={i}")
    traffic.send(observed.server.port, "GET", "/other")
    running.wait_until(path.exists, 10, "the StatsD socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
        client.connect(str(path))
        client.send(b"jobs:3|c\njobs:1|c|@0.5\nnot statsd\n")
        client.send(b"depth:7|g|#queue:mail")
    burns = wait_metric(context, "burns", lambda row: row["count"] >= 5, "five burns")
    check_equal(burns["count"], 5, "burns")
    check_equal((burns["title"], burns["group"], burns["unit"]), ("Burns", "Work", "ms"), "burns")
    check(burns["sum"] >= 5 * 5, f"their latencies in ms add up: {burns}")
    jobs = wait_metric(context, "jobs", lambda row: row["sum"] >= 5, "the jobs")
    check_equal((jobs["count"], jobs["sum"], jobs["kind"]), (3, 5, "counter"), "jobs")
    check_equal(wait_metric(context, "depth", lambda row: True, "the gauge")["last"], 7, "gauge")
    wait_metric(context, "kept", lambda row: row["last"] >= 1, "a process by query")
    wait_metric(context, "answer", lambda row: row["last"] == 42.5, "the command's number")
    refused = context.pinfo("metric", "list").stderr
    check("statsd_malformed_lines: 1" in refused, f"what was refused is told: {refused}")
    points = context.json_lines("metric", "show", "depth", "--by", "hour")
    check_equal([(row["tags"], row["last"]) for row in points], [("queue:mail", 7)], "by hour")
    observed.finish()


@scenario(modes=("preload",))
def client_library(context):
    """Debian's python3-statsd, over UDP, while a server is observed."""
    port = running.free_port()
    observed = context.observe(running.ThreadedServer, "--statsd", port)
    program = f"""
import statsd
client = statsd.StatsClient("127.0.0.1", {port}, prefix="app")
for i in range(100):
    client.incr("hits")
client.incr("bytes", 1000)
client.decr("bytes", 250)
client.gauge("temperature", 20)
client.gauge("temperature", -3, delta=True)
client.set("users", "ann")
client.set("users", "bob")
client.set("users", "ann")
client.timing("query", 120)
with client.timer("block"):
    pass
with client.pipeline() as batch:
    for i in range(50):
        batch.incr("batched")
"""
    running.wait_until(lambda: "listening for StatsD on" in observed.text, 10, "StatsD")
    done = subprocess.run([running.PYTHON, "-c", program], capture_output=True, text=True)
    check_equal(done.returncode, 0, f"the client library: {done.stderr}")
    observed.finish()
    sums = {row["name"]: row for row in context.json_lines("metric", "list")}
    check_equal(sums["app.hits"]["sum"], 100, "hits")
    check_equal(sums["app.bytes"]["sum"], 750, "bytes")
    check_equal(sums["app.temperature"]["last"], 17, "temperature")
    check_equal(sums["app.users"]["sum"], 2, "distinct users")
    check_equal(sums["app.query"]["sum"], 120, "query")
    check_equal(sums["app.batched"]["sum"], 50, "batched")
    check_equal(sums["app.block"]["count"], 1, "block")


@scenario(modes=("ebpf",))
def probe_and_reload(context):
    """A function's calls by uprobe; SIGHUP reads the configuration anew, errors leave the old one."""
    # A file of its own: the C library's would count what every process of the machine calls.
    libc = shutil.copy("/lib/x86_64-linux-gnu/libc.so.6", context.binaries / "libc.so.6")
    config = configure(context, f'[statsd]\nflush = "200ms"\n\n[[metric]]\nname = "calls"\n'
                                f'probe = "{libc}:getppid"\n')
    server = context.start(running.ThreadedServer)
    observation = context.attach("--config", config, server.pid).wait_attached()
    program = "import os\nfor i in range(1000):\n    os.getppid()\n"
    subprocess.run([running.PYTHON, "-c", program], check=True,
                   env=dict(os.environ, LD_LIBRARY_PATH=str(context.binaries)))
    calls = wait_metric(context, "calls", lambda row: row["sum"] >= 1000, "a thousand calls")
    check_equal(calls["sum"], 1000, "calls counted")
    config.write_text('[[metric]]\nname = "calls"\ncolour = "red"\n')
    observation.process.send_signal(signal.SIGHUP)
    running.wait_until(lambda: "the old one stays in force" in observation.text, 10, "a refusal")
    check(f"{config}:3:1: metric 'calls': there is no setting 'colour'" in observation.text,
          f"the place is told: {observation.text}")
    config.write_text('[[metric]]\nname = "new one"\ntitle = "New"\n')
    observation.process.send_signal(signal.SIGHUP)
    running.wait_until(lambda: "was read anew" in observation.text, 10, "the new configuration")
    check_equal(wait_metric(context, "new one", lambda row: True, "the new metric")["title"], "New",
                "title")
    traffic.send(server.port, "GET", "/after")
    check_equal(observation.stop(), 0, "exit status after reloads\n" + observation.text)
    check("/after" in [row["target"] for row in context.requests()], "it went on collecting")


@scenario(modes=("preload",))
def from_scripts(context):
    """pinfo metric add: count and sum are both kept; what is wrong is said."""
    context.pinfo("metric", "add", "sold", "--tag", "shop:a")
    context.pinfo("metric", "add", "sold", 5, "--tag", "shop:b")
    context.pinfo("metric", "add", "level", "10", "--kind", "gauge")
    context.pinfo("metric", "add", "level", "+5")
    context.pinfo("metric", "add", "level", "--", "-3")
    sold = metric(context, "sold")
    check_equal((sold["count"], sold["sum"], sold["series"]), (2, 6, 2), "sold")
    check_equal(metric(context, "level")["last"], 12, "level")
    for words in (["add", "bad:name"], ["add", "x", "many"], ["add", "", "1"],
                  ["add", "level", "1", "--kind", "counter"], ["show", "nothing"],
                  ["remove", "sold"], ["add", "x", "nan"]):
        refused = context.pinfo("metric", *words, status=1)
        check(refused.stderr.startswith("pinfo: "), f"{words}: {refused.stderr}")
    context.pinfo("metric", status=2)
    context.pinfo("metric", "remove", "sold", "--yes")
    check(metric(context, "sold") is None, "it is removed")
    broken = configure(context, "[[metric]]\nname = \n")
    check(f"{broken}:2:" in context.pinfo("--config", broken, "metric", "add", "x", status=1).stderr,
          "the configuration's problem has its place")


if __name__ == "__main__":
    harness.main()

"""Monitors on a running collector, pinfo check, and messages through a real SMTP server, sendmail, a
webhook and a command."""
import email
import email.policy
import http.server
import json
import os
import pathlib
import subprocess
import threading
import time

import harness
import running
import traffic
from harness import check, check_equal, scenario

MONITORS = """
[monitoring]
every = "1s"

[[metric]]
name = "jobs"

[[monitor]]
name = "errors"
title = "Errors of the shop"
group = "Shop"
error_rate = "/**"
warning = "5%"
problem = "20%"

[[monitor]]
name = "slow"
latency = "/sleep*"
percentile = 50
warning = "10s"

[[monitor]]
name = "memory"
memory = "*threaded*"
problem = "100GB"

[[monitor]]
name = "backup"
age_of_file = "{file}"
warning = "1h"
problem = "2h"

[[monitor]]
name = "plugin"
command = "echo 'disk is filling | disk=91%;90;95'; exit 1"

[[monitor]]
name = "jobs"
metric = "jobs"
figure = "sum"
below = true
problem = 0
no_value = "problem"
"""


def start_smtp(context, *options):
    """Debian's aiosmtpd, which puts each mail into a Maildir."""
    port = running.free_port()
    folder = context.folder / f"mail-{port}"
    process = subprocess.Popen(
        [running.PYTHON, "-m", "aiosmtpd", "-n", "-l", f"127.0.0.1:{port}", "-c",
         "aiosmtpd.handlers.Mailbox", str(folder), *options],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        cwd=context.folder)
    context.started.append(Started(process))
    running.wait_until(lambda: running.accepts(port), 10, "the mail server")
    return port, folder


class Started:
    """A child as the harness ends one."""
    name = "helper"

    def __init__(self, process):
        self.process = process
        self.output = pathlib.Path("/nonexistent")

    def stop(self):
        self.process.terminate()
        self.process.wait(10)


def mails(folder):
    found = []
    for path in sorted((folder / "new").glob("*"), key=lambda each: each.stat().st_mtime_ns):
        found.append(email.message_from_bytes(path.read_bytes(), policy=email.policy.default))
    return found


def wait_mails(folder, count, what):
    try:
        running.wait_until(lambda: len(mails(folder)) >= count, 15, what)
    except TimeoutError as error:
        raise harness.Failure(f"{error}; {[mail['Subject'] for mail in mails(folder)]}")
    return mails(folder)


def write(context, name, text):
    path = context.home / name
    path.write_text(text)
    path.chmod(0o644)
    return path


def levels(context, config, status):
    rows = context.json_lines("--config", config, "check", status=status)
    return {row["name"]: row["level"] for row in rows}, rows


@scenario()
def levels_of_a_server(context):
    """Each kind of monitor against a server whose errors and latencies are known."""
    stamp = write(context, "backup.stamp", "x")
    config = write(context, "monitors.toml", MONITORS.format(file=stamp))
    observed = context.observe(running.ThreadedServer, "--config", config)
    port = observed.server.port
    for _ in range(9):
        traffic.send(port, "GET", "/sleep?ms=5")
    traffic.send(port, "GET", "/status?code=500")
    context.pinfo("metric", "add", "jobs", 3)

    def settled():
        found, rows = levels(context, config, None)
        return found.get("errors") == "warning" and found["memory"] == "fine"
    try:
        running.wait_until(settled, 10, "the error rate")
    except TimeoutError as error:
        raise harness.Failure(f"{error}: {levels(context, config, None)}")
    found, rows = levels(context, config, 1)
    check_equal(found, {"errors": "warning", "plugin": "warning", "slow": "fine", "memory": "fine",
                        "backup": "fine", "jobs": "fine"}, "levels")
    check_equal([row["level"] for row in rows][:2], ["warning", "warning"], "worst first")
    errors = next(row for row in rows if row["name"] == "errors")
    check_equal((errors["value"], errors["unit"], errors["group"]), (10.0, "%", "Shop"), "errors")
    line = context.pinfo("--config", config, "check", "--nagios", "errors", "slow", status=1).stdout
    check(line.startswith("PINFO WARNING: warning Errors of the shop (10%"), line)
    check("'errors'=10%;5;20" in line and "'slow'=0.00" in line and "s;10;" in line, line)
    running.wait_until(lambda: "fine" in context.pinfo("check", "--history", "backup").stdout, 10,
                       "the collector's first look")
    old = time.time() - 3 * 3600
    os.utime(stamp, (old, old))
    check_equal(levels(context, config, 2)[0]["backup"], "problem", "an old file")
    stamp.unlink()
    check_equal(levels(context, config, 2)[0]["backup"], "problem", "a file that is not there")
    running.wait_until(lambda: "problem" in context.pinfo("check", "--history", "backup").stdout,
                       10, "the collector's own finding")
    history = context.json_lines("check", "--history", "backup")
    check_equal([row["level"] for row in history], ["problem", "fine"], "history, newest first")
    observed.finish()


@scenario(modes=("preload",))
def instant_and_recovery(context):
    """One mail when it is not fine, none more while it stays so, also across restarts; one when it is
    fine again. A mail server that hangs or refuses delays nothing and loses nothing."""
    smtp, folder = start_smtp(context)
    flag = write(context, "flag", "0")
    state = f"""
[monitoring]
every = "1s"

[mail]
smtp = "smtp://127.0.0.1:{smtp}"
starttls = "never"
from = "status@example.org"

[[person]]
name = "ann"
mail = "ann@example.org"

[[monitor]]
name = "flag"
title = "Flagge <ö>"
command = "echo 'the flag is up'; exit $(cat {flag})"
every = "1s"
text.problem = "problem: {{text}}"
"""
    config = write(context, "monitors.toml", state)
    for run in range(2):
        observed = context.observe(running.ThreadedServer, "--config", config)
        traffic.send(observed.server.port, "GET", f"/run-{run}")
        if run == 0:
            time.sleep(3)
            check_equal(mails(folder), [], "while all is fine")
            flag.write_text("2")
            wait_mails(folder, 1, "the problem's mail")
        time.sleep(3)
        check_equal(len(mails(folder)), 1, f"mails in run {run}")
        if run == 1:
            flag.write_text("0")
            wait_mails(folder, 2, "the recovery's mail")
        observed.finish()
    first, second = mails(folder)
    check(first["Subject"].endswith("problem: Flagge <ö>"), f"subject {first['Subject']}")
    check(second["Subject"].endswith("fine: Flagge <ö>"), f"subject {second['Subject']}")
    check_equal((first["From"].addresses[0].addr_spec, first["To"].addresses[0].addr_spec),
                ("status@example.org", "ann@example.org"), "addresses")
    text = first.get_body(("plain",)).get_content()
    page = first.get_body(("html",)).get_content()
    check("problem: the flag is up" in text, text)
    check("Flagge &lt;ö&gt;" in page, page)
    check_equal(len(context.requests()), 2, "requests")


@scenario(modes=("preload",))
def hanging_server(context):
    """Mail to a server that takes connections and says nothing: collecting goes on, the message is
    kept, and sent once a server answers."""
    import socket
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        port = deaf.getsockname()[1]
        text = """
[monitoring]
every = "1s"
[mail]
smtp = "smtp://127.0.0.1:{port}"
starttls = "never"
[notify]
timeout = "1s"
[[person]]
name = "ann"
mail = "ann@example.org"
[[monitor]]
name = "always"
command = "exit 2"
"""
        config = write(context, "monitors.toml", text.format(port=port))
        observed = context.observe(running.ThreadedServer, "--config", config)
        running.wait_until(lambda: "a message was not sent, it will be tried again: ann by mail"
                           in observed.text, 15, "the failure is told")
        for i in range(20):
            traffic.send(observed.server.port, "GET", f"/{i}")
        observed.finish()
        check_equal(len(context.requests()), 20, "requests while the mail server hung")
    smtp, folder = start_smtp(context)
    config.write_text(text.format(port=smtp))
    # As if the minute until the next attempt had passed.
    import sqlite3
    with sqlite3.connect(context.database) as database:
        database.execute("UPDATE notification SET next_wall_ns = 0")
    context.pinfo("--config", config, "notify", "--instant")
    check_equal(len(mails(folder)), 1, "the mail is sent, once")
    refused = context.pinfo("--config", write(context, "refused.toml", text.format(
        port=running.free_port())), "notify", "--test", status=1)
    check("ann by mail: smtp://127.0.0.1:" in refused.stderr, refused.stderr)


@scenario(modes=("preload",))
def digests_and_other_ways(context):
    """Digests, sendmail, a webhook, a command; secrets come from files that not everybody reads."""
    received = []

    class Hook(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.append((self.headers["Authorization"], json.loads(body)))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    output = context.home / "command.json"
    letter = context.home / "letter"
    sendmail = write(context, "sendmail", f"#!/bin/sh\necho \"$@\" > {letter}.args\n"
                                          f"cat > {letter}\n")
    sendmail.chmod(0o755)
    secret = write(context, "token", "s3cret\n")
    context.home.chmod(0o755)
    config = write(context, "monitors.toml", f"""
[mail]
sendmail = "{sendmail}"
[[person]]
name = "ann"
mail = "ann@example.org"
mode = "digest"
[[person]]
name = "bot"
webhook = "http://127.0.0.1:{server.server_port}/hook"
webhook_token_file = "{secret}"
[[person]]
name = "pager"
command = "cat > {output}"
[[person]]
name = "quiet"
mail = "quiet@example.org"
mode = "none"
[[monitor]]
name = "bad"
command = "echo broken; exit 2"
[[monitor]]
name = "good"
command = "true"
""")
    refused = context.pinfo("--config", config, "notify", "--instant", status=1).stderr
    check("everybody may read this secret; chmod 600 it" in refused, refused)
    check_equal(received, [], "nothing is sent without its secret")
    secret.chmod(0o600)
    if context.uid is not None:
        os.chown(secret, context.uid, context.uid)
    check_equal(json.loads(output.read_text())["monitors"][0]["name"], "bad", "the command's input")
    import sqlite3
    with sqlite3.connect(context.database) as database:
        database.execute("UPDATE notification SET next_wall_ns = 0")
    context.pinfo("--config", config, "notify", "--instant")
    check_equal([(token, body["kind"], body["monitors"][0]["level"]) for token, body in received],
                [("Bearer s3cret", "instant", "problem")], "the webhook")
    check(not letter.exists(), "who wants digests gets no instant mail")
    context.pinfo("--config", config, "notify", "--digest")
    mail = email.message_from_bytes(letter.read_bytes(), policy=email.policy.default)
    check("1 problems, 0 warnings" in mail["Subject"], mail["Subject"])
    check_equal(pathlib.Path(f"{letter}.args").read_text().split()[-1], "ann@example.org", "whom")
    letter.unlink()
    config.write_text(config.read_text().replace("exit 2", "exit 0"))
    context.pinfo("--config", config, "notify", "--digest")
    check(not letter.exists(), "no digest while all is fine")
    check_equal(received[-1][1]["kind"], "recovery", "the webhook's last")
    stored = context.database.read_bytes()
    for path in context.database.parent.glob("pinfo.db-*"):
        stored += path.read_bytes()
    check(b"s3cret" not in stored, "no secret is in the database")
    server.shutdown()


@scenario(modes=("preload",))
def bad_input(context):
    """What is wrong is said, by exit status 3; what never ends is ended."""
    write(context, "empty", "")
    context.pinfo("metric", "add", "x")  # so that there is a database
    config = write(context, "monitors.toml", """
[[monitor]]
name = "for ever"
command = "sleep 1000"
timeout = "300ms"
[[monitor]]
name = "endless query"
query = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT max(x) FROM n"
timeout = "300ms"
problem = 1
[[monitor]]
name = "writing query"
query = "DELETE FROM metric"
problem = 1
[[monitor]]
name = "wrong query"
query = "SELECT x FROM nowhere"
problem = 1
[[monitor]]
name = "missing"
command = ["/nonexistent/plugin"]
""")
    found, rows = levels(context, config, 3)
    texts = {row["name"]: row["text"] for row in rows}
    check_equal(set(found.values()), {"unknown"}, "levels")
    check("did not end within 0.3 s" in texts["for ever"], texts["for ever"])
    check("did not end within 0.3 s" in texts["endless query"], texts["endless query"])
    check("may only read" in texts["writing query"], texts["writing query"])
    check("no such table" in texts["wrong query"], texts["wrong query"])
    check("No such file" in texts["missing"], texts["missing"])
    check_equal(len(context.json_lines("metric", "list")), 1, "the metric is still there")
    for path, words, part in ((config, ["nobody"], "there is no monitor 'nobody'"),
                              ("/nonexistent", [], "there is no such configuration")):
        done = context.pinfo("--config", path, "check", *words, status=3)
        check(part in done.stderr, done.stderr)


if __name__ == "__main__":
    harness.main()

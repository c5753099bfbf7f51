"""What people look at while requests arrive: pinfo serve by HTTP, pinfo top in a pseudo terminal."""
import base64
import fcntl
import gzip
import json
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import termios
import time
import urllib.error
import urllib.parse
import urllib.request

import harness
import running
import traffic
from harness import check, check_equal, scenario

ROWS, COLUMNS = 30, 120
ESCAPE = re.compile(r"\x1b(?:\[([0-9;?]*)([A-Za-z])|[()][A-Z0-9]|[=>])")


def get(url):
    with urllib.request.urlopen(url, timeout=20) as answer:
        return answer.status, dict(answer.headers), answer.read().decode()


def status_of(url):
    try:
        return get(url)[0]
    except urllib.error.HTTPError as error:
        return error.code


def data(base, name):
    text = get(base + f"data/{name}.js")[2]
    return json.loads(text[text.index("=") + 1:].rstrip().rstrip(";"))


def overview(base):
    return data(base, "overview")


def start(context, *words):
    """pinfo serve and the URL it prints."""
    serve = subprocess.Popen([context.pinfo_path, "--db", context.database, "serve", *words],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                             env=context.environment(), **context.as_user(context.uid))
    context.started.append(Ended(serve))
    return serve, serve.stdout.readline().strip()


class Ended:
    """So that a scenario that fails leaves no process behind."""
    output = pathlib.Path(os.devnull)  # read where one fails

    def __init__(self, process):
        self.process = process

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)


def wait_for(what, seconds=15 * running.PATIENCE):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = what()
        if found:
            return found
        time.sleep(0.2)
    return what()


@scenario()
def serve(context):
    observed = context.observe(running.ThreadedServer, "--profile", "all")
    port = observed.server.port
    traffic.send(port, "GET", "/burn?ms=60&share=60&token=hidden-value",
                 headers={"Cookie": "session=hidden-value", "User-Agent": "scenario/1"})
    wait_for(lambda: context.requests())
    process, url = start(context)
    match = re.fullmatch(r"(http://127\.0\.0\.1:\d+)/([0-9a-f]{32})/index\.html", url)
    check(match is not None, f"the URL is printed, found {url!r}")
    origin, token = match.groups()
    base = f"{origin}/{token}/"
    # Without the token there is nothing, whatever the path.
    for path in ("/", "/index.html", "/data/overview.js", f"/{token}", f"/{token[:-1]}0x/index.html",
                 "/" + "0" * 32 + "/index.html"):
        check_equal(status_of(origin + path), 404, f"status of {path}")
    for path in ("../../etc/passwd", "requests/x.js", "requests/999999999999999999.js",
                 "requests/1.js/..", "routes/0123456789abcdef.js", "data/nothing.js"):
        check_equal(status_of(base + urllib.parse.quote(path)), 404, f"status of {path}")
    status, headers, page = get(url)
    check_equal(status, 200, "status of the index")
    check_equal(headers["Cache-Control"], "no-store", "nothing is kept")
    check("connect-src 'self'" in page and "default-src 'none'" in page, "the page's policy")
    for name in ("requests.html", "request.html", "assets/report.js", "assets/graphviz.js",
                 "assets/report.css", "data/report.js", "data/requests.js", "data/routes.js",
                 "data/sites.js", "data/processes.js"):
        check_equal(get(base + name)[0], 200, f"status of {name}")
    # It goes on: what arrives meanwhile is there.
    before = overview(base)["latency"]["count"]
    check_equal(before, 1, "requests so far")
    for _ in range(4):
        traffic.send(port, "GET", "/burn?ms=5&share=60&token=hidden-value")
    check(wait_for(lambda: overview(base)["latency"]["count"] == 5), "new requests are in the pages")
    row = wait_for(lambda: context.requests())[0]
    script = get(base + f"requests/{row['id']}.js")[2]
    check(script.startswith("pinfoData.request='H4sI"), f"the request's page: {script[:60]!r}")
    first = min(context.requests(), key=lambda each: each["id"])
    packed = get(base + f"requests/{first['id']}.js")[2].split("'")[1]
    page = json.loads(gzip.decompress(base64.b64decode(packed)))
    check_equal({name: value for name, value in page["headers"] if name != "Host"},
                {"Accept-Encoding": "identity", "Cookie": "...", "User-Agent": "scenario/1"},
                "header fields kept")
    check("hidden-value" not in json.dumps(page), "values are masked on the request's page")
    listed = get(base + "data/requests.js")[2]
    check("/burn?ms=...&share=...&token=..." in listed, "the list of requests")
    check("hidden-value" not in listed, "values of query strings are masked")
    # What runs the server, where it listens and whether it lives, as pinfo status says it; looked at
    # half a second after its start.
    check(wait_for(lambda: data(base, "processes")[0]["listen"]), "where it listens is told")
    told = data(base, "processes")[0]
    check_equal(told["alive"], "yes", "the server lives")
    check(f":{port}" in told["listen"], f"where it listens: {told['listen']!r}")
    check("glibc" in told["runtime"], f"what runs it: {told['runtime']!r}")
    check_equal(overview(base)["living"]["current"], 1, "processes that live")
    check_metrics(base)
    process.send_signal(signal.SIGINT)
    check_equal(process.wait(20), 0, "exit status after Ctrl-C")
    observed.finish()


def check_metrics(base):
    """What Prometheus would scrape: promtool accepts it, and it begins to count with the first look."""
    status, headers, text = get(base + "metrics")
    check_equal(status, 200, "status of /metrics")
    check(headers["Content-Type"].startswith("text/plain; version=0.0.4"), "the older format")
    check("pinfo_process_resident_memory_bytes" in text, f"figures of processes: {text[:300]!r}")
    promtool = shutil.which("promtool")
    if promtool is None:
        print("promtool is not there: the text of /metrics was not checked by it")
        return
    linted = subprocess.run([promtool, "check", "metrics"], input=text, text=True,
                            capture_output=True)
    check_equal((linted.returncode, linted.stderr), (0, ""), "promtool check metrics")


@scenario(modes=("preload",))
def serve_elsewhere(context):
    """Not only for this machine: with a warning, or with TLS."""
    observed = context.observe(running.ThreadedServer)
    traffic.send(observed.server.port, "GET", "/burn?ms=1&share=60")
    observed.finish()
    process, url = start(context, "--listen", "0.0.0.0")
    check(url.startswith("http://0.0.0.0:"), f"URL {url!r}")
    process.send_signal(signal.SIGTERM)
    check_equal(process.wait(20), 0, "exit status after SIGTERM")
    check("without encryption" in process.stderr.read(), "a warning")
    key, certificate = context.home / "key.pem", context.home / "certificate.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out",
                    certificate, "-days", "1", "-subj", "/CN=localhost"], check=True,
                   capture_output=True)
    for path in (key, certificate):
        path.chmod(0o644)
    process, url = start(context, "--listen", "0.0.0.0", "--tls-cert", certificate, "--tls-key", key)
    check(url.startswith("https://0.0.0.0:"), f"URL {url!r}")
    shown = subprocess.run(["curl", "-sk", "--max-time", "20", url], capture_output=True, text=True)
    check("<title>Overview" in shown.stdout, f"over TLS: {shown.stdout[:200]!r}")
    process.send_signal(signal.SIGTERM)
    process.wait(20)
    check("warning" not in process.stderr.read(), "no warning with TLS")
    context.pinfo("serve", "--tls-cert", certificate, status=2)
    context.pinfo("serve", "--tls-cert", key, "--tls-key", key, status=1)
    missing = context.pinfo("serve", database=context.home / "none.db", status=1)
    check("there is no such database" in missing.stderr, missing.stderr)


def screen_of(text):
    """What a terminal shows after this: as much of xterm as ncurses makes use of."""
    cells = [[" "] * COLUMNS for _ in range(ROWS)]
    row = column = at = 0
    last = " "

    def put(character):
        nonlocal column
        if 0 <= row < ROWS and 0 <= column < COLUMNS:
            cells[row][column] = character
        column += 1

    while at < len(text):
        match = ESCAPE.match(text, at)
        if match:
            at = match.end()
            numbers = [int(n) for n in (match.group(1) or "").split(";") if n.isdigit()]
            first = numbers[0] if numbers else 0
            command = match.group(2)
            if command == "H":
                row, column = max(first, 1) - 1, (numbers[1] if len(numbers) > 1 else 1) - 1
            elif command == "d":
                row = max(first, 1) - 1
            elif command == "G":
                column = max(first, 1) - 1
            elif command == "J":
                for line in cells[row if first == 0 else 0:]:
                    line[:] = [" "] * COLUMNS
            elif command == "K" and row < ROWS:
                begin, end = (0, column + 1) if first == 1 else (column, COLUMNS)
                cells[row][begin:end] = [" "] * len(cells[row][begin:end])
            elif command == "X" and row < ROWS:
                end = min(COLUMNS, column + max(first, 1))
                cells[row][column:end] = [" "] * (end - column)
            elif command in ("A", "B", "C", "D"):
                step = max(first, 1)
                row += {"A": -step, "B": step}.get(command, 0)
                column += {"C": step, "D": -step}.get(command, 0)
            elif command == "b":
                for _ in range(max(first, 1)):
                    put(last)
            continue
        character = text[at]
        at += 1
        if character == "\r":
            column = 0
        elif character == "\n":
            row += 1
        elif character == "\b":
            column -= 1
        elif character >= " ":
            put(character)
            last = character
    return "\n".join("".join(line).rstrip() for line in cells)


class Terminal:
    """pinfo top on a pseudo terminal."""
    output = pathlib.Path(os.devnull)

    def __init__(self, context, *words):
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            if context.uid is not None:
                os.setgroups([])
                os.setgid(context.uid)
                os.setuid(context.uid)
            os.environ.update(context.environment(), TERM="xterm", LC_ALL="C.UTF-8")
            os.execv(context.pinfo_path, [str(word) for word in
                                          (context.pinfo_path, "--db", context.database, "top", *words)])
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self.drawn = b""

    def read(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if select.select([self.master], [], [], 0.1)[0]:
                try:
                    self.drawn += os.read(self.master, 65536)
                except OSError:  # its end
                    return

    def text(self):
        return screen_of(self.drawn.decode(errors="replace"))

    def wait_for(self, text, seconds=10 * running.PATIENCE):
        end = time.monotonic() + seconds
        while text not in self.text() and time.monotonic() < end:
            self.read(0.2)
        check(text in self.text(), f"{text!r} on the screen:\n{self.text()[-3000:]}")

    def press(self, keys):
        os.write(self.master, keys.encode())

    def stop(self):
        try:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        except (ProcessLookupError, ChildProcessError):
            pass
        os.close(self.master)

    def wait_end(self, seconds=10 * running.PATIENCE):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.read(0.1)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
        return None


@scenario()
def top(context):
    observed = context.observe(running.ThreadedServer)
    port = observed.server.port

    def load():
        for _ in range(5):
            traffic.send(port, "GET", "/burn?ms=4&share=60")
        traffic.send(port, "GET", "/sleep?ms=40")

    load()
    wait_for(lambda: len(context.requests()) >= 6)
    terminal = Terminal(context, "--delay", "0.5", "--window", "5m")
    context.started.append(terminal)
    terminal.wait_for("/burn")
    terminal.wait_for("/sleep")
    terminal.wait_for("REQ/S")
    terminal.wait_for("%TIMEv")
    terminal.press("P")
    terminal.wait_for("%CPUv")
    terminal.press("R")
    terminal.wait_for("%CPU^")
    terminal.press("N")
    terminal.wait_for("REQ/S^")
    terminal.press("?")
    terminal.wait_for("reverse the order")
    terminal.press("?")
    terminal.wait_for("REQ/S")
    terminal.press("o")
    terminal.wait_for("Only what contains")
    terminal.press("sleep\r")
    terminal.wait_for("1 routes")
    terminal.press("=")
    terminal.wait_for("2 routes")
    # A new size is drawn anew; one too small for anything does no harm.
    for rows, columns in ((3, 10), (1, 1), (ROWS, COLUMNS)):
        fcntl.ioctl(terminal.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        os.kill(terminal.pid, signal.SIGWINCH)
        terminal.read(0.5)
        check_equal(os.waitpid(terminal.pid, os.WNOHANG)[0], 0, f"it runs on in {rows} rows")
    terminal.wait_for("/burn")
    terminal.press("q")
    check_equal(terminal.wait_end(), 0, "exit status after q")
    # In a pipe: lines, with the same figures as the store has.
    rows = context.json_lines("top", "--window", "10m")
    counts = {row["route"]: row["requests"] for row in rows}
    check_equal(counts, {"/burn": 5, "/sleep": 1}, "requests by route")
    sleep = next(row for row in rows if row["route"] == "/sleep")
    check(sleep["p50_ns"] >= 39_000_000, f"median of a sleep of 40 ms: {sleep}")
    listed = context.pinfo("top", "--window", "10m", "--batch", "-n", "2", "-d", "0.2").stdout
    check_equal(listed.count("/burn"), 2, f"two tables:\n{listed}")
    observed.finish()
    context.pinfo("top", "--window", "soon", status=2)
    context.pinfo("top", "--sort", "beauty", status=2)


if __name__ == "__main__":
    harness.main()

"""What people look at while requests arrive: pinfo serve by HTTP."""
import json
import re
import signal
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

import harness
import running
import traffic
from harness import check, check_equal, scenario


def get(url):
    with urllib.request.urlopen(url, timeout=20) as answer:
        return answer.status, dict(answer.headers), answer.read().decode()


def status_of(url):
    try:
        return get(url)[0]
    except urllib.error.HTTPError as error:
        return error.code


def overview(base):
    text = get(base + "data/overview.js")[2]
    return json.loads(text[text.index("=") + 1:].rstrip().rstrip(";"))


def start(context, *words):
    """pinfo serve and the URL it prints."""
    serve = subprocess.Popen([context.pinfo_path, "--db", context.database, "serve", *words],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                             env=context.environment(), **context.as_user(context.uid))
    context.started.append(Ended(serve))
    return serve, serve.stdout.readline().strip()


class Ended:
    """So that a scenario that fails leaves no process behind."""

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
    traffic.send(port, "GET", "/burn?ms=60&share=60&token=hidden-value")
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
    listed = get(base + "data/requests.js")[2]
    check("/burn?ms=...&share=...&token=..." in listed, "the list of requests")
    check("hidden-value" not in listed, "values of query strings are masked")
    process.send_signal(signal.SIGINT)
    check_equal(process.wait(20), 0, "exit status after Ctrl-C")
    observed.finish()


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


if __name__ == "__main__":
    harness.main()

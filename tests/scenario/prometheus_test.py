"""/metrics: promtool's opinion of it, and what a real Prometheus makes of it."""
import json
import shutil
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

import harness
import running
import traffic
from harness import check, check_equal, scenario

ACCEPT = "application/openmetrics-text; version=1.0.0"


def fetch(url):
    request = urllib.request.Request(url, headers={"Accept": ACCEPT})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.headers["Content-Type"], answer.read().decode()


def value(text, name):
    """The sum of all samples of this name."""
    return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines()
               if line.split("{")[0].split(" ")[0] == name)


@scenario(seconds=90)
def scraped(context):
    prometheus = shutil.which("prometheus")
    promtool = shutil.which("promtool")
    if prometheus is None or promtool is None:
        raise harness.Skip("prometheus is not installed")
    port = running.free_port()
    config = context.home / "c.toml"
    config.write_text('[statsd]\nflush = "200ms"\n[monitoring]\nevery = "1s"\n'
                      '[[metric]]\nname = "answer-to \\"all\\""\ncommand = "echo 42"\nevery = "1s"\n'
                      '[[monitor]]\nname = "bad"\ncommand = "exit 2"\nevery = "1s"\n')
    observed = context.observe(running.ThreadedServer, "--metrics", port, "--config", config)
    for i in range(30):
        traffic.send(observed.server.port, "GET", "/sleep?ms=3")
    for _ in range(3):
        traffic.send(observed.server.port, "GET", "/status?code=500")
    url = f"http://127.0.0.1:{port}/metrics"
    running.wait_until(lambda: value(fetch(url)[1], "pinfo_requests_total") >= 33, 15, "33 requests")
    running.wait_until(lambda: "pinfo_monitor_level{monitor=\"bad\",group=\"\"} 2" in fetch(url)[1],
                       15, "the monitor")
    running.wait_until(lambda: "pinfo_metric_answer_to__all_ 42" in fetch(url)[1], 15, "the metric")
    kind, text = fetch(url)
    check(kind.startswith("application/openmetrics-text; version=1.0.0"), kind)
    check_equal(value(text, "pinfo_requests_total"), 33, "requests")
    check_equal(value(text, "pinfo_request_errors_total"), 3, "errors")
    check_equal(value(text, "pinfo_request_duration_seconds_count"), 33, "latencies")
    check(30 * 0.003 <= value(text, "pinfo_request_duration_seconds_sum") < 30, "their sum")
    check(value(text, "pinfo_process_resident_memory_bytes") > 100_000, "memory")
    # promtool reads the older text format, which is what one gets who asks for none.
    with urllib.request.urlopen(url, timeout=10) as answer:
        classic = answer.read().decode()
    check_equal(value(classic, "pinfo_requests_total"), 33, "requests in the older format")
    linted = subprocess.run([promtool, "check", "metrics"], input=classic, text=True,
                            capture_output=True)
    check_equal((linted.returncode, linted.stderr), (0, ""), "promtool check metrics")
    check_equal(_scrape(context, prometheus, promtool, port), 33.0,
                "requests in Prometheus")
    observed.finish()


def _scrape(context, prometheus, promtool, port):
    """A real Prometheus' answer to sum(pinfo_requests_total), once the target is up."""
    own = running.free_port()
    folder = context.folder / "prometheus"
    folder.mkdir()
    config = folder / "prometheus.yml"
    config.write_text(f"scrape_configs:\n  - job_name: pinfo\n    scrape_interval: 1s\n"
                      f"    static_configs:\n      - targets: ['127.0.0.1:{port}']\n")
    checked = subprocess.run([promtool, "check", "config", str(config)], capture_output=True)
    check_equal(checked.returncode, 0, f"promtool check config: {checked.stdout}")
    process = subprocess.Popen(
        [prometheus, f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}",
         f"--web.listen-address=127.0.0.1:{own}"],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        def ask(query):
            url = f"http://127.0.0.1:{own}/api/v1/query?" + urllib.parse.urlencode({"query": query})
            try:
                with urllib.request.urlopen(url, timeout=5) as answer:
                    result = json.load(answer)["data"]["result"]
            except OSError:
                return None
            return float(result[0]["value"][1]) if result else None
        running.wait_until(lambda: ask('up{job="pinfo"}') == 1, 20, "Prometheus scrapes pinfo")
        time.sleep(1.5)  # the target's second scrape
        quantile = ask('histogram_quantile(0.5, sum by (le) (pinfo_request_duration_seconds_bucket))')
        check(quantile is not None and 0.002 < quantile < 0.1, f"median in Prometheus: {quantile}")
        return ask("sum(pinfo_requests_total)")
    finally:
        process.terminate()
        process.wait(20)


@scenario(modes=("preload",))
def listening(context):
    """A port that is taken is said at the start; what asks for something else gets nothing."""
    port = running.free_port()
    observed = context.observe(running.ThreadedServer, "--metrics", port)
    running.wait_until(lambda: f"metrics on http://127.0.0.1:{port}/metrics" in observed.text, 10,
                       "the address")
    second = context.pinfo("collect", "--dir", context.home, "--duration", "1s", "--metrics", port,
                           status=1)
    check(f"cannot listen on 127.0.0.1:{port}" in second.stderr, second.stderr)
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/etc/passwd", timeout=5)
        raise harness.Failure("another path was answered")
    except urllib.error.HTTPError as error:
        check_equal(error.code, 404, "another path")
    context.pinfo("collect", "--metrics", "nonsense", "--dir", context.home, status=1)
    observed.finish()


if __name__ == "__main__":
    harness.main()

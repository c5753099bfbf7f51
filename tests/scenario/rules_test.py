"""Which requests get a profile of their own: the slow ones, the failed ones, those of a pattern; and a
rate, with what it leaves out counted."""
import re

import harness
import running
import traffic
from harness import check, check_equal, scenario

MS = 1_000_000


def observe(context, targets, *words):
    observed = context.observe(running.ThreadedServer, *words)
    answers = [traffic.send(observed.server.port, "GET", target)[0] for target in targets]
    observed.finish()
    rows = context.requests()
    check_equal([(row["target"], row["status"]) for row in rows], list(zip(targets, answers)),
                "requests, which are listed whether profiled or not")
    return observed, rows


@scenario()
def slow(context):
    """By the latency that pinfo itself tells: a busy machine makes quick ones slow."""
    targets = [f"/sleep?ms={120 * (i % 2)}&i={i}" for i in range(10)]
    _, rows = observe(context, targets, "--profile", "slow=100ms")
    check_equal([row["profiled"] for row in rows], [row["latency_ns"] >= 100 * MS for row in rows],
                "profiled, where slow")
    check_equal([row["profiled"] for row in rows if "ms=120" in row["target"]], [True] * 5,
                "those that sleep are slow")


@scenario()
def failed(context):
    targets = [f"/status?code={code}" for code in (200, 500, 404, 503, 204, 599)]
    _, rows = observe(context, targets, "--profile", "failed")
    check_equal([row["target"] for row in rows if row["profiled"]],
                ["/status?code=500", "/status?code=503", "/status?code=599"], "profiled: 5xx")


@scenario()
def matching(context):
    targets = ["/bytes?n=1", "/sleep?ms=1", "/bytes?n=2", "/status?code=200"]
    _, rows = observe(context, targets, "--match", "/bytes")
    check_equal([row["target"] for row in rows if row["profiled"]], ["/bytes?n=1", "/bytes?n=2"],
                "profiled: those that match")


@scenario()
def media_type(context):
    """By what was answered: nginx's pages, not its plain texts, nor what has no type."""
    observed = context.observe(running.Nginx, "--media-type", "TEXT/html")
    targets = ["/index.html", "/large.bin", "/created", "/nothing", "/index.html?again", "/missing"]
    for target in targets:
        traffic.send(observed.server.port, "GET", target)
    observed.finish()
    rows = {row["target"]: row["profiled"] for row in context.requests()}
    # nginx's own pages of errors are HTML.
    check_equal(rows, {"/index.html": True, "/large.bin": False, "/created": False,
                       "/nothing": False, "/index.html?again": True, "/missing": True},
                "profiled: the pages")


@scenario()
def rate(context):
    """More than the rate at once: profiled and left out are all, the latter are told of."""
    targets = [f"/bytes?n={i}" for i in range(60)]
    observed, rows = observe(context, targets, "--profile-rate", "1")
    profiled = sum(row["profiled"] for row in rows)
    left_out = sum(row["lost"].get("profile_rate", 0)
                   for row in context.json_lines("status") if row["type"] == "totals")
    check_equal(profiled + left_out, len(targets), "profiled and counted as left out")
    check(left_out > 0, f"the rate leaves some out: {profiled} profiled")
    text = context.pinfo("status").stdout
    check(re.search(rf"not profiled: {left_out}\b", text), f"pinfo status tells it:\n{text}")


if __name__ == "__main__":
    harness.main()

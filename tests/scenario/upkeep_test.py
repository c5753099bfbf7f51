"""prune, reset and db beside a collector that goes on: nothing of it stops, nothing new is lost."""
import json
import sqlite3
import urllib.request

import harness
import running
from harness import check, check_equal, scenario


def get(server, count):
    for i in range(count):
        urllib.request.urlopen(f"http://127.0.0.1:{server.port}/index.html?{i}", timeout=10).read()


@scenario(seconds=60)
def beside_a_collector(context):
    """Everything is removed in the middle of an observation; what comes after is counted exactly."""
    observed = context.observe(running.Nginx)
    get(observed.server, 10)
    running.wait_until(lambda: len(context.requests()) == 10, 20, "ten requests")

    refused = context.pinfo("reset", status=2, input="")
    check("--yes" in refused.stderr, f"how to go on: {refused.stderr}")
    check_equal(len(context.requests()), 10, "requests after a reset that was not confirmed")
    check("removed" in context.pinfo("prune", "--older-than", "1h").stdout, "prune says how many")
    check_equal(len(context.requests()), 10, "requests younger than an hour")
    context.pinfo("prune", "--dead")
    copy = context.home / "copy.db"
    context.pinfo("db", "backup", copy)
    check(context.pinfo("db", "check").stdout.endswith("sound\n"), "the database is sound")

    reset, = context.json_lines("reset", "--yes")
    check(reset["rows"] >= 10 and reset["took_ns"] > 0, f"what reset tells: {reset}")
    check_equal(context.requests(), [], "requests after the reset")
    get(observed.server, 7)
    running.wait_until(lambda: len(context.requests()) == 7, 20, "seven requests")
    observed.finish()
    check_equal(len(context.requests()), 7, "requests since the reset")
    check_equal(context.totals()["requests"], 7, "requests counted since the reset")
    check_equal(len(context.requests(database=copy)), 10, "requests in the copy")
    info, = context.json_lines("db", "info")
    check_equal(info["schema"], info["known_schema"], "schema")
    check(harness.database_is_sound(context.database), "the database is sound")

    # All of them have ended now.
    pruned, = context.json_lines("prune", "--dead")
    check(pruned["rows"] >= 1, f"dead processes: {pruned}")
    check_equal([row for row in context.json_lines("status") if row["type"] == "process"], [],
                "processes left")
    check_equal(len(context.requests()), 7, "requests of removed processes stay")


@scenario(modes=["preload"], seconds=20)
def bad_input(context):
    """What is not there is not made; what is unclear is refused."""
    missing = context.home / "missing.db"
    for words in (["prune", "--dead"], ["prune", "--older-than", "1d"], ["reset", "--yes"],
                  ["db", "info"], ["db", "check"], ["db", "backup", "copy"]):
        done = context.pinfo(*words, database=missing, status=1)
        check("no such database" in done.stderr, f"{words}: {done.stderr}")
        check(not missing.exists(), f"{words} made a database")
    context.pinfo("prune", status=2)
    for age in ("soon", "-1d", "0s"):
        context.pinfo("prune", f"--older-than={age}", status=2)
    context.pinfo("db", status=2)
    other = context.home / "other.db"
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE theirs(x)")
    other.chmod(0o666)
    done = context.pinfo("reset", "--yes", database=other, status=1)
    check("another program" in done.stderr, done.stderr)
    with sqlite3.connect(other) as connection:
        check_equal(connection.execute("SELECT count(*) FROM theirs").fetchone(), (0,), "their table")


if __name__ == "__main__":
    harness.main()

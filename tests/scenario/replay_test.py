"""A recording replayed gives the same requests; a damaged one gives what can be read."""
import harness
import running
import traffic
from harness import check, check_equal, scenario

SAME = ("method", "target", "status", "outcome", "latency_ns", "first_byte_ns", "bytes_in",
        "bytes_out", "pid", "tid", "site", "route")


def record(context):
    """A recording of some requests and what pinfo stored of them while recording."""
    path = context.home / "recording"
    observed = context.observe(running.Nginx, "--record", path)
    requests = [("GET", f"/index.html?n={i}") for i in range(150)] + [("GET", "/missing")] * 50
    traffic.parallel(observed.server.port, requests, clients=2)
    observed.finish()
    return path, context.requests()


def replay(context, path, name, status=0):
    database = context.home / f"{name}.db"
    done = context.pinfo("replay", path, database=database, status=status)
    return done, database


def comparable(rows):
    return [tuple(row[name] for name in SAME) for row in rows]


@scenario()
def same_requests(context):
    path, live = record(context)
    check_equal(len(live), 200, "requests stored while recording")
    _, database = replay(context, path, "replayed")
    replayed = context.requests(database=database)
    harness.check_same_lines(comparable(replayed), comparable(live), "replayed requests")
    again, _ = replay(context, path, "replayed")
    check("already (session 1)" in again.stderr, f"a second replay is warned of: {again.stderr!r}")


@scenario()
def damaged(context):
    path, live = record(context)
    whole = path.read_bytes()
    broken = context.home / "broken"
    everything = set(comparable(live))
    for number, cut in enumerate((len(whole) // 2, len(whole) - 3, 17, 3)):
        broken.write_bytes(whole[:cut])
        done, database = replay(context, broken, f"cut{number}", status=1)
        check(done.stderr.startswith("pinfo: ") and str(broken) in done.stderr,
              f"recording cut at {cut} of {len(whole)}: {done.stderr!r}")
        if cut >= len(whole) // 2:
            found = [row for row in context.requests(database=database)]
            complete = {row for row in comparable(found) if row[3] == "complete"}
            check(len(complete) > 20, f"only {len(complete)} requests before the cut at {cut}")
            check(complete <= everything, f"requests that never were: {complete - everything}")
    middle = len(whole) // 2
    broken.write_bytes(whole[:middle] + bytes(64) + whole[middle + 64:])
    # Bytes of a captured stack or head may be what was hit: no damage that could be told.
    _, database = replay(context, broken, "hole", status=None)
    found = set(comparable(context.requests(database=database)))
    # Behind a loss, answers of the same connection are unknown until it is silent.
    behind = {row for row in found if row[3] == "unknown"}
    check(len(found & everything) + len(behind) >= len(everything) - 3,
          f"64 bytes overwritten in the middle: {len(everything - found)} requests are missing")
    check(len(found & everything) >= len(everything) // 3,
          f"64 bytes overwritten in the middle: only {len(found & everything)} are right")
    for number, at in enumerate(range(0, len(whole), max(1, len(whole) // 25))):
        spoilt = bytearray(whole)
        spoilt[at] ^= 0xFF
        broken.write_bytes(bytes(spoilt))
        done, _ = replay(context, broken, f"spoilt{number}", status=None)
        check(done.returncode in (0, 1), f"byte {at} changed: exit status {done.returncode}")


@scenario()
def no_recording(context):
    for name, content in (("empty", b""), ("text", b"this is no recording\n" * 40),
                          ("zeros", bytes(5000))):
        path = context.home / name
        path.write_bytes(content)
        done, _ = replay(context, path, f"{name}-db", status=1)
        check(str(path) in done.stderr, f"{name}: {done.stderr!r}")
    done, _ = replay(context, context.home / "absent", "absent-db", status=1)
    check("absent" in done.stderr, f"a missing recording: {done.stderr!r}")


if __name__ == "__main__":
    harness.main()

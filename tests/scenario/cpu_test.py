"""Functions that burn CPU in known shares show up with these shares, and so does the total."""
import harness
import running
import traffic
from harness import check, sampling_slack, scenario

BURN_MS = 120
REQUESTS = 45
TOLERANCE = 0.05


def function_times(context, *words):
    """{function: (total seconds, samples)} of `pinfo stats`."""
    return {row["function"]: (row["total_ns"] / 1e9, row["samples"])
            for row in context.json_lines("stats", *words)}


def total(times, name):
    """(seconds, samples) of the function."""
    found = [both for function, both in times.items() if function.startswith(name)]
    return sum(seconds for seconds, _ in found), sum(samples for _, samples in found)


def burn(context, share, **options):
    observed = context.observe(running.ThreadedServer, "--profile", "all", "--hz", "499", **options)
    requests = [("GET", f"/burn?ms={BURN_MS}&share={share}&n={i}") for i in range(REQUESTS)]
    traffic.parallel(observed.server.port, requests, clients=2)
    observed.finish()
    times = function_times(context, "--route", "/burn")
    (alpha, of_alpha), (beta, of_beta) = total(times, "burn_alpha"), total(times, "burn_beta")
    check(alpha + beta > 0, f"neither function is in the profile: {sorted(times)[:20]}")
    found = alpha / (alpha + beta)
    samples = of_alpha + of_beta
    print(f"burn_alpha {alpha:.2f} s, burn_beta {beta:.2f} s: {found:.3f} of {samples} samples, "
          f"truth {share / 100}")
    slack = TOLERANCE + sampling_slack(context, share / 100, samples)
    check(abs(found - share / 100) <= slack, f"share of burn_alpha {found:.3f}, slack {slack:.3f}")
    rows = context.requests()
    on_cpu = sum(row["on_cpu_ns"] for row in rows) / 1e9
    truth = BURN_MS * REQUESTS / 1e3
    print(f"on CPU {on_cpu:.3f} s, truth {truth:.3f} s")
    check(abs(on_cpu / truth - 1) <= TOLERANCE, f"{on_cpu} s on the CPU, truth {truth}")
    check(abs((alpha + beta) / truth - 1) <= 2 * TOLERANCE,
          f"{alpha + beta} s in the two functions, truth {truth}")


@scenario()
def shares_70_30(context):
    burn(context, 70)


@scenario()
def shares_20_80_in_workers(context):
    burn(context, 20, workers=2)


@scenario()
def shares_in_an_event_loop(context):
    burn(context, 50, mode="event")


if __name__ == "__main__":
    harness.main()

"""What a report costs: seconds and memory to write, bytes on disk, milliseconds to look at.

    python3 tests/bench/report_bench.py BUILD_DIR [--requests N] [--profiled N] [--folder DIR]

Makes the database with large_store, writes the report with pinfo report, and opens it in Chromium
(Debian's, driven by the page tests' playwright-core). Prints figures, judges none.
"""
import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time


def run(*words):
    """Seconds and peak memory of a program of ours."""
    start = time.monotonic()
    process = subprocess.Popen([str(word) for word in words], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"{' '.join(map(str, words))}: status {status}")
    return time.monotonic() - start, usage.ru_maxrss / 1024


def size(path):
    paths = [path] if path.is_file() else [each for each in path.rglob("*") if each.is_file()]
    return sum(each.stat().st_size for each in paths) / 1e6


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--profiled", type=int, default=10_000)
    parser.add_argument("--folder", type=pathlib.Path, help="keep database and report here")
    options = parser.parse_args()
    build = options.build.resolve()
    folder = options.folder or pathlib.Path(tempfile.mkdtemp(prefix="pinfo-report-bench-"))
    folder.mkdir(parents=True, exist_ok=True)
    database, report = folder / "large.db", folder / "report"
    try:
        if not database.exists():
            seconds, _ = run(build / "tests/unit/store/large_store", database, options.requests,
                             options.profiled)
            print(f"database: {options.requests:,} requests, {options.profiled:,} profiled, "
                  f"{size(database):.0f} MB, made in {seconds:.0f} s", flush=True)
        for profiles in (1000, options.profiled):
            seconds, megabytes = run(build / "pinfo", "--db", database, "report", "-o", report,
                                     "--profiles", profiles)
            index = sum(size(report / part) for part in ("index.html", "assets", "data"))
            first = sum(size(report / name) for name in
                        ("index.html", "assets/report.js", "assets/report.css", "data/report.js",
                         "data/overview.js", "data/routes.js", "data/processes.js"))
            pages = size(report / "requests") + size(report / "routes")
            print(f"report, {profiles:,} request pages: {seconds:.1f} s, {megabytes:.0f} MB of memory; "
                  f"first page {first:.2f} MB, with assets and data index {index:.1f} MB, "
                  f"pages of requests and routes {pages:.1f} MB", flush=True)
        subprocess.run(["node", str(pathlib.Path(__file__).resolve().parent / "report_times.mjs"),
                        str(report), str(build / "tests/page/node_modules")], check=True)
    finally:
        if options.folder is None:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()

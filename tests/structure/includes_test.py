"""Fails on an inclusion that goes up the architecture, or on a library outside its one place.

docs/architecture.md draws the folders; the tables below are that picture as data. Run with the root
of the sources as the only argument.
"""
import pathlib
import re
import sys

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)

# Folder -> first path components that its files may include with the root as include path. The
# longest matching folder decides.
BELOW = {
    "bpf": {"bpf"},
    "preload": {"bpf", "preload"},
    "collector": {"bpf", "collector"},
    "html": {"bpf", "collector", "html"},
    "cli": {"bpf", "collector", "html", "cli"},
    "tests": {"bpf", "preload", "collector", "html", "cli", "tests"},
}

# Within the collector: each area may include itself and areas named here.
COLLECTOR = {
    "base": set(),
    "profile": {"base"},
    "emit": {"base", "profile"},
    "views": {"base", "profile"},
    "store": {"base", "profile", "views"},
    "stack": {"base"},
    "process": {"base", "stack"},
    "python": {"base", "stack", "process"},
    "tls": {"base", "stack"},
    "source": {"base", "stack", "process", "python", "tls"},
    "request": {"base", "source"},
    "config": {"base"},
    "metric": {"base", "profile", "config", "store", "stack"},
    "exposition": {"base", "profile", "config", "store"},
    "notify": {"base", "profile", "config", "store"},
    "monitor": {"base", "profile", "config", "metric", "notify", "store", "views"},
    "pipeline": {"base", "profile", "emit", "store", "views", "stack", "source", "process",
                 "python", "tls", "request", "monitor"},
}
# Plain values and interfaces between the stages, which any area may use: who implements one and who
# calls it need not know each other.
CONTRACTS = {"collector/store/rows.h", "collector/store/reader.h", "collector/source/record.h",
             "collector/source/source.h"}
# The one header of the preload shim that its reader in the collector needs.
RING_FORMAT = "preload/ring.h"

# Library header -> where it may be included, and in how many files of the product.
LIBRARIES = {
    re.compile(r"^libunwind.*\.h$"): ("collector/stack/", 1),
    re.compile(r"^sqlite3\.h$"): ("collector/store/", None),
    # Two servers: figures for Prometheus, and the report's pages.
    re.compile(r"^httplib\.h$"): (("collector/exposition/", "html/"), 2),
    re.compile(r"^curl/"): ("collector/notify/", 1),
    re.compile(r"^toml\+\+/"): ("collector/config/", 1),
    re.compile(r"^(graphviz/)?gvc\.h$"): ("collector/emit/", 1),
    re.compile(r"\.pb\.h$"): ("collector/emit/", 1),
    re.compile(r"^pcre2\.h$"): ("collector/emit/", 1),
    re.compile(r"^histedit\.h$"): ("cli/", 1),
    re.compile(r"^(curses|ncurses)\.h$"): ("cli/top_", 1),
    re.compile(r"\.skel\.h$"): ("collector/source/bpf_", 1),
    re.compile(r"^Zydis/"): ("collector/tls/", 1),
}


def cyclic(table):
    """Areas of the table that reach themselves."""
    def reachable(area):
        seen, todo = set(), list(table[area])
        while todo:
            other = todo.pop()
            if other not in seen:
                seen.add(other)
                todo += table[other]
        return seen
    return [area for area in table if area in reachable(area)]


def sources(root):
    for folder in BELOW:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in (".c", ".cc", ".h") and "node_modules" not in path.parts:
                yield path.relative_to(root).as_posix(), path


def forbidden(name, target, quoted, exists):
    """Why file `name` may not include `target`; None where it may."""
    if not quoted:
        return None
    folder = name.split("/")[0]
    if "/" not in target or not exists(target):
        return None  # beside the file itself, generated, or a library in quotes
    top = target.split("/")[0]
    if target == RING_FORMAT and name.startswith("collector/source/ring_"):
        return None
    if top in BELOW and top not in BELOW[folder]:
        return f"{folder}/ may not include {top}/"
    if folder == "collector" and top == "collector" and target not in CONTRACTS:
        area, other = name.split("/")[1], target.split("/")[1]
        if area not in COLLECTOR:
            return f"collector/{area} is not in this test's table"
        if other != area and other not in COLLECTOR[area]:
            return f"collector/{area} may not include collector/{other}"
    return None


def main(root):
    problems = [f"the table itself is cyclic: {area}" for area in cyclic(COLLECTOR)]
    users = {pattern: set() for pattern in LIBRARIES}
    checked = 0
    for name, path in sources(root):
        includes = INCLUDE.findall(path.read_text(encoding="utf-8"))
        if name == "bpf/wire.h" and includes:
            problems.append("bpf/wire.h: includes nothing, so that every producer can include it")
        for bracket, target in includes:
            checked += 1
            why = forbidden(name, target, bracket == '"', lambda path: (root / path).exists())
            if why:
                problems.append(f'{name}: "{target}": {why}')
            for pattern, (place, _) in LIBRARIES.items():
                if pattern.search(target) and not name.startswith("tests/"):
                    users[pattern].add(name)
                    if not name.startswith(place):
                        problems.append(f"{name}: {target} belongs to {place} alone")
    for pattern, (_, limit) in LIBRARIES.items():
        if limit is not None and len(users[pattern]) > limit:
            problems.append(f"{pattern.pattern}: included by {sorted(users[pattern])}, "
                            f"{limit} file may")
    if checked < 50:
        problems.append(f"only {checked} inclusions found below {root}: is that the source tree?")
    print("\n".join(problems) or f"{checked} inclusions, all downwards")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))

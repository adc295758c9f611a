"""From records to figures, tables and docs/benchmarks.md.

In: records of `run.py`. Out: plain data (`figures`), text, a page in Markdown. Invariants: a figure is
a median over all values of its records; nothing is left out because it looks bad: what failed is
told with its message. Deliberately absent: measuring.
"""

import os
import platform
import statistics
import subprocess
import time

import cells
import peers

OURS = peers.CHAINRULE.name
# A spread beyond which a cell was not measured on a quiet machine.
DISTURBED = 0.25


def number(value):
    """Three figures that matter."""
    if value is None:
        return "–"
    if value >= 100:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def share(value):
    """A ratio; small ones keep two figures."""
    return "–" if value is None else f"{value:.2f}" if value >= 0.1 else f"{value:.2g}"


def line(who, answer, cell):
    """A record as it is told on the way."""
    said = answer.get("failed")
    if said is None:
        said = f"{number(statistics.median(answer['values']))} {cell.unit} (first: {number(answer['first'])} ms)"
    return f"{who['peer']}, {who['threads']} thread{'s' * (who['threads'] > 1)}: {said}"


def chosen(told, cell):
    """The records of a cell, and for one with functions of its own those it is compared with."""
    mine = [r for r in told if r["cell"] == cell.name]
    shipped = [r for r in told if r["cell"] == cell.own_of and r["beside"] == cell.name]
    return mine, shipped


def medians(records):
    """Threads → the median over all values, for each peer."""
    values = {}
    for r in records:
        if "failed" not in r:
            values.setdefault(r["peer"], {}).setdefault(r["threads"], []).extend(r["values"])
    return {
        peer: {t: statistics.median(v) for t, v in sorted(of.items())} for peer, of in values.items()
    }


def spread(records):
    """How far chainrule's own processes lie apart: the widest (max − min) / median of a thread count."""
    by = {}
    for r in records:
        if r["peer"] == OURS and "failed" not in r:
            by.setdefault(r["threads"], []).append(statistics.median(r["values"]))
    return max(((max(v) - min(v)) / statistics.median(v) for v in by.values() if len(v) > 1), default=None)


def best(cell, of):
    """The best figure over all numbers of threads, with that number."""
    if not of:
        return None
    pick = max if cell.better(2, 1) else min
    threads = pick(of, key=of.get)
    return of[threads], threads


def figures(told):
    """What is known of each cell that was measured, as plain data."""
    return [figure(cell, *chosen(told, cell)) for cell in cells.CELLS if chosen(told, cell)[0]]


def figure(cell, mine, shipped):
    of = medians(mine)
    ours = best(cell, of.pop(OURS, {}))
    rivals = {peer: best(cell, by) for peer, by in of.items()}
    if cell.own_of:
        rivals = {f"{OURS}, {cell.own_of} as shipped": best(cell, medians(shipped).get(OURS))}
    rivals = {peer: found for peer, found in rivals.items() if found}
    first = None
    for peer, found in rivals.items():
        if first is None or cell.better(found[0], rivals[first][0]):
            first = peer
    said = {
        "cell": cell.name, "kind": cell.kind, "unit": cell.unit, "threads": medians(mine),
        "chainrule": ours and {"value": ours[0], "threads": ours[1]},
        "best_peer": first and {"peer": first, "value": rivals[first][0], "threads": rivals[first][1]},
        "ratio": ratio(cell, ours, first and rivals[first]),
        "target": cell.target,
        "spread": spread(mine),
        "failed": sorted({f"{r['peer']}, {r['threads']} thread(s): {r['failed']}" for r in mine if "failed" in r}),
    }
    return said


def ratio(cell, ours, theirs):
    """How many times as fast chainrule is."""
    if not ours or not theirs:
        return None
    return ours[0] / theirs[0] if cell.kind == "many" else theirs[0] / ours[0]


def met(figure):
    if figure["target"] is None or not figure["chainrule"]:
        return ""
    value = figure["chainrule"]["value"]
    good = value >= figure["target"] if figure["kind"] == "many" else value <= figure["target"]
    return "yes" if good else "no"


def columns(rows):
    """Rows of words as a table in Markdown, which is readable as text too."""
    widths = [max(len(row[c]) for row in rows) for c in range(len(rows[0]))]
    drawn = ["| " + " | ".join(word.ljust(w) for word, w in zip(row, widths)) + " |" for row in rows]
    return [drawn[0], "|" + "|".join("-" * (w + 2) for w in widths) + "|", *drawn[1:]]


def each_peer(some):
    """Rows are peers, columns are cells: figures for each number of threads."""
    names = [p.name for p in (*peers.PEERS, peers.CHAINRULE) if any(p.name in f["threads"] for f in some)]
    counts = sorted({t for f in some for of in f["threads"].values() for t in of})
    head = [f"on {' / '.join(map(str, counts))} thread(s)", *(f["cell"] for f in some)]

    def cell(f, name):
        of = f["threads"].get(name)
        return " / ".join(number(of.get(t)) for t in counts) if of else "–"

    return columns([head] + [[name, *(cell(f, name) for f in some)] for name in names])


def summary(some):
    """One row a cell: chainrule, the best peer, the ratio, the target."""
    head = ["cell", "unit", "chainrule (threads)", "best other (threads)", "ratio", "target", "met", "spread"]

    def at(found):
        return f"{number(found['value'])} ({found['threads']})" if found else "–"

    def row(f):
        peer = f["best_peer"]
        return [
            f["cell"], f["unit"], at(f["chainrule"]),
            f"{peer['peer']} {at(peer)}" if peer else "–",
            share(f["ratio"]),
            number(f["target"]), met(f),
            f"{100 * f['spread']:.0f} %" if f["spread"] is not None else "–",
        ]

    return columns([head, *map(row, some)])


SECTIONS = [
    ("Training, milliseconds an epoch", lambda f, c: f["kind"] == "train" and not c.own_of),
    ("One row, median µs", lambda f, c: f["kind"] == "one"),
    ("32 learning rates, seconds", lambda f, c: f["kind"] == "rates"),
    ("10,000 rows, million rows a second", lambda f, c: f["kind"] == "many"),
]


def tables(all_figures):
    """All tables as lines, ratios first."""
    lines = ["## Ratios", "", *summary(all_figures), ""]
    by_name = {c.name: c for c in cells.CELLS}
    for title, wanted in SECTIONS:
        some = [f for f in all_figures if wanted(f, by_name[f["cell"]])]
        if some:
            lines += [f"## {title}", "", *each_peer(some), ""]
    failed = [f"- {f['cell']}: {what}" for f in all_figures for what in f["failed"]]
    if failed:
        lines += ["## Not measured", "", *failed, ""]
    return lines


def text(all_figures):
    return "\n".join(tables(all_figures))


def said_by(*command):
    """What a program says of itself; nothing if it is not there."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    except OSError:
        return ""


def processor():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            names = [l.split(":", 1)[1].strip() for l in file if l.startswith("model name")]
        return names[0]
    except (OSError, IndexError):
        return platform.processor() or platform.machine()


def surroundings(root, told):
    """Where and with what the records were made."""
    versions = {r["peer"]: r["version"] for r in told if "version" in r}
    commit = said_by("git", "-C", str(root), "rev-parse", "--short", "HEAD")
    changed = said_by("git", "-C", str(root), "status", "--porcelain", "crates")
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    return {
        "machine": f"{processor()}, {os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()}",
        "date": time.strftime("%Y-%m-%d", time.gmtime(max((r["at"] for r in told), default=0))),
        "rustc": said_by("rustc", "--version"), "python": platform.python_version(),
        "commit": commit + (", changed" if changed else ""),
        "versions": versions,
    }


def page(root, told, all_figures):
    """docs/benchmarks.md."""
    where = surroundings(root, told)
    versions = ", ".join(f"{peer} {v}" for peer, v in where["versions"].items() if peer != OURS)
    lost = [f for f in all_figures if f["ratio"] is not None and f["ratio"] < 1]
    missed = [f for f in all_figures if met(f) == "no"]
    disturbed = [f for f in all_figures if (f["spread"] or 0) > DISTURBED]
    lines = [
        "# Benchmarks", "",
        "Written by `make bench ARGS=--write`: chainrule and other libraries on the same arrays, in turn, in one",
        "run. Only the ratios travel to other machines. What is measured, and how: [bench/README.md](../bench/README.md).", "",
        f"- Machine: {where['machine']}",
        f"- Date: {where['date']}, commit {where['commit']}, {where['rustc']}, Python {where['python']}",
        f"- {versions}", f"- {len(told)} processes were measured, one after the other", "",
        "`ratio` says how many times as fast chainrule is as the best of the others, each with its better number",
        "of threads; below 1 chainrule loses. `spread` is how far apart chainrule's own processes were, (max − min) /",
        "median: differences below it mean nothing.", "",
        *tables(all_figures),
        "## Where chainrule loses", "",
    ]
    lines += [f"- {f['cell']}: {share(f['ratio'])} of the speed of {f['best_peer']['peer']}" for f in lost]
    lines += [] if lost else ["- nowhere in this run"]
    lines += ["", "## Targets missed", ""]
    lines += [f"- {f['cell']}: {number(f['chainrule']['value'])} {f['unit']}, wanted {number(f['target'])}" for f in missed]
    lines += [] if missed else ["- none in this run"]
    if disturbed:
        lines += ["", "## Disturbed", "",
                  f"chainrule's own processes lay more than {100 * DISTURBED:.0f} % apart: measure again before relying on these.", ""]
        lines += [f"- {f['cell']}: {100 * f['spread']:.0f} %" for f in disturbed]
    return "\n".join(lines) + "\n"

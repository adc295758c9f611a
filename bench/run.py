"""`make bench`: chainrule and its peers in one run, in turn, and the ratios between them.

In: the cells of `cells.py`, the peers of `peers.py`. Out: tables on standard output (or JSON with
`--format json`), talk on standard error, every single measurement in `target/bench/records.jsonl`,
and docs/benchmarks.md with `--write`. Invariants: one process at a time; chainrule runs after each
run of a peer, with as many threads, so that noise hits both; one thread is one core for the whole
process; a figure is the median over everything that was measured of it. Deliberately absent: any
figure that was not measured by the records it is printed from.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import time
from pathlib import Path

import cells
import peers
import report

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
OUT = ROOT / "target" / "bench"
POOLS = ("OMP", "OPENBLAS", "MKL", "BLIS", "RAYON", "NUMEXPR")


def talk(*words):
    print(*words, file=sys.stderr, flush=True)


def options():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--quick", action="store_true", help="leave out what is slow: T4, burn, torch.compile")
    p.add_argument("--cells", metavar="WORDS", help="only cells whose name has one of these, e.g. 'T1,T2 batch 32'")
    p.add_argument("--peers", metavar="WORDS", help="only peers whose name has one of these")
    p.add_argument("--threads", default="1,2", help="numbers of threads (default 1,2)")
    p.add_argument("--rounds", type=int, default=3, help="how often each peer takes its turn (default 3)")
    p.add_argument("--seconds", type=float, default=1.0, help="how long a process measures, at least (default 1)")
    p.add_argument("--keep", action="store_true", help="add to the records of earlier runs instead of starting anew")
    p.add_argument("--report", action="store_true", help="measure nothing, print what the records say")
    p.add_argument("--format", choices=("text", "json"), default="text")
    p.add_argument("--write", action="store_true", help="write docs/benchmarks.md from the records")
    args = p.parse_args()
    args.threads = [int(t) for t in args.threads.split(",")]
    return args


def named(things, words):
    """The things of which a word is in the name; a word without any is wrong use."""
    if words is None:
        return list(things)
    words = [w.strip() for w in words.split(",")]
    for word in words:
        if not any(word in thing.name for thing in things):
            talk(f"run.py: no name has {word!r}; there are: {', '.join(t.name for t in things)}")
            sys.exit(2)
    return [thing for thing in things if any(word in thing.name for word in words)]


def build(peer):
    """The program of a peer; Rust programs are built for this processor, as chainrule finds out itself."""
    if peer.manifest is None:
        return [sys.executable, str(HERE / peer.program[0]), *peer.program[1:]]
    env, command = dict(os.environ), ["cargo", "build", "--release", "--message-format=json-render-diagnostics"]
    if peer is not peers.CHAINRULE:
        env["RUSTFLAGS"] = "-C target-cpu=native"
        target = os.environ.get("CARGO_TARGET_DIR", ROOT / "target")
        env["CARGO_TARGET_DIR"] = str(Path(target) / "bench")
    command += ["--manifest-path", str(ROOT / peer.manifest), "--bin", peer.program[1]]
    built = subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True, check=False)
    lines = (json.loads(line) for line in built.stdout.splitlines())
    made = [line["executable"] for line in lines if line.get("executable")]
    if built.returncode or not made:
        sys.exit(f"run.py: {peer.name} was not built (see above)")
    return [made[0]]


def arguments(cell, threads, seconds):
    """A cell as a worker reads it."""
    kinds = {"train": (2, 200), "one": (50, 20_000), "many": (5, 200), "rates": (1, 1)}
    least, most = (1, 2) if cell.slow else kinds[cell.kind]
    place = cells.data(OUT / "data", cell.work)
    file = OUT / f"{cell.name.replace(' ', '-')}.chain"
    file.write_text(cells.equations(cell), encoding="utf-8")
    said = {
        "kind": cell.kind, "widths": ",".join(map(str, cell.widths)), "batch": cell.batch,
        "rows": cell.rows, "activation": cell.activation, "rule": cell.rule, "rate": cell.rate,
        "norm": cell.norm, "threads": threads, "seconds": seconds, "least": least, "most": most,
        "data": place, "file": file, "count": cells.RATES, "count_epochs": cells.RATE_EPOCHS,
    }
    return [f"{key}={value}" for key, value in said.items()]


def surroundings(threads):
    """Environment of a worker, and what pins it to as many cores as it has threads."""
    env = dict(os.environ, JAX_PLATFORMS="cpu", CUDA_VISIBLE_DEVICES="", PYTHONWARNINGS="ignore")
    env.update({f"{pool}_NUM_THREADS": str(threads) for pool in POOLS})
    if threads == 1:
        env["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
    if not hasattr(os, "sched_setaffinity"):
        return env, None
    cores = sorted(os.sched_getaffinity(0))[-threads:]
    return env, lambda: os.sched_setaffinity(0, cores)


def measure(program, cell, threads, seconds):
    """What a worker answers, or why it does not."""
    env, pin = surroundings(threads)
    command = [*program, *arguments(cell, threads, seconds)]
    try:
        done = subprocess.run(command, env=env, preexec_fn=pin, capture_output=True, text=True,
                              timeout=600, check=False)
    except subprocess.TimeoutExpired:
        return {"failed": "no answer within 600 s"}
    if done.returncode:
        return {"failed": (done.stderr.strip().splitlines() or ["no message"])[-1]}
    answer = json.loads(done.stdout.splitlines()[-1])
    guessing = math.log(cell.widths[-1])
    if cell.kind in ("train", "rates") and not answer["loss"] < guessing:
        return {"failed": f"it did not learn: loss {answer['loss']}"}
    return answer


def turns(wanted, cell, threads):
    """The order of a round: a peer, chainrule, the next peer, chainrule …"""
    if cell.kind == "rates":
        # A search has all cores.
        threads = threads[-1:]
    if cell.own_of:
        shipped = next(c for c in cells.CELLS if c.name == cell.own_of)
        return [(peers.CHAINRULE, c, t) for t in threads for c in (shipped, cell)]
    rivals = [p for p in wanted if p.can(cell)]
    each = [((p, cell, t), (peers.CHAINRULE, cell, t)) for p in rivals for t in threads]
    alone = [(peers.CHAINRULE, cell, t) for t in threads]
    return [turn for pair in each for turn in pair] or alone


def run(args, records):
    """Measures all, and writes each record as soon as it is there."""
    wanted = [p for p in named(peers.PEERS, args.peers) if not (args.quick and p.slow)]
    todo = [c for c in named(cells.CELLS, args.cells) if not (args.quick and c.slow)]
    able = [p for p in wanted if any(p.can(c) and not c.own_of for c in todo)]
    programs = {p.name: build(p) for p in [peers.CHAINRULE, *able]}
    with open(records, "a" if args.keep else "w", encoding="utf-8") as file:
        for cell in todo:
            for number in range(args.rounds):
                talk(f"{cell.name}, round {number + 1} of {args.rounds}")
                for peer, measured, threads in turns(wanted, cell, args.threads):
                    answer = measure(programs[peer.name], measured, threads, args.seconds)
                    who = {"cell": measured.name, "beside": cell.name, "peer": peer.name, "threads": threads}
                    file.write(json.dumps({**who, **answer, "at": round(time.time())}) + "\n")
                    file.flush()
                    talk("  " + report.line(who, answer, measured))


def main():
    args = options()
    OUT.mkdir(parents=True, exist_ok=True)
    records = OUT / "records.jsonl"
    if not args.report:
        run(args, records)
    if not records.exists():
        sys.exit("run.py: there are no records yet; run without --report first")
    told = [json.loads(line) for line in records.read_text(encoding="utf-8").splitlines()]
    figures = report.figures(told)
    if args.format == "json":
        print(json.dumps({**report.surroundings(ROOT, told), "cells": figures}, indent=1, ensure_ascii=False))
    else:
        print(report.text(figures))
    if args.write:
        page = ROOT / "docs" / "benchmarks.md"
        page.write_text(report.page(ROOT, told, figures), encoding="utf-8")
        talk(f"wrote {page.relative_to(ROOT)}")
    # A peer that does not answer is told in the tables; without chainrule there is nothing to tell.
    sys.exit(any("failed" in r for r in told if r["peer"] == peers.CHAINRULE.name))


if __name__ == "__main__":
    main()

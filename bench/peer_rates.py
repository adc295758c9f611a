"""Measures a search for the learning rate with another library: a process for each core, each taking
every n-th rate, one thread each. The time holds what such a search holds: starting the processes,
importing the library, reading the arrays, compiling, training, and the losses on their way back.
"""

import importlib
import multiprocessing
import os
import sys
import warnings

from task import Task, now, rates, tell


def part(module, arguments, mine, epochs):
    """In a process of its own."""
    warnings.filterwarnings("ignore")
    return importlib.import_module(module).searched(Task(arguments), mine, epochs)


def main():
    module, arguments = sys.argv[1], sys.argv[2:]
    task = Task(arguments)
    all_rates, epochs, workers = rates(task.count), task.count_epochs, task.threads
    for pool in ("OMP", "OPENBLAS", "MKL"):
        os.environ[f"{pool}_NUM_THREADS"] = "1"
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
    start = now()
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        jobs = [(module, arguments, all_rates[w::workers], epochs) for w in range(workers)]
        losses = [loss for some in pool.starmap(part, jobs) for loss in some]
    seconds = now() - start
    library = {"peer_jax": "jax", "peer_torch": "torch", "peer_sklearn": "sklearn"}[module]
    best = min(loss for loss in losses if loss == loss)
    tell(importlib.import_module(library).__version__, 0.0, [seconds], best)


if __name__ == "__main__":
    main()

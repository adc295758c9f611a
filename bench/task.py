"""What the measured Python programs share: the task, the clock, the answer. As `worker.rs`."""

import json
import sys
import time
from pathlib import Path

import numpy as np

now = time.perf_counter


class Task:
    """What is to be measured, from `KEY=VALUE` arguments."""

    def __init__(self, arguments=None):
        self.said = dict(a.split("=", 1) for a in arguments or sys.argv[1:])
        for key, kind in (("batch", int), ("rows", int), ("threads", int), ("rate", float),
                          ("seconds", float), ("least", int), ("most", int),
                          ("count", int), ("count_epochs", int)):
            setattr(self, key, kind(self.said[key]))
        self.widths = [int(w) for w in self.said["widths"].split(",")]
        self.activation, self.rule = self.said["activation"], self.said["rule"]
        self.norm, self.kind = self.said["norm"] == "True", self.said["kind"]

    def arrays(self):
        folder = Path(self.said["data"])
        return np.load(folder / "x.npy"), np.load(folder / "y.npy")

    def with_rate(self, rate):
        """The same for another learning rate."""
        other = Task([f"{key}={value}" for key, value in self.said.items()])
        other.rate = rate
        return other

    def goes_on(self, done, spent):
        return done < self.least or (done < self.most and spent < self.seconds)

    def epochs(self, epoch):
        """Milliseconds of the first epoch, and of those after it."""
        def timed():
            start = now()
            epoch()
            return (now() - start) * 1e3

        first, values = timed(), []
        while self.goes_on(len(values), sum(values) / 1e3):
            values.append(timed())
        return first, values

    def calls(self, call, x):
        """Milliseconds of warming up, and figures of calls: µs of one row, or million rows/s."""
        places = len(x) // self.rows
        some = [x[p * self.rows:(p + 1) * self.rows] for p in range(min(places, 5000))]
        start = now()
        for number in range(300 if self.rows == 1 else 3):
            call(some[number % len(some)])
        first, values = (now() - start) * 1e3, []
        start = now()
        while self.goes_on(len(values), now() - start):
            rows = some[len(values) % len(some)]
            begun = now()
            call(rows)
            us = (now() - begun) * 1e6
            values.append(us if self.rows == 1 else self.rows / us)
        return first, values

    def he(self):
        """Starting weights (inputs × units) and biases of each layer."""
        draw = np.random.default_rng(7)
        pairs = zip(self.widths, self.widths[1:])
        return [((draw.normal(size=(i, o)) * (2 / i) ** 0.5).astype("f4"), np.zeros(o, "f4"))
                for i, o in pairs]


def rates(count):
    """Learning rates from 1e-5 to 1, at equal steps of their logarithm."""
    return [10 ** (-5 + 5 * i / (count - 1)) for i in range(count)]


def tell(version, first, values, loss=None):
    """Gives the figures to the driver; of very many calls the median is enough."""
    if len(values) > 1000:
        values = [float(np.median(values))]
    print(json.dumps({"version": version, "first": first, "values": values, "loss": loss}))

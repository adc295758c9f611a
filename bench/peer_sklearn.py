"""Measures scikit-learn's MLPClassifier; one epoch is one `partial_fit` over all rows.

It starts from its own weights; two classes it learns with one logistic output.
"""

import sys
import warnings

import numpy as np
import sklearn
from sklearn.metrics import log_loss
from sklearn.neural_network import MLPClassifier

from task import Task, tell


def network(task):
    return MLPClassifier(
        tuple(task.widths[1:-1]), activation=task.activation, solver=task.rule, alpha=0.0,
        learning_rate_init=task.rate, batch_size=task.batch, momentum=0.0,
        nesterovs_momentum=False, random_state=0,
    )


def searched(task, rates, epochs):
    """The loss after some epochs at each rate."""
    x, y = task.arrays()
    classes, losses = np.unique(y), []
    for rate in rates:
        net = network(task.with_rate(rate))
        for _ in range(epochs):
            net.partial_fit(x, y, classes=classes)
        losses.append(float(log_loss(y[:2000], net.predict_proba(x[:2000]), labels=classes)))
    return losses


def main():
    warnings.filterwarnings("ignore")
    task = Task(sys.argv[2:])
    x, y = task.arrays()
    classes, net = np.unique(y), network(task)
    if task.kind == "train":
        first, values = task.epochs(lambda: net.partial_fit(x, y, classes=classes))
        loss = float(log_loss(y[:2000], net.predict_proba(x[:2000]), labels=classes))
        tell(sklearn.__version__, first, values, loss)
    else:
        net.partial_fit(x[:2000], y[:2000], classes=classes)
        tell(sklearn.__version__, *task.calls(net.predict_proba, x))


if __name__ == "__main__":
    main()

"""Measures PyTorch: eager, as its tutorials write a training loop; with a fused optimiser; compiled.

Each mini-batch is an indexed copy. For single rows and many, inference mode.
"""

import sys

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from task import Task, tell


class Bent(nn.Module):
    def forward(self, z):
        return z * torch.sigmoid(1.5 * z)


def network(task):
    activation = {"relu": nn.ReLU, "tanh": nn.Tanh, "bent": Bent}[task.activation]
    layers, last = [], len(task.widths) - 2
    for l, (w, b) in enumerate(task.he()):
        layer = nn.Linear(*w.shape)
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(w.T.copy()))
            layer.bias.copy_(torch.from_numpy(b))
        layers.append(layer)
        if l < last:
            layers += [nn.LayerNorm(w.shape[1])] * task.norm + [activation()]
    return nn.Sequential(*layers)


def train(task, way):
    x, y = (torch.from_numpy(a) for a in task.arrays())
    y = y.long()
    net = network(task)
    rule = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}[task.rule]
    rule = rule(net.parameters(), lr=task.rate, **({} if way == "eager" else {"fused": True}))

    def loss_of(x, y):
        return cross_entropy(net(x), y)

    step_loss = torch.compile(loss_of) if way == "compile" else loss_of

    def epoch():
        for rows in torch.randperm(len(x)).split(task.batch):
            loss = step_loss(x.index_select(0, rows), y.index_select(0, rows))
            rule.zero_grad(set_to_none=True)
            loss.backward()
            rule.step()

    first, values = task.epochs(epoch)
    with torch.no_grad():
        return first, values, float(loss_of(x[:2000], y[:2000]))


def searched(task, rates, epochs):
    """The loss after some epochs at each rate."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    torch.set_num_interop_threads(1)
    return [train(Some(task.with_rate(rate), epochs), "eager")[2] for rate in rates]


class Some:
    """A task of so many epochs, which nobody measures one by one."""

    def __init__(self, task, count):
        self.task, self.count = task, count

    def __getattr__(self, name):
        return getattr(self.task, name)

    def epochs(self, epoch):
        for _ in range(self.count):
            epoch()
        return 0, []


def predict(task, way):
    net = network(task).eval()
    if way == "compile":
        net = torch.compile(net)
    with torch.inference_mode():
        return *task.calls(net, torch.from_numpy(task.arrays()[0])), None


def main():
    task, way = Task(sys.argv[2:]), sys.argv[1]
    torch.manual_seed(0)
    torch.set_num_threads(task.threads)
    if task.threads == 1:
        torch.set_num_interop_threads(1)
    tell(torch.__version__, *(train if task.kind == "train" else predict)(task, way))


if __name__ == "__main__":
    main()

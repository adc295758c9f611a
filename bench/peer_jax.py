"""Measures JAX: `scan`, the whole epoch as one compiled program, or `step`, one compiled step.

Both leave out a shorter last batch (less than 1 % of the rows), since sizes are compiled in.
"""

import sys

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from task import Task, tell

ACTIVATIONS = {
    "relu": jax.nn.relu,
    "tanh": jnp.tanh,
    "bent": lambda z: z * jax.nn.sigmoid(1.5 * z),
}
each = jax.tree_util.tree_map


def parameters(task):
    def layer(l, w, b):
        norm = [jnp.ones_like(b), jnp.zeros_like(b)] if task.norm and l < len(task.widths) - 2 else []
        return [jnp.asarray(w), jnp.asarray(b)] + norm

    return [layer(l, w, b) for l, (w, b) in enumerate(task.he())]


def forward(task, layers, x):
    activation = ACTIVATIONS[task.activation]
    for w, b, *norm in layers[:-1]:
        z = x @ w + b
        if norm:
            centred = z - z.mean(1, keepdims=True)
            z = norm[0] * centred / jnp.sqrt((centred**2).mean(1, keepdims=True) + 1e-5) + norm[1]
        x = activation(z)
    return x @ layers[-1][0] + layers[-1][1]


def loss(task, layers, x, y):
    log_p = jax.nn.log_softmax(forward(task, layers, x))
    return -jnp.mean(jnp.take_along_axis(log_p, y[:, None], 1))


def step(task, state, x, y):
    p, m, v, t = state
    g = jax.grad(lambda p: loss(task, p, x, y))(p)
    if task.rule == "sgd":
        return each(lambda p, g: p - task.rate * g, p, g), m, v, t
    decay = 0.01 if task.rule == "adamw" else 0.0
    t = t + 1
    m = each(lambda m, g: 0.9 * m + 0.1 * g, m, g)
    v = each(lambda v, g: 0.999 * v + 0.001 * g * g, v, g)
    c1, c2 = 1 - 0.9**t, 1 - 0.999**t

    def moved(p, m, v):
        return p - task.rate * (m / c1 / (jnp.sqrt(v / c2) + 1e-8) + decay * p)

    return each(moved, p, m, v), m, v, t


def train(task, way):
    x, y = (jnp.asarray(a) for a in task.arrays())
    layers = parameters(task)
    zeros = each(jnp.zeros_like, layers) if task.rule != "sgd" else 0
    state = [(layers, zeros, each(jnp.copy, zeros) if task.rule != "sgd" else 0, jnp.float32(0))]
    draw, count, batch = np.random.default_rng(11), len(x) // task.batch, task.batch

    def scanned(state, x, y, order):
        def body(state, rows):
            return step(task, state, x[rows], y[rows]), None

        return lax.scan(body, state, order[:count * batch].reshape(count, batch))[0]

    def one(state, x, y, order, number):
        rows = lax.dynamic_slice(order, (number * batch,), (batch,))
        return step(task, state, x[rows], y[rows])

    whole, single = (jax.jit(f, donate_argnums=0) for f in (scanned, one))

    def epoch():
        order = jnp.asarray(draw.permutation(len(x)).astype(np.int32))
        if way == "scan":
            state[0] = whole(state[0], x, y, order)
        else:
            for number in range(count):
                state[0] = single(state[0], x, y, order, number)
        jax.block_until_ready(state[0])

    first, values = task.epochs(epoch)
    return first, values, float(loss(task, state[0][0], x[:2000], y[:2000]))


def searched(task, rates, epochs):
    """The loss after some epochs at each rate; one program serves all of them."""
    x, y = (jnp.asarray(a) for a in task.arrays())
    count, batch = len(x) // task.batch, task.batch

    def scanned(rate, state, x, y, order):
        here = task.with_rate(rate)

        def body(state, rows):
            return step(here, state, x[rows], y[rows]), None

        return lax.scan(body, state, order[:count * batch].reshape(count, batch))[0]

    whole, losses = jax.jit(scanned, donate_argnums=1), []
    for rate in rates:
        layers, draw = parameters(task), np.random.default_rng(11)
        state = (layers, each(jnp.zeros_like, layers), each(jnp.zeros_like, layers), jnp.float32(0))
        for _ in range(epochs):
            order = jnp.asarray(draw.permutation(len(x)).astype(np.int32))
            state = whole(jnp.float32(rate), state, x, y, order)
        losses.append(float(loss(task, state[0], x[:2000], y[:2000])))
    return losses


def predict(task, _way):
    layers = parameters(task)
    asked = jax.jit(lambda layers, x: forward(task, layers, x))
    return *task.calls(lambda x: np.asarray(asked(layers, x)), task.arrays()[0]), None


def main():
    task, way = Task(sys.argv[2:]), sys.argv[1]
    tell(jax.__version__, *(train if task.kind == "train" else predict)(task, way))


if __name__ == "__main__":
    main()

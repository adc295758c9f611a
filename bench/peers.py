"""Who is measured: one entry a peer. Another peer is an entry here, and one small program.

A program gets a cell as `KEY=VALUE` arguments and answers with one line of JSON (see `task.py` and
`worker.rs`, which say the same in two languages). Deliberately absent: when and how often it runs.
"""

from collections.abc import Callable
from dataclasses import dataclass

from cells import Cell


def trains(cell):
    return cell.kind == "train"


def asked(cell):
    return cell.kind in ("one", "many")


def searches(cell):
    return cell.kind == "rates"


def plain(cell):
    """What every library can: shipped functions, no normalisation."""
    return cell.activation != "bent" and not cell.norm and not searches(cell)


@dataclass(frozen=True)
class Peer:
    """`program`: a Python file and its first argument, or the manifest and name of a Rust program."""

    name: str
    program: tuple[str, ...]
    can: Callable[[Cell], bool] = lambda cell: True
    # Left out by --quick.
    slow: bool = False

    @property
    def manifest(self):
        return self.program[0] if self.program[0].endswith(".toml") else None


CHAINRULE = Peer("chainrule", ("bench/chainrule/Cargo.toml", "chainrule-bench"))

PEERS = [
    Peer("JAX, the epoch as one scan", ("peer_jax.py", "scan"), lambda c: trains(c) and not c.slow),
    Peer("JAX, one jitted step", ("peer_jax.py", "step"), trains),
    Peer("JAX", ("peer_jax.py", "ask"), asked),
    Peer("JAX, a process a core", ("peer_rates.py", "peer_jax"), searches),
    Peer("PyTorch, a process a core", ("peer_rates.py", "peer_torch"), searches),
    Peer("scikit-learn, a process a core", ("peer_rates.py", "peer_sklearn"), searches),
    Peer("PyTorch", ("peer_torch.py", "eager"), lambda c: not searches(c)),
    Peer("PyTorch, fused optimiser", ("peer_torch.py", "fused"), trains, slow=True),
    Peer("torch.compile", ("peer_torch.py", "compile"), lambda c: not (c.slow or searches(c)),
         slow=True),
    Peer("scikit-learn", ("peer_sklearn.py", "mlp"), lambda c: plain(c) and c.rule != "adamw"),
    Peer("candle", ("bench/candle/Cargo.toml", "candle-peer"), plain),
    Peer("burn", ("bench/burn/Cargo.toml", "burn-peer"), plain, slow=True),
    Peer("NumPy by hand", ("peer_numpy.py", "hand"), asked),
    Peer("ONNX Runtime", ("peer_numpy.py", "onnx"), asked),
]

"""Tasks that executors are tried with; workers import them by name."""

from __future__ import annotations

import hashlib
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from forcedflow.errors import SchemaError


@dataclass(frozen=True, slots=True)
class Paths:
    """A piece of a simulation: which, and a folder in which runs leave their names."""

    seed: int
    folder: Path
    wait_s: float = 0.0

    def __str__(self) -> str:
        return f"paths of seed {self.seed}"


def walk(item: Paths) -> np.ndarray:
    """Return where random walks end, and note who walked them."""
    with (item.folder / f"seed-{item.seed}").open("a") as file:
        file.write(f"{os.getpid()}\n")
    time.sleep(item.wait_s)
    steps = np.random.default_rng(item.seed).standard_normal((200, 300))
    return np.exp(0.01 * steps.cumsum(axis=1))[:, -1]


def die_on_first_try(item: Paths) -> np.ndarray:
    """Kill the own process at the first try of every third item."""
    if item.seed % 3 == 0 and not (item.folder / f"seed-{item.seed}").exists():
        (item.folder / f"seed-{item.seed}").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return walk(item)


def die_always(item: Paths) -> np.ndarray:
    """Kill the own process over one item, and work otherwise."""
    if item.seed == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return walk(item)


def refuse(item: Paths) -> np.ndarray:
    """Raise an error that is made from more than its text."""
    if item.seed == 2:
        raise SchemaError("klines", "close", "not a price", row=7)
    return walk(item)


class UnreadableError(Exception):
    """An error that can be sent and not be read: it is made from two arguments and keeps one."""

    def __init__(self, what, where):
        super().__init__(f"{what} at {where}")


def refuse_unreadably(item: Paths) -> np.ndarray:
    """Raise an error that cannot travel."""
    raise UnreadableError("a fault", item)


def digest(results: list[np.ndarray]) -> str:
    """Return one name for all bytes of results, in their order."""
    return hashlib.sha256(b"".join(result.tobytes() for result in results)).hexdigest()

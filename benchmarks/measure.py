"""Measuring: best of several runs, the spread beside it, and the table that shows both.

In:  something to run and how to prepare it.   Out: `Timing`, `Result`, text and JSON.
"""

from __future__ import annotations

import datetime as dt
import os
import platform
import time
import tomllib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

import numba
import numpy as np

T = TypeVar("T")

BUDGETS = Path(__file__).with_name("budgets.toml")


@dataclass(frozen=True, slots=True)
class Timing:
    """Wall time of several runs of the same thing. [s]"""

    best_s: float
    worst_s: float
    runs: int


def peak_memory_mib() -> float:
    """Return the most memory this program has held at once.

    Not ``ru_maxrss``: that remembers the process which this program was started from. [MiB]
    """
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("/proc/self/status tells no VmHWM; peak memory is measured on Linux only")


@dataclass(frozen=True, slots=True)
class Budget:
    """A goal: a ratio to the peer, or seconds; and peak memory where one is stated."""

    ratio: float | None = None
    seconds: float | None = None
    mib: float | None = None

    def __str__(self) -> str:
        goal = f"≤ {self.ratio:g}×" if self.ratio is not None else f"≤ {self.seconds:g} s"
        return goal if self.mib is None else f"{goal}, ≤ {self.mib:,.0f} MiB"


@dataclass(frozen=True, slots=True)
class Result:
    """One measured thing beside its peer and its goal; ``skipped`` says why there is no time.

    ``notes`` are sentences of what else was found, printed below the table.
    """

    group: str
    what: str
    size: str
    timing: Timing | None = None
    n_items: int | None = None
    peer: str | None = None
    peer_s: float | None = None
    budget: Budget | None = None
    skipped: str | None = None
    peak_mib: float | None = None
    notes: tuple[str, ...] = ()

    @property
    def ns_per_item(self) -> float | None:
        if self.timing is None or self.n_items is None:
            return None
        return self.timing.best_s / self.n_items * 1e9

    @property
    def ratio(self) -> float | None:
        """Best time over the peer's best time, on the same work."""
        if self.timing is None or self.peer_s is None:
            return None
        return self.timing.best_s / self.peer_s

    @property
    def within_budget(self) -> bool | None:
        if self.timing is None or self.budget is None:
            return None
        most, peak = self.budget.mib, self.peak_mib
        if most is not None and peak is not None and peak > most:
            return False
        if self.budget.seconds is not None:
            return self.timing.best_s <= self.budget.seconds
        ratio = self.ratio
        return None if ratio is None or self.budget.ratio is None else ratio <= self.budget.ratio

    def as_json(self) -> dict[str, Any]:
        return {
            **asdict(self),
            "ns_per_item": self.ns_per_item,
            "ratio": self.ratio,
            "within_budget": self.within_budget,
        }


def measure(prepare: Callable[[], T], run: Callable[[T], object], runs: int = 5) -> Timing:
    """Return the wall time of ``run`` on freshly prepared input; preparing is not timed."""
    times = []
    for _ in range(runs):
        prepared = prepare()
        started = time.perf_counter()
        run(prepared)
        times.append(time.perf_counter() - started)
    return Timing(min(times), max(times), runs)


def measure_both(
    prepare: Callable[[], T],
    ours: Callable[[T], object],
    peer: Callable[[T], object],
    runs: int = 5,
) -> tuple[Timing, Timing]:
    """Return the wall times of two contestants, in turns, so that a slow minute hits both."""
    our_times, peer_times = [], []
    for _ in range(runs):
        our_times.append(measure(prepare, ours, 1).best_s)
        peer_times.append(measure(prepare, peer, 1).best_s)
    return (
        Timing(min(our_times), max(our_times), runs),
        Timing(min(peer_times), max(peer_times), runs),
    )


def read_budgets(path: Path = BUDGETS) -> dict[str, dict[str, Budget]]:
    """Return the goals by group and name."""
    with path.open("rb") as file:
        stated = tomllib.load(file)
    return {
        group: {name: Budget(**goal) for name, goal in goals.items()}
        for group, goals in stated.items()
    }


def machine() -> dict[str, str]:
    """Return what the numbers were measured on."""
    return {
        "cpu": _cpu_model(),
        "cores": str(os.cpu_count()),
        "load": f"{os.getloadavg()[0]:.1f}",
        "python": platform.python_version(),
        "numba": numba.__version__,
        "numpy": np.__version__,
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
    }


def table(results: list[Result]) -> str:
    """Return the results as a Markdown table, which reads as well in a terminal."""
    head = ("what", "size", "best", "worst", "ns/item", "peer", "ratio", "budget", "within")
    rows = [head, *(_row(result) for result in results)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    lines = [
        "| " + " | ".join(c.ljust(w) for c, w in zip(r, widths, strict=True)) + " |" for r in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (w + 2) for w in widths) + "|")
    notes = [f"- {result.what}: {note}" for result in results for note in result.notes]
    return "\n".join([*lines, *([""] if notes else []), *notes])


def _row(result: Result) -> tuple[str, ...]:
    what = f"{result.group}: {result.what}"
    if result.timing is None:
        return (what, f"skipped: {result.skipped}" if result.skipped else result.size, *[""] * 7)
    peer = "" if result.peer_s is None else f"{result.peer}, {_seconds(result.peer_s)}"
    within = {None: "", True: "yes", False: "NO"}[result.within_budget]
    return (
        what,
        result.size
        if result.peak_mib is None
        else f"{result.size}; peak {result.peak_mib:,.0f} MiB",
        _seconds(result.timing.best_s),
        _seconds(result.timing.worst_s),
        "" if result.ns_per_item is None else f"{result.ns_per_item:,.0f}",
        peer,
        "" if result.ratio is None else f"{result.ratio:.2f}×",
        "" if result.budget is None else str(result.budget),
        within,
    )


def _seconds(value: float) -> str:
    if value < 1e-4:
        return f"{value * 1e6:.1f} µs"
    return f"{value:.2f} s" if value >= 1 else f"{value * 1e3:.1f} ms"


def _cpu_model() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()

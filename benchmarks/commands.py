"""The command as a person waits for it: start-up and import, in fresh processes.

In:  the recorded archive, where ``FORCEDFLOW_REAL_DATA`` is set.   Out: `Result` rows.
The lake is made in a temporary folder and removed; nothing else is written.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from benchmarks.measure import Budget, Result, Timing, measure

_VARIABLE = "FORCEDFLOW_REAL_DATA"
_COMMAND = (sys.executable, "-m", "forcedflow")
_BARE = (sys.executable, "-c", "pass")
_SYMBOL = "BTCUSDT"
# The recorded archive ends in March 2026; "now" would be an ever older map of the same rows.
_AT = "2026-03-01T00:00Z"
# The archive alone holds no book and no volume.
_DEPTH = ("--depth-usd", "3e8")


def startup(budgets: dict[str, Budget], runs: int) -> Iterator[Result]:
    """Yield how long the command takes to start, in multiples of a bare interpreter."""
    bare = _warm(_BARE, max(runs, 10))
    yield Result("startup", "python -c pass", "one process", bare)
    help_ = ("forcedflow --help", "one process", (*_COMMAND, "--help"))
    yield _against(bare, help_, budgets, runs)
    archive = _archive()
    with tempfile.TemporaryDirectory(prefix="forcedflow-bench-") as folder:
        lake, picture = Path(folder) / "lake", Path(folder) / "heatmap.png"
        at_lake = ("--venue", "binance", "--at", _AT, "--lake", str(lake))
        wanted = (
            (
                "forcedflow heatmap, 7 days to PNG",
                f"{_SYMBOL}, the archive",
                (*_COMMAND, "heatmap", _SYMBOL, "--range", "7d", *at_lake, "--out", str(picture)),
            ),
            (
                "forcedflow zones, JSON",
                f"{_SYMBOL}, the archive",
                (*_COMMAND, "zones", _SYMBOL, "--json", *at_lake),
            ),
            (
                "forcedflow cascade, 10,000 scenarios",
                f"{_SYMBOL}, the archive, depth stated; 40,000 in all, both ways",
                (*_COMMAND, "cascade", _SYMBOL, *_DEPTH, "--scenarios", "10000", *at_lake),
            ),
        )
        if archive is None:
            for what, size, _ in wanted:
                yield Result("startup", what, size, skipped=f"{_VARIABLE} is not set")
            return
        _call(_import(archive, lake))
        for case in wanted:
            yield _against(bare, case, budgets, runs)


def importing(budgets: dict[str, Budget], runs: int) -> Iterator[Result]:
    """Yield how long the archive takes into an empty lake, and a second time into the same."""
    names = ("binance-vision, fresh lake", "binance-vision, once more")
    archive = _archive()
    if archive is None:
        for name in names:
            yield Result("import", name, "", skipped=f"{_VARIABLE} is not set")
        return
    files = [path for path in archive.rglob("*.zip") if path.is_file()]
    size = f"{len(files):,} files, {sum(p.stat().st_size for p in files) / 2**20:.1f} MiB"
    with tempfile.TemporaryDirectory(prefix="forcedflow-bench-") as folder:
        root = Path(folder)

        def fresh() -> Path:
            return Path(tempfile.mkdtemp(dir=root)) / "lake"

        def read(lake: Path) -> None:
            _call(_import(archive, lake))

        filled = fresh()
        read(filled)
        prepares: tuple[Callable[[], Path], ...] = (fresh, lambda: filled)
        for name, prepare in zip(names, prepares, strict=True):
            timing = measure(prepare, read, min(runs, 3))
            yield Result("import", name, size, timing, budget=budgets[name])


def _archive() -> Path | None:
    folder = os.environ.get(_VARIABLE)
    return Path(folder) / "binance-vision" if folder else None


def _import(archive: Path, lake: Path) -> tuple[str, ...]:
    return (*_COMMAND, "import", "binance-vision", str(archive), "--lake", str(lake), "--json")


def _against(
    bare: Timing, case: tuple[str, str, Sequence[str]], budgets: dict[str, Budget], runs: int
) -> Result:
    what, size, command = case
    return Result(
        group="startup",
        what=what,
        size=size,
        timing=_warm(command, runs),
        peer="python -c pass",
        peer_s=bare.best_s,
        budget=budgets[what],
    )


def _warm(command: Sequence[str], runs: int) -> Timing:
    # Once unmeasured: compiles byte code and kernels, and brings the files into memory.
    _call(command)
    return measure(lambda: command, _call, runs)


def _call(command: Sequence[str]) -> None:
    # A user's interpreter keeps its byte code; a shell that forbids it would be measured instead.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        command, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment
    )
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip()
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}: {said}")

"""``python -m benchmarks [--json] [--out FILE] [--runs N] [name…]``: measure and print one table.

In:  names of groups; by default all but those that take many minutes or another library's install.
Out: a table on standard output; a file only where ``--out`` names one. No time is ever asserted.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from benchmarks import (
    against_ccxt,
    bucket,
    cascade,
    checklist,
    commands,
    dashboard,
    decode,
    events,
    forecast,
    image,
    ladder,
    live_loop,
    playbook,
    recording,
    sandbox,
    scale_out,
    signals,
)
from benchmarks.ladder_peer import find_compiler
from benchmarks.measure import Budget, Result, machine, read_budgets, table

_GROUPS: dict[str, Callable[[dict[str, Budget], int], Iterator[Result]]] = {
    "ladder": ladder.run,
    "image": image.run,
    "cascade": cascade.run,
    "signals": signals.run,
    "forecast": forecast.run,
    "live": live_loop.run,
    "checklist": checklist.run,
    "playbook": playbook.run,
    "startup": commands.startup,
    "import": commands.importing,
    "sandbox": sandbox.run,
    "decode": decode.run,
    "events": events.run,
    "dashboard": dashboard.run,
    "recording": recording.run,
    "against_ccxt": against_ccxt.run,
    "scale-out": scale_out.run,
    "bucket": bucket.run,
}
# Six minutes; another library's install; Ray and many minutes; a server for a bucket.
_ON_REQUEST = frozenset({"recording", "against_ccxt", "scale-out", "bucket"})


def main() -> None:
    """Run the named groups and print what they took."""
    asked = _arguments()
    budgets = read_budgets()
    results: list[Result] = []
    groups = _GROUPS | {"recording": partial(recording.run, seconds=asked.seconds)}
    for name in asked.names or [name for name in groups if name not in _ON_REQUEST]:
        sys.stderr.write(f"measuring {name} …\n")
        results += groups[name](budgets.get(name, {}), asked.runs)
    here = machine()
    if asked.json:
        value = {"machine": here, "results": [result.as_json() for result in results]}
        text = json.dumps(value, indent=2, ensure_ascii=False)
    else:
        text = table(results) + "\n\n" + ", ".join(f"{k} {v}" for k, v in here.items())
        if find_compiler() is None:
            text += "\nno C compiler called cc: the ladder was measured without its peer"
    sys.stdout.write(text + "\n")
    if asked.out is not None:
        asked.out.write_text(text + "\n", encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join(_GROUPS))
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--out", type=Path, help="also write what is printed to this file")
    parser.add_argument("--runs", type=int, default=5, help="runs per measurement, 3 or more")
    parser.add_argument(
        "--seconds", type=float, default=recording.SECONDS, help="length of the recording"
    )
    asked = parser.parse_args()
    if unknown := sorted(set(asked.names) - set(_GROUPS)):
        parser.error(f"no benchmark called {', '.join(unknown)}; there are {', '.join(_GROUPS)}")
    if asked.runs < 3:
        parser.error("fewer than three runs say nothing about the spread")
    return asked


if __name__ == "__main__":
    main()

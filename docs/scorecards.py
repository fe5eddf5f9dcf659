"""Write ``docs/scorecard.md`` from recorded data: every row of the map's and the magnet's scorecards.

In:  ``FORCEDFLOW_REAL_DATA``.   Out: the page, real data alone; simulated results stand apart, in
     ``docs/theory/calibration.md`` and ``docs/theory/sandbox.md``.
Takes minutes, so neither ``make docs`` nor the tests run it: ``python docs/scorecards.py``.
"""
# ruff: noqa: INP001, E501 - a script, not a package; prose keeps its lines

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from forcedflow.cli.app import run

PAGE = Path(__file__).resolve().parent / "scorecard.md"
FIT_TO, TO = "2026-01-26", "2026-03-15"
MAGNET_FROM = "2025-12-15"
FILES = {
    "binance-vision": ["binance-vision/data/futures/um"],
    "coinglass": ["coinglass/coinglass_BTC_1h.csv", "coinglass/coinglass_BTC_liquidation_1h.csv"],
}
VOLUME = {"candles": ["candles"]}

HEAD = """\
# Scorecard

What the numbers were worth on hours they had not seen, each beside what would expose it. Recorded
**development** data: it was looked at while the model was built, so read it as a fair description and
not as an examination. Simulated results stand apart: [the calibrated map](theory/calibration.md),
[the simulated exchange](theory/sandbox.md).

Liquidations are CoinGlass's sum over Binance, Bybit and OKX, a sampled lower bound; open interest is
Binance's. `gain` above zero is in our favour; intervals are 95 %, whole days drawn again; `p adj.` is
Benjamini and Hochberg's over the table. Rewritten by `python docs/scorecards.py`.

**In words.** Given the hour's path, the map explains more of bitcoin's liquidations than the path alone,
and the interval of that gain is above zero. Over the price-history placebo `unif`, which knows no open
interest at all, the gain is positive and its interval includes zero: until it does not, this is a
price-history map with open interest as its scale. Without hourly volume the gain is smaller. Price is not
drawn to clusters within what ninety days can tell.

"""


def main() -> int:
    """Import, score, write."""
    named = os.environ.get("FORCEDFLOW_REAL_DATA")
    if not named:
        sys.stderr.write("FORCEDFLOW_REAL_DATA is not set; there is nothing to score\n")
        return 3
    parts = [HEAD]
    with tempfile.TemporaryDirectory() as folder:
        lake, out = Path(folder) / "lake", Path(folder) / "part.md"
        _import(Path(named), FILES, lake)
        score = ["scorecard", "map", "--symbol", "BTC", "--fit-to", FIT_TO, "--to", TO]
        runs = (
            ("without the hourly volume, one fit", score),
            ("without the hourly volume, fitted again every week", [*score, "--walk"]),
        )
        parts += [_scored(arguments, lake, out, title) for title, arguments in runs]
        _import(Path(named), VOLUME, lake)
        runs = (
            ("with the hourly volume, one fit, placebos included", [*score, "--placebos"]),
            ("with the hourly volume, fitted again every week", [*score, "--walk"]),
            (
                "is price drawn to clusters? not within these ninety days",
                [
                    "scorecard",
                    "magnet",
                    "--symbol",
                    "BTC,ETH,SOL,DOGE",
                    "--from",
                    MAGNET_FROM,
                    "--to",
                    TO,
                ],
            ),
        )
        parts += [_scored(arguments, lake, out, title) for title, arguments in runs]
    PAGE.write_text("\n".join(parts), encoding="utf-8")
    return 0


def _import(data: Path, files: dict[str, list[str]], lake: Path) -> None:
    for kind, paths in files.items():
        status = run(["import", kind, *(str(data / path) for path in paths), "--lake", str(lake)])
        if status:
            raise SystemExit(status)


def _scored(arguments: list[str], lake: Path, out: Path, title: str) -> str:
    status = run([*arguments, "--lake", str(lake), "--out", str(out)])
    if status:
        raise SystemExit(status)
    table = out.read_text(encoding="utf-8")
    heading, rest = table.split("\n", 1)
    return f"{heading}: {title}\n{rest}"


if __name__ == "__main__":
    sys.exit(main())

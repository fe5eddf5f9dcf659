"""Write ``docs/scorecard.md`` from recorded data: the scorecards of all that is scored.

In:  ``FORCEDFLOW_REAL_DATA``.   Out: the page, real data alone; simulated results stand apart, in
     ``docs/theory/calibration.md`` and ``docs/theory/sandbox.md``.
Takes minutes, so neither ``make docs`` nor the tests run it: ``python docs/scorecards.py``.
"""
# ruff: noqa: INP001, E501 - a script, not a package; prose keeps its lines

from __future__ import annotations

import io
import json
import os
import sys
import tempfile
from contextlib import redirect_stdout
from pathlib import Path

import crash_onset
from matplotlib.figure import Figure

from forcedflow.cli.app import run

PAGE = Path(__file__).resolve().parent / "scorecard.md"
PLOT = Path(__file__).resolve().parent / "theory" / "calibration.png"
FIT_TO, TO = "2026-01-26", "2026-03-15"
MAGNET_FROM = "2025-12-15"
REGIMES_FROM = "2025-12-08"  # a week of open interest is needed for ranks
FILES = {
    "binance-vision": ["binance-vision/data/futures/um"],
    "coinglass": ["coinglass/coinglass_BTC_1h.csv", "coinglass/coinglass_BTC_liquidation_1h.csv"],
}
VOLUME = {"candles": ["candles"]}
FROZEN, FROZEN_TO = ("2026-02-05T12:00Z", "2026-02-05T18:00Z"), "2026-02-06T12:00Z"

CASCADES = """\
## cascade: two freezes before the fall of 6 February 2026, and the seconds of 10 October 2025

Single cases, told because they are asked about; they prove nothing. What the engine is worth where causes
are known stands in [the trial of cascades](theory/cascade-trial.md), simulated. Nothing was read after the
freeze but what it is compared with. The mixture was fitted to 2026-01-26. **No book was held**: depth is
from the day's volume, and its 10 and 90 % are a factor of 27 apart, so the interval of every row that depth
enters is nearly empty of news. The shock that was not liquidations is not published, so where the fall
should have ended is not scored.

"""

OCTOBER = """\

**10 October 2025, what-if.** No open interest was held and the published bids were stale from about 15:00, so
open interest (2, 5, 10 billion dollars), insurance fund (0.01 to 1 % of it), depth and the share of the fall
that came for other reasons are stated. The fall of Binance's mark from 21:15 to 21:20 is given, at an even
pace; only the seconds from the first liquidation to the first auto-deleveraging are compared, and they were
printed by Hyperliquid. The table is printed by `python docs/crash_onset.py`.

"""

SIGNALS = """\
## signals, binance: what followed where one fired, four coins together; nothing is told from chance

How a firing is compared stands in [the record of signals](theory/signals-record.md). Rows of each coin are left
out here; `p adj.` counts them too. Venue alignment is missing: no second venue's open interest was held. Thin
liquidity is by usual volume alone: no depth was held.

"""

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
drawn to clusters within what ninety days can tell. What follows where a signal fires cannot be told from
moments alike. Of cascades recorded data decide nothing: no book was
held, and what pushed price is not published. What plans of a [second leg](theory/second-leg.md) came to after
costs cannot be told from zero. What is said to follow a [regime](theory/regimes.md) was not seen to follow.

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
            (
                "what plans after an impulse came to: cannot be told from zero",
                [
                    "scorecard",
                    "second-leg",
                    "--symbol",
                    "BTC,ETH,SOL,DOGE",
                    "--from",
                    MAGNET_FROM,
                    "--to",
                    TO,
                ],
            ),
            (
                "what followed where a kind of market was named: nothing told from chance",
                [
                    "scorecard",
                    "regimes",
                    "--symbol",
                    "BTC,ETH,SOL,DOGE",
                    "--from",
                    REGIMES_FROM,
                    "--to",
                    TO,
                ],
            ),
        )
        parts += [_scored(arguments, lake, out, title) for title, arguments in runs]
        parts.append(_signals(lake, out))
        parts.append(_cascades(lake, out, Path(named)))
        _plot(score, lake)
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


def _signals(lake: Path, out: Path) -> str:
    """Return the rows of signals over all coins."""
    span = ["--from", MAGNET_FROM, "--to", TO]
    score = ["scorecard", "signals", "--symbol", "BTC,ETH,SOL,DOGE", *span]
    _, *lines = _scored(score, lake, out, "").splitlines()
    return SIGNALS + "\n".join(line for line in lines if "/USDT:USDT |" not in line) + "\n"


def _cascades(lake: Path, out: Path, data: Path) -> str:
    """Return the frozen cases of February and the onsets of October."""
    if status := run(["train", "map", "--symbol", "BTC", "--fit-to", FIT_TO, "--lake", str(lake)]):
        raise SystemExit(status)
    cases = [
        _scored(
            ["scorecard", "cascade", "--symbol", "BTC", "--from", at, "--to", FROZEN_TO],
            lake,
            out,
            f"frozen at {at}",
        ).replace("## cascade", "### cascade", 1)
        for at in FROZEN
    ]
    return "\n".join([CASCADES, *cases, OCTOBER, crash_onset.table(*crash_onset.crash(data))])


def _plot(arguments: list[str], lake: Path) -> None:
    """Draw predicted over actual by decile of the prediction and by month, with intervals."""
    printed = io.StringIO()
    with redirect_stdout(printed):
        status = run([*arguments, "--lake", str(lake), "--json"])
    if status:
        raise SystemExit(status)
    rows = [
        row
        for row in json.loads(printed.getvalue())["results"]
        if row["metric"] == "predicted_actual" and ":" in row["id"].rsplit("none", 1)[1]
    ]
    figure = Figure(figsize=(11, 4.2), dpi=110, layout="constrained")
    axes = figure.subplots(1, 2, sharey=True, width_ratios=(2.2, 1))
    for side, shift, color in (
        ("long", -0.2, "#d1495b"),
        ("short", 0.0, "#2a9d8f"),
        ("pooled", 0.2, "#333333"),
    ):
        for part, words in ((0, ("decile", "top")), (1, ("20",))):
            chosen = [
                row
                for row in rows
                if row["side"] == side and row["id"].rsplit(":", 1)[1].startswith(words)
            ]
            at = [i + shift for i in range(len(chosen))]
            value = [row["value"] for row in chosen]
            low = [row["value"] - row["ci"][0] for row in chosen]
            high = [row["ci"][1] - row["value"] for row in chosen]
            axes[part].errorbar(at, value, yerr=(low, high), fmt="o", ms=4, color=color, label=side)
            names = [row["id"].rsplit(":", 1)[1].removeprefix("decile ") for row in chosen]
            axes[part].set_xticks(range(len(chosen)), names, fontsize=8)
    for part, label in zip(
        axes, ("decile of the expectation, 1 is the lowest", "month"), strict=True
    ):
        part.axhline(1.0, color="#888888", linewidth=0.8)
        part.axhspan(0.8, 1.25, color="#888888", alpha=0.12)
        part.set_yscale("log")
        part.set_ylim(0.3, 3.5)
        part.set_yticks([0.5, 0.8, 1.0, 1.25, 2.0], ["0.5", "0.8", "1", "1.25", "2"])
        part.minorticks_off()
        part.set_xlabel(label, fontsize=9)
    axes[0].set_ylabel("predicted over actual")
    axes[0].legend(frameon=False, fontsize=8, ncols=3)
    figure.suptitle(
        f"BTC, recorded development data: fitted to {FIT_TO}, scored hour by hour to {TO}; 95 %, days drawn again",
        fontsize=10,
    )
    figure.savefig(PLOT, metadata={"Software": None})


if __name__ == "__main__":
    sys.exit(main())

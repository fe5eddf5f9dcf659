"""Write ``docs/scorecard-forecast.md`` from what ``forcedflow scorecard forecast --json`` printed.

In:  two files: of recorded data, and of the simulated trial.   Out: the page, each part apart.
The two commands take many minutes, so neither ``make docs`` nor the tests run them.
"""
# ruff: noqa: INP001, E501 - a script, not a package; prose keeps its lines

from __future__ import annotations

import json
import sys
from pathlib import Path

PAGE = Path(__file__).resolve().parent / "scorecard-forecast.md"
HORIZONS = ("1h", "4h", "8h", "24h")
NAMES = {
    "climatology": "hour of week",
    "volatility": "volatility and hour",
    "liquidations": "volatility and past liquidations",
    "no_map": "all but the map",
    "placebo": "a map of price history alone",
    "boosted_trees": "boosted trees",
    "garch": "GARCH-t",
    "filtered_history": "filtered history",
    "excitation": "self-excitation",
    "features": "all but the map",
    "distance": "distance to the named cluster",
    "price_history": "a map of price history alone",
    "stale_map": "the map of a day ago",
    "base_rate": "base rate",
    "one": "1",
}

HEAD = """\
# Scorecard of the forecast

What the forecast was worth on hours it had not seen, beside every opponent. `gain` above zero is in our favour;
intervals are 95 %, whole days drawn again, all markets of a day together; `p adj.` is Benjamini and Hochberg's
over the whole run, of which this page shows the pooled rows. **No gain in timing is claimed below 100 event
days.** How to read twelve per cent stands in [when a cascade starts](theory/forecast-timing.md), what the sizes
rest on in [how much will be closed](theory/forecast-sizes.md).

"""

REAL = """\
## Recorded data: four coins on Binance

`forcedflow scorecard forecast --symbol BTC,ETH,SOL,DOGE --venue binance --fit-to 2026-01-26 --to 2026-03-14`,
refitted every week. Development data: it was looked at while the model was built. Liquidations by the hour are
held of bitcoin alone (the sum of Binance, Bybit and OKX, a sampled lower bound).

**In words.** Sizes beat volatility and hour at every horizon but four hours. Beside volatility *and past
liquidations*, which is the opponent that counts, the gain is told from nothing at eight hours alone (2.4 %) and
nowhere reaches the three per cent that were aimed at. The map adds to everything else at 24 hours (3.2 %), but a
map of price history alone adds nearly as much; over that one it is ahead at eight hours by 1.2 %. Quantiles hold
what they promise at one and four hours, and are a little wide at eight and 24. Of *when*, nothing is told from
climatology: there were 4 to 26 event days. That price goes on from a named cluster to the next is told well, but
as well by the distance to the cluster.

"""

TRIAL = """\
## SIMULATED: two years of three simulated markets

`forcedflow scorecard forecast --trial`, refitted every eight weeks. Simulated events follow the rules of the
simulation; that a forecast finds them says that it can, not that markets do.

**In words.** Event C2: every horizon beats climatology and volatility, and what is said holds (slopes .90 to 1.05).
The map adds nothing to it. At one alarm a week a quarter of events is caught within 24 hours, one alarm in ten is
right, and climatology is as good at that. The absolute event is told too timidly (slopes of 1.3), event C1 too boldly
(slopes of .4 to .7, 34 event days): read what they say with that in mind. The chain from a named cluster to the next
is where the map itself earns its keep: .06 to .14 bits over a map of price history alone, on 240 event days. Permuted
labels gain nothing worth the name anywhere.

"""


def main(real: str, trial: str) -> None:
    """Write the page."""
    parts = [HEAD]
    for intro, path in ((REAL, real), (TRIAL, trial)):
        told = json.loads(Path(path).read_text(encoding="utf-8"))
        rows = told["results"]
        parts += [intro, f"Run on {told['generated_at'][:10]}, {len(rows):,} rows.\n\n"]
        parts += [_sizes(rows), _timing(rows)]
    PAGE.write_text("".join(parts).rstrip("\n") + "\n", encoding="utf-8")


def _sizes(rows: list[dict]) -> str:
    found = [
        row
        for row in rows
        if row["product"] == "forecast" and row["event"] == "size" and row["side"] == "pooled"
    ]
    if not found:
        return ""
    gains = [
        [row["horizon"], NAMES[row["baseline"]], *_compared(row, percent=True)]
        for horizon in HORIZONS
        for row in found
        if row["horizon"] == horizon and row["metric"] == "pinball_mean"
    ]
    covered = [
        [horizon, *(_share(found, horizon, level) for level in (50, 90, 95, 99))]
        for horizon in HORIZONS
    ]
    return (
        "### How much will be closed, both sides together\n\n"
        "Gain in mean pinball loss over four quantiles, in per cent of the opponent's.\n\n"
        + _table(["ahead", "against", "gain", "95 %", "p adj.", "n", "days"], gains)
        + "\nShare of hours that stayed below each quantile.\n\n"
        + _table(["ahead", "50 %", "90 %", "95 %", "99 %"], covered)
        + "\n"
    )


def _share(rows: list[dict], horizon: str, level: int) -> str:
    for row in rows:
        if (row["horizon"], row["metric"]) == (horizon, f"coverage_{level}"):
            return f"{100 * row['value']:.1f} % {_interval(row['ci'], 100, 1)}"
    return "–"


def _timing(rows: list[dict]) -> str:
    found = [row for row in rows if row["product"] == "timing" and row["symbol"] == "pooled"]
    found = [row for row in found if row["side"] == "pooled"]
    text = ""
    for event in dict.fromkeys(row["event"] for row in found):
        of_event = [row for row in found if row["event"] == event]
        gains = [
            [row["horizon"], row["model"], NAMES[row["baseline"]], *_compared(row, percent=False)]
            for horizon in HORIZONS
            for row in of_event
            if row["horizon"] == horizon
            and row["metric"] == "bits_per_event"
            and row["model"] != "trees"  # scored, never chosen; they stand in the command's answer
        ]
        told = [
            [horizon, *(_figure(of_event, horizon, name) for name in _TOLD)] for horizon in HORIZONS
        ]
        text += (
            f"### When: event {event}, markets and sides together\n\n"
            "Bits per event that the forecast saves over each opponent; `days` are days with an event.\n\n"
            + _table(["ahead", "model", "against", "gain", "95 %", "p adj.", "n", "days"], gains)
            + "\nThe forecast that is shown; in brackets climatology's.\n\n"
            + _table(["ahead", *_TOLD.values()], told)
            + "\n"
        )
    return text


_TOLD = {
    "reliability_slope": "reliability slope",
    "pr_auc": "PR-AUC (base rate)",
    "recall_1_a_week": "recall at one alarm a week",
    "precision_1_a_week": "precision",
    "lead_h_1_a_week": "median lead [h]",
    "alarms_a_day_1_a_week": "alarms a day",
    "recall_1_a_day": "recall at one alarm a day",
    "precision_1_a_day": "precision ",
}


def _figure(rows: list[dict], horizon: str, metric: str) -> str:
    for row in rows:
        if (row["horizon"], row["metric"], row["model"]) != (horizon, metric, "chosen"):
            continue
        if row["value"] is None:
            return "–"
        if metric == "reliability_slope":
            return f"{row['value']:.2f} {_interval(row['ci'], 1, 2)}".strip()
        theirs = row["baseline_value"]
        return f"{row['value']:.3f}" + ("" if theirs is None else f" ({theirs:.3f})")
    return "–"


def _compared(row: dict, *, percent: bool) -> list[str]:
    scale, digits = (100, 1) if percent else (1, 3)
    gain, p_adj = row["gain"], row["p_adj"]
    return [
        "–" if gain is None else f"{scale * gain:+.{digits}f}" + (" %" if percent else ""),
        _interval(row["ci"], scale, digits) or "–",
        "–" if p_adj is None else f"{p_adj:.3f}",
        f"{row['n']:,}",
        f"{row['n_days']:,}",
    ]


def _interval(ends: list[float | None] | None, scale: float, digits: int) -> str:
    if not ends or any(end is None for end in ends):
        return ""
    return f"[{scale * ends[0]:.{digits}f}, {scale * ends[1]:.{digits}f}]"


def _table(heads: list[str], rows: list[list[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    main(*sys.argv[1:])

"""What plans and regimes came to, in the words that stand on the page and in JSON.

In:  `LegRecord`, `RegimeRecord`.   Out: one sentence each, nothing but text.
Pure: values in, text out; no I/O, no clock.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime

from forcedflow.playbook.past_legs import LEAST_DAYS, LEAST_PLANS
from forcedflow.playbook.record import LegRecord, RegimeRate, RegimeRecord, Scored
from forcedflow.units import format_usd

_UNNAMED = ("unclassified", "unknown")


def leg_record_words(record: LegRecord) -> str:
    """Return what plans after a second leg's pause came to.

    Parameters
    ----------
    record : LegRecord
    """
    rate = record.past.net_rate()
    size = format_usd(record.past.size_usd)
    counted = f"{rate.n} plans on {rate.n_days} days {_span(record.scored)}"
    if not math.isfinite(rate.low_bps):
        return (
            f"no base rate: {counted}, {LEAST_PLANS} plans on {LEAST_DAYS} days with known costs "
            "are needed"
        )
    if rate.above_zero:
        told = "above zero"
    elif rate.high_bps < 0:
        told = "a loss"
    else:
        told = "cannot be told from zero"
    return (
        f"plans like this came to {_signed(rate.mean_bps)} bps after costs at {size} "
        f"[{_signed(rate.low_bps)}, {_signed(rate.high_bps)}], {counted}: {told}"
    )


def regime_record_words(record: RegimeRecord, regime: str) -> str:
    """Return what followed a regime; where none is named now, how many claims were shown at all.

    Parameters
    ----------
    record : RegimeRecord
    regime : str
        As a reading names it.
    """
    span = _span(record.scored)
    if regime in _UNNAMED:
        shown = sum(rate.shown for rate in record.rates)
        return f"none is named now; of {len(record.rates)} claims {shown} were shown, {span}"
    rates = record.of(regime)
    if not rates:
        return f"began too rarely to say what follows, {span}"
    return f"{'; '.join(_rate(rate) for rate in rates)}; {span}"


def _rate(rate: RegimeRate) -> str:
    name = ", ".join(
        word for word in (rate.metric.replace("_", " "), rate.horizon, rate.part) if word
    )
    if rate.side != "pooled":
        name = f"{name}, {rate.side}"
    beside = "of moves down" if rate.baseline == "down" else "at moments alike"
    if "+" in rate.baseline:
        beside += f" in {rate.baseline.split('+', 1)[1]} too"
    figures = f"{_signed(rate.value, 2)} beside {_signed(rate.matched, 2)} {beside}"
    interval = ""
    if rate.low is not None and rate.high is not None:
        interval = f", gain [{_signed(rate.low, 2)}, {_signed(rate.high, 2)}]"
    if rate.shown:
        told = "shown"
    elif rate.refuted:
        told = "the opposite of what is said"
    else:
        told = "cannot be told from chance"
    return f"{name}: {figures}{interval}, {rate.n} on {rate.n_days} days: {told}"


def _span(scored: Scored) -> str:
    coins = ", ".join(dict.fromkeys(symbol.split("/")[0] for symbol in scored.symbols))
    days = f"({coins}, {_day(scored.from_ms)} to {_day(scored.to_ms)})"
    return f"{days} SIMULATED" if scored.simulated else days


def _signed(value: float, digits: int = 1) -> str:
    return f"{value:+.{digits}f}".replace("-", "−")


def _day(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d")

"""Observations made by hand, for rules to be judged by."""

from __future__ import annotations

from forcedflow.alerts.observation import Observation
from forcedflow.alerts.rules_file import parse_rules
from forcedflow.signals.reading import Reading
from forcedflow.signals.score import Loading
from forcedflow.units import MINUTE_MS
from forcedflow.zones import Zone

START_MS = 1_770_336_000_000  # 2026-02-06 00:00Z


def seen(minute=0, mark=100.0, **stated):
    """BTC on binance so many minutes after the start."""
    told = {
        "venue": "binance",
        "symbol": "BTC/USDT:USDT",
        "at_ms": START_MS + round(minute * MINUTE_MS),
        "mark": mark,
        "low": mark,
        "high": mark,
        "ages": (("open_interest", 30.0),),
        "assumptions": ("stated prior mixture, not calibrated",),
        "tick_size": 0.1,
    }
    return Observation(**{**told, **stated})


def cluster(side="long", peak=99.0, usd=60e6, away=None, **stated):
    """A cluster half a percent wide around its densest price, seen from a mark of 100."""
    distance = 100 * (peak / 100 - 1) if away is None else away
    told = {
        "notional_usd_low": usd / 2,
        "notional_usd_high": usd * 2,
        "distance_pct": distance,
        "distance_sigma": distance / 4,
        "age_h": 12.0,
        "share_of_oi": 0.02,
        "rank": 1,
        "major": True,
    }
    return Zone(side, peak * 0.9975, peak * 1.0025, peak, usd, **{**told, **stated})


def reading(signal="pressure", verdict="on", **stated):
    told = {
        "title": "Pressure without movement",
        "value": 0.93,
        "unit": "1",
        "threshold": 0.9,
        "threshold_words": "90 % of the trailing 30 days",
        "direction": "down",
        "why": "open interest rises while the price stands",
        "inputs": (("open_interest", 30.0),),
    }
    return Reading(signal=signal, verdict=verdict, **{**told, **stated})


def loading(score, down=0.0, up=0.0):
    return Loading(score, down, up, 8.0, 8.0, ("pressure",), ("sweeps",), ())


def book(*rules, targets="[targets.desk]\nkind='apprise'\nurl_env='MADE_URL'", delivery=""):
    """A rule book of rules written as TOML, each without its name and targets."""
    blocks = [
        f"[[rules]]\nname='rule {place}'\ntargets=['desk']\n{rule}"
        for place, rule in enumerate(rules)
    ]
    return parse_rules("\n".join([delivery, targets, *blocks]))

"""Situations to judge: one of the simulated exchange, and what is put in its place by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from forcedflow.asof.situation import read_situation
from forcedflow.instruments import parse_symbol
from forcedflow.sandbox.market import SandboxMarket, join
from forcedflow.sandbox.simulate import START_MS
from forcedflow.sandbox.venue import SandboxVenue
from forcedflow.signals.registry import read_signals
from forcedflow.store import Lake
from forcedflow.units import DAY_MS
from forcedflow.zones import Zone

DAYS = 9
TRADERS = 300


def sandbox_lake(folder, venues=("sandbox",), seed=5):
    """A lake of nine simulated days on some venues, and the moment of their end."""
    simulated = SandboxMarket("calm", TRADERS, seed)
    end_ms = simulated.opened_ms + DAYS * DAY_MS
    held = Lake(folder, create=True)
    held.write({"calendar_events": simulated.scheduled_events()})
    for name in venues:
        venue = SandboxVenue(simulated, name)
        tables = sorted(venue.capabilities.backfilled)
        symbol = venue.instruments()[0].symbol
        held.write(join(list(venue.backfill(tables, symbol, START_MS, end_ms))))
    return held, end_ms


def sandbox_situation(folder, **asked):
    held, end_ms = sandbox_lake(folder)
    instrument = parse_symbol("SIM", "sandbox")
    return read_situation(held, instrument, end_ms, **{"scenarios": 400, **asked})


def with_columns(situation, **columns):
    """The situation with features replaced: a column, or one figure for all of it."""
    features = situation.features
    laid = {
        name: np.broadcast_to(np.asarray(column, dtype=float), features.times_ms.shape).copy()
        for name, column in columns.items()
    }
    features = features.joined(laid)
    return replace(situation, features=features, readings=read_signals(features))


def with_reading(situation, signal, **stated):
    readings = tuple(
        replace(reading, **stated) if reading.signal == signal else reading
        for reading in situation.readings
    )
    return replace(situation, readings=readings)


def zone(situation, side, low, high, **stated):
    """A cluster by its borders as shares of the mark: ``zone(s, "short", 1.02, 1.03)``."""
    mark, sigma = situation.mark, situation.mapped.sigma_day
    near = high if side == "long" else low
    told = {
        "notional_usd": 1e6,
        "notional_usd_low": 5e5,
        "notional_usd_high": 2e6,
        "distance_pct": 100 * (near - 1),
        "distance_sigma": float(np.log(near)) / sigma,
        "age_h": 3.0,
        "share_of_oi": 0.05,
        "rank": 1,
        "major": True,
    }
    return Zone(side, low * mark, high * mark, (low + high) / 2 * mark, **{**told, **stated})

"""Records as of a moment: what plans and regimes had come to on spans that were over by then.

In:  a lake, an instrument, a moment. [UTC ms]   Out: `LegRecord`, `RegimeRecord`, or None.
Reads the lake; nothing else.
"""

from __future__ import annotations

import msgspec
import numpy as np

from forcedflow.instruments import Instrument
from forcedflow.playbook.past_legs import PastLegs
from forcedflow.playbook.record import LegRecord, RegimeRate, RegimeRecord, Scored
from forcedflow.store import Lake
from forcedflow.store.pooled_record import HeldLegs, HeldRegimes, newest_legs, newest_regimes


def read_leg_record(lake: Lake, instrument: Instrument, at_ms: int) -> LegRecord | None:
    """Return what second legs came to, of the newest record that counts the instrument.

    Parameters
    ----------
    lake : Lake
    instrument : Instrument
    at_ms : int
        The span scored had ended by then. [UTC ms]

    Raises
    ------
    DamagedFileError
        If a record that comes into question is damaged.
    """
    held = newest_legs(lake.refreshed("artefacts"), instrument.venue, instrument.symbol, at_ms)
    if held is None:
        return None
    past = PastLegs(
        known_ms=np.array(held.known_ms, dtype=np.int64),
        impulse_ms=np.array(held.impulse_ms, dtype=np.int64),
        to_extreme_ms=np.array(held.to_extreme_ms, dtype=np.int64),
        net_bps=np.array(held.net_bps, dtype=np.float64),  # None becomes NaN
        size_usd=held.size_usd,
    )
    return LegRecord(_scored(held), past)


def read_regime_record(lake: Lake, instrument: Instrument, at_ms: int) -> RegimeRecord | None:
    """Return what followed regimes, of the newest record that counts the instrument.

    Parameters
    ----------
    lake : Lake
    instrument : Instrument
    at_ms : int
        The span scored had ended by then. [UTC ms]

    Raises
    ------
    DamagedFileError
        If a record that comes into question is damaged.
    """
    held = newest_regimes(lake.refreshed("artefacts"), instrument.venue, instrument.symbol, at_ms)
    if held is None:
        return None
    rates = tuple(RegimeRate(**msgspec.structs.asdict(rate)) for rate in held.rates)
    return RegimeRecord(_scored(held), rates)


def _scored(held: HeldLegs | HeldRegimes) -> Scored:
    return Scored(held.venue, tuple(held.symbols), held.from_ms, held.to_ms, held.simulated)

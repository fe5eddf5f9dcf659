"""An alert: what fired, and the evidence to judge it without opening anything.

In:  a rule, an observation.   Out: `Alert`, a value; its text and its JSON.
Pure: values in, values out; no I/O, no clock, no global state.

The id is a digest of what fired, where and when: the same observation judged twice, as after a
crash, is the same alert.
"""

from __future__ import annotations

import hashlib
import math
from datetime import UTC, datetime

import msgspec

from forcedflow.alerts.observation import Observation
from forcedflow.units import format_age, format_pct, format_price, format_usd

SIMULATED = "SIMULATED"
REPLAY = "REPLAY"


class Level(msgspec.Struct, frozen=True):
    """A price that an alert is about, and what stands there.

    Parameters
    ----------
    side : str
        Side of the positions that would be closed.
    price, low, high : float
        Densest price and borders. [quote per base]
    distance_pct, distance_sigma : float, optional
        From the mark, signed; None where σ is unknown. [%, σ]
    usd, usd_low, usd_high : float
        Estimated notional if touched, with its band. [USD]
    """

    side: str
    price: float
    low: float
    high: float
    distance_pct: float
    distance_sigma: float | None
    usd: float
    usd_low: float
    usd_high: float


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that fired.

    Parameters
    ----------
    id : str
        Idempotency key: the same for every attempt to deliver it.
    rule, kind : str
    key : str
        What counts as the same alert, for cooldown.
    near_keys : tuple of str
        Keys that count as the same too: the neighbours of a quantised price.
    at_ms : int
        Moment of the observation. [UTC ms]
    venue, symbol : str
    title : str
        One line.
    reasons : tuple of str
        Why it fired, one sentence each, figures included.
    mark : float
        [quote per base]
    level : Level, optional
    factors : tuple of str
        What else was on then: signals with their values.
    loading : str, optional
        The loading score in words.
    ages : dict of str to float or None
        Age of what it rests on; None where there is no row. [s]
    assumptions : tuple of str
    simulated : bool
    note : str, optional
        What has to be said of its delivery.
    tick_size : float, optional
        [quote per base]
    replayed : bool
        Whether it is of the past, shown once more.
    """

    id: str
    rule: str
    kind: str
    key: str
    at_ms: int
    venue: str
    symbol: str
    title: str
    mark: float
    reasons: tuple[str, ...]
    near_keys: tuple[str, ...] = ()
    level: Level | None = None
    factors: tuple[str, ...] = ()
    loading: str | None = None
    ages: dict[str, float | None] = {}
    assumptions: tuple[str, ...] = ()
    simulated: bool = False
    note: str | None = None
    tick_size: float | None = None
    replayed: bool = False

    @property
    def subject(self) -> str:
        """Return the market's name: venue and symbol."""
        return f"{self.venue} {self.symbol}"

    def headline(self) -> str:
        """Return the title as it is sent; of a simulated market or of the past, it says so first.

        Examples
        --------
        >>> made = dict(id="1", rule="r", kind="k", key="k", at_ms=0, venue="v", symbol="S")
        >>> Alert(**made, title="near", mark=1.0, reasons=(), simulated=True).headline()
        'SIMULATED: near'
        """
        said = [*[SIMULATED] * self.simulated, *[REPLAY] * self.replayed]
        return f"{' '.join(said)}: {self.title}" if said else self.title

    def body(self) -> str:
        """Return the evidence as plain lines, the id last."""
        lines = [
            (
                f"{self.symbol} on {self.venue}, mark {format_price(self.mark, self.tick_size)}, "
                f"{utc(self.at_ms)}"
            ),
            *self.reasons,
        ]
        if self.level is not None:
            lines.append(level_words(self.level, self.tick_size))
        if self.loading:
            lines.append(f"loading: {self.loading}")
        if self.factors:
            lines.append(f"on: {'; '.join(self.factors)}")
        if self.ages:
            told = (
                f"{name} {'none' if age is None else format_age(1000 * age)}"
                for name, age in self.ages.items()
            )
            lines.append(f"ages: {', '.join(told)}")
        if self.assumptions:
            lines.append(f"assumes: {'; '.join(self.assumptions)}")
        if self.note:
            lines.append(self.note)
        lines.extend([f"rule: {self.rule} ({self.kind})", f"id: {self.id}"])
        return "\n".join(lines)


def make_alert(
    rule: str,
    kind: str,
    seen: Observation,
    key: str,
    title: str,
    reasons: tuple[str, ...],
    *,
    level: Level | None = None,
    near_keys: tuple[str, ...] = (),
    at_ms: int | None = None,
) -> Alert:
    """Return an alert with all the evidence that its observation holds.

    Parameters
    ----------
    rule, kind : str
    seen : Observation
    key : str
        What counts as the same within its rule and market.
    title : str
    reasons : tuple of str
    level : Level, optional
    near_keys : tuple of str
    at_ms : int, optional
        The moment, if it is not the observation's own, as of data that stopped. [UTC ms]

    Returns
    -------
    Alert
    """
    moment = seen.at_ms if at_ms is None else at_ms
    named = "\x1f".join([rule, kind, seen.venue, seen.symbol, key, str(moment)])
    return Alert(
        id=hashlib.sha256(named.encode()).hexdigest()[:32],
        rule=rule,
        kind=kind,
        key=key,
        near_keys=near_keys,
        at_ms=moment,
        venue=seen.venue,
        symbol=seen.symbol,
        title=title,
        mark=seen.mark,
        reasons=reasons,
        level=level,
        factors=tuple(
            f"{reading.title} ({reading.value:.4g} {reading.unit})".replace(" )", ")")
            for reading in seen.readings
            if reading.verdict == "on"
        ),
        loading=_loading_words(seen),
        ages=dict(seen.ages),
        assumptions=seen.assumptions,
        simulated=seen.simulated,
        tick_size=seen.tick_size,
        replayed=seen.replayed,
    )


def level_words(level: Level, tick_size: float | None) -> str:
    """Return what stands at a level, in one line."""
    sigma = "" if level.distance_sigma is None else f", {level.distance_sigma:+.2f} σ of 24 h"
    return (
        f"{level.side}s {format_usd(level.usd)} ({format_usd(level.usd_low)}–"
        f"{format_usd(level.usd_high)}) estimated if touched, densest at "
        f"{format_price(level.price, tick_size)}, from {format_price(level.low, tick_size)} to "
        f"{format_price(level.high, tick_size)}; {format_pct(level.distance_pct / 100)} away{sigma}"
    )


def utc(at_ms: int) -> str:
    """Return a moment to the second.

    Examples
    --------
    >>> utc(1770336000000)
    '2026-02-06 00:00:00Z'
    """
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def _loading_words(seen: Observation) -> str | None:
    if seen.loading is None:
        return None
    if math.isnan(seen.loading.score):
        return seen.loading.words
    return f"{seen.loading.score:.0f} of 100, {seen.loading.words}"

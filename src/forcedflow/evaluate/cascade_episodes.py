r"""Episodes: when a cascade began, how large the push was, and pushes alike that none followed.

In:  `Tape`, one market minute by minute. [quote per base, USD]
Out: `Episodes`: starts, sides, shocks, how far price went, what was closed by force. [1, USD]
Pure: NumPy in, NumPy out; no I/O, no clock; randomness is a seed.

A cascade is *detected* in the first minute that completes `LEAST_SHARE` of open interest closed by
force on one side within `WINDOW` minutes. It *begins* with the shortest run of minutes, ending
there, that holds as much; its origin is the mark at the end of the minute before. It is *emergent*
if liquidations caused `EMERGENT_SHARE` of what was closed, by what only a simulated market knows.

The *shock* is how far price would have gone without liquidations: at each minute the excursion less
what forced orders had moved by then, its largest over the window. Where that is not known it is the
excursion of the first minute, which holds the first of the cascade itself and is then too large.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from forcedflow.units import DAY_MS, F8, HOUR_MS, I8, F8x2

WINDOW = 30
"""Minutes over which an episode is followed."""

LEAST_SHARE = 0.002
"""Share of open interest closed by force on one side within `WINDOW` that makes a cascade. [1]"""

EMERGENT_SHARE = 0.2
"""Share of it that earlier liquidations must have caused, where causes are known. [1]"""

APART = 120
"""Minutes between the starts of two episodes of one side."""

LEAST_SHOCK = 1e-3
"""Shocks below are none: on the simulated exchange a few minutes of ordinary trading. [1]"""

MEMORY = 1_440
"""Minutes of price history that a push is compared with."""

CALIPER = 0.1
"""Largest difference of the logs of two shocks that count as alike. [1]"""

CASCADE, NO_CASCADE, ANY, LONELY = range(4)
"""Kinds of episodes: a cascade that pushes alike were found for; such a push that no cascade
followed, and one taken whatever followed; a cascade that none were found for, most of the largest.
All but the third are chosen by what followed, and flatter or slander whoever told it."""

_SIGN = np.array([-1.0, 1.0])
_HOURS = 6

B1 = np.ndarray[tuple[int], np.dtype[np.bool_]]


@dataclass(frozen=True, slots=True)
class Tape:
    """One market, ``n`` minutes without a gap.

    Parameters
    ----------
    start_ms : int
        Start of the first minute. [UTC ms]
    close, low, high : ndarray, shape (n,)
        Mark price. [quote per base]
    forced : ndarray, shape (n, 2)
        Closed by force on the venue that is scored, longs then shorts. [USD]
    open_interest : ndarray, shape (n,)
        Of that venue, one-sided. [USD]
    sigma_day : ndarray, shape (n,)
        Standard deviation of the log return over 24 h, known at the end of the minute. [1]
    caused : ndarray, shape (n, 2), optional
        The part of ``forced`` that earlier liquidations caused; simulated markets alone know. [USD]
    pushed : ndarray, shape (n, 2), optional
        How far that minute's forced orders moved price against the side, all venues: contracts
        over depth. Likewise. [1]
    kept : float
        Share of such a move that is still there a minute later. [1]
    """

    start_ms: int
    close: F8
    low: F8
    high: F8
    forced: F8x2
    open_interest: F8
    sigma_day: F8
    caused: F8x2 | None = None
    pushed: F8x2 | None = None
    kept: float = 1.0

    @property
    def size(self) -> int:
        """Return the number of minutes."""
        return int(self.close.size)

    def end_ms(self, minute: I8) -> I8:
        """Return the ends of minutes. [UTC ms]"""
        return np.asarray(self.start_ms + (minute + 1) * (HOUR_MS // 60))


@dataclass(frozen=True, slots=True)
class Episodes:
    """``m`` episodes of one market.

    Parameters
    ----------
    first : ndarray of int, shape (m,)
        First minute; everything forecast is as of the end of the minute before.
    side : ndarray of int, shape (m,)
        0 longs are closed, price falls; 1 shorts.
    shock : ndarray, shape (m,)
        Distance price went, or would have gone, for other reasons. [1]
    end : ndarray, shape (m,)
        Largest distance it went within the window. [1]
    forced : ndarray, shape (m,)
        Closed by force within the window on the venue that is scored. [USD]
    caused : ndarray, shape (m,)
        Share of it that earlier liquidations caused; NaN where unknown. [1]
    open_interest : ndarray, shape (m,)
        Of that venue at the start, one-sided. [USD]
    new_ground : ndarray, shape (m,)
        How far the shock goes beyond the extreme of the `MEMORY` minutes before; negative where
        price has been there already, and whoever stood there is gone. [1]
    kind : ndarray of int, shape (m,)
        `CASCADE`, `NO_CASCADE`, `ANY` or `LONELY`.
    day : ndarray of int, shape (m,)
        UTC day of the start.
    """

    first: I8
    side: I8
    shock: F8
    end: F8
    forced: F8
    caused: F8
    open_interest: F8
    new_ground: F8
    kind: I8
    day: I8

    @property
    def cascade(self) -> B1:
        """Return which are cascades."""
        return np.asarray((self.kind == CASCADE) | (self.kind == LONELY))

    @property
    def size(self) -> int:
        """Return the number of episodes."""
        return int(self.first.size)

    def take(self, chosen: I8 | B1) -> Episodes:
        """Return some of the episodes."""
        return Episodes(*(getattr(self, name)[chosen] for name in self.__slots__))


@dataclass(frozen=True, slots=True)
class Followed:
    """What a window beginning at each minute holds, shape (n - WINDOW, 2) each."""

    shock: F8x2
    end: F8x2
    forced: F8x2
    caused: F8x2


def follow(tape: Tape) -> Followed:
    """Return shock, end and forced flow of the window beginning at every minute but the first.

    Row ``i`` is the window ``[i + 1, i + 1 + WINDOW)``, its origin the close of minute ``i``.

    Raises
    ------
    ValueError
        If the tape is shorter than a window.
    """
    n = tape.size - WINDOW
    if n <= 0:
        raise ValueError(f"a tape has more than {WINDOW} minutes, found {tape.size}")
    origin = np.log(tape.close[:n])
    reach = np.stack([np.log(tape.low), np.log(tape.high)], axis=1)
    shock, end, pushed = np.zeros((n, 2)), np.zeros((n, 2)), np.zeros((n, 2))
    for k in range(1, WINDOW + 1):
        excursion = _SIGN * (reach[k : n + k] - origin[:, None])
        end = np.maximum(end, excursion)
        if tape.pushed is not None:
            pushed = tape.kept * pushed + tape.pushed[k : n + k]
            shock = np.maximum(shock, excursion - pushed)
        elif k == 1:
            shock = np.maximum(excursion, 0.0)
    forced = _trailing(tape.forced)[WINDOW:]
    nothing = np.full((n, 2), np.nan)
    caused = nothing if tape.caused is None else _trailing(tape.caused)[WINDOW:]
    return Followed(np.asarray(shock), np.asarray(end), forced, caused)


def find_cascades(tape: Tape, followed: Followed) -> Episodes:
    """Return the cascades of a tape; where causes are known, the emergent ones alone."""
    parts = [_starts(tape, side) for side in range(2)]
    first = np.concatenate(parts)
    side = np.repeat(np.arange(2), [part.size for part in parts])
    whole = first - 1 < followed.end.shape[0]
    found = _episodes(tape, followed, first[whole], side[whole], CASCADE)
    emergent = ~(found.caused < EMERGENT_SHARE)
    return found.take(emergent & (found.shock >= LEAST_SHOCK))


def match_pushes(
    tape: Tape, followed: Followed, cascades: Episodes, from_ms: int = 0
) -> tuple[Episodes, I8]:
    """Return cascades, and pushes alike where they are found.

    Alike: of the same side and tape, within `CALIPER` of the log shock, weekday or weekend, the
    same quarter of the day, the same third of the tape's volatilities. Each cascade has one push
    that no cascade followed, less than half of `LEAST_SHARE` being closed by force, and one taken
    elsewhere whatever followed. No push of a kind begins within `APART` of another.

    Parameters
    ----------
    tape : Tape
    followed : Followed
    cascades : Episodes
    from_ms : int
        Pushes begin then or later. [UTC ms]

    Returns
    -------
    episodes : Episodes
        Of all kinds.
    pair : ndarray of int
        The same number for those that belong together; -1 where there is no push alike.
    """
    n = followed.end.shape[0]
    minute = np.arange(1, n + 1)
    bucket = _bucket(tape, minute)
    pushed = followed.shock >= LEAST_SHOCK
    pushed &= (np.isfinite(tape.sigma_day[:n]) & (tape.end_ms(minute - 1) >= from_ms))[:, None]
    calm = pushed & (followed.forced < 0.5 * LEAST_SHARE * tape.open_interest[:n, None])
    for side in range(2):
        # Every large window is kept clear of, emergent or not.
        for start in _starts(tape, side).tolist():
            calm[max(0, start - 1 - APART) : start - 1 + APART, side] = False
    log_shock = np.log(np.maximum(followed.shock, 1e-12))
    found: list[tuple[int, int, int]] = []
    # The largest first: they have the fewest alike.
    for e in np.argsort(-cascades.shock, kind="stable").tolist():
        row, side = int(cascades.first[e]) - 1, int(cascades.side[e])
        apart = np.abs(log_shock[:, side] - np.log(cascades.shock[e]))
        apart[bucket != bucket[row]] = np.inf
        chosen = []
        for free in (calm, pushed):
            # Whatever followed: anywhere but here, where it is known what did.
            apart[max(0, row - APART) : row + APART + 1] = np.inf
            best = int(np.argmin(np.where(free[:, side], apart, np.inf)))
            if free[best, side] and apart[best] <= CALIPER:
                chosen.append(best)
        if len(chosen) == len((calm, pushed)):
            for free, best in zip((calm, pushed), chosen, strict=True):
                free[max(0, best - APART) : best + APART + 1, side] = False
            found.append((e, *chosen))
    kept = np.array([e for e, _, _ in found], dtype=np.int64)
    parts = [cascades.take(kept)]
    for place, kind in ((1, NO_CASCADE), (2, ANY)):
        first = np.array([push[place] + 1 for push in found], dtype=np.int64)
        parts.append(_episodes(tape, followed, first, cascades.side[kept], kind))
    lonely = cascades.take(np.setdiff1d(np.arange(cascades.size), kept))
    parts.append(replace(lonely, kind=np.full(lonely.size, LONELY, dtype=np.int64)))
    pair = np.tile(np.arange(kept.size), len(parts) - 1)
    return join_episodes(parts), np.concatenate([pair, np.full(lonely.size, -1)])


def join_episodes(parts: Sequence[Episodes]) -> Episodes:
    """Return the episodes of several, in their order."""
    return Episodes(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in Episodes.__slots__)
    )


def _starts(tape: Tape, side: int) -> I8:
    """First minutes of the runs that held enough, at least `APART` from one another."""
    forced = tape.forced[:, side]
    total = np.concatenate([[0.0], np.cumsum(forced)])
    needed = LEAST_SHARE * tape.open_interest
    trailing = total[1:] - total[np.maximum(np.arange(tape.size) + 1 - WINDOW, 0)]
    starts: list[int] = []
    for detected in np.flatnonzero((trailing >= needed) & (needed > 0) & (forced > 0)):
        # The shortest run: the last minute from which on as much was closed up to here.
        start = int(np.searchsorted(total, total[detected + 1] - needed[detected], "right")) - 1
        if start > 0 and (not starts or start - starts[-1] >= APART):
            starts.append(start)
    return np.array(starts, dtype=np.int64)


def _episodes(tape: Tape, followed: Followed, first: I8, side: I8, kind: int) -> Episodes:
    row = first - 1
    forced, caused = followed.forced[row, side], followed.caused[row, side]
    shock = followed.shock[row, side]
    with np.errstate(invalid="ignore", divide="ignore"):
        share = caused / forced
    return Episodes(
        first=first,
        side=side,
        shock=shock,
        end=followed.end[row, side],
        forced=forced,
        caused=share,
        open_interest=tape.open_interest[row],
        new_ground=shock - _to_extreme(tape, row, side),
        kind=np.full(first.size, kind, dtype=np.int64),
        day=tape.end_ms(row) // DAY_MS,
    )


def _to_extreme(tape: Tape, row: I8, side: I8) -> F8:
    """Distance from each minute's close to the extreme of the minutes before, its own included."""
    distance = np.zeros(row.size)
    for e, (minute, s) in enumerate(zip(row.tolist(), side.tolist(), strict=True)):
        seen = slice(max(0, minute + 1 - MEMORY), minute + 1)
        extreme = tape.low[seen].min() if s == 0 else tape.high[seen].max()
        distance[e] = abs(np.log(extreme / tape.close[minute]))
    return distance


def _trailing(usd: F8x2) -> F8x2:
    """Sum over the `WINDOW` minutes that end with each."""
    total = np.concatenate([np.zeros((1, 2)), np.cumsum(usd, axis=0)])
    minute = np.arange(usd.shape[0]) + 1
    return np.asarray(total[minute] - total[np.maximum(minute - WINDOW, 0)])


def _bucket(tape: Tape, minute: I8) -> I8:
    """Weekday or weekend, quarter of the day and third of volatility, as one number."""
    start_ms = tape.end_ms(minute - 1)
    # 1970-01-01 was a Thursday.
    weekend = (start_ms // DAY_MS + 3) % 7 >= 5
    quarter = start_ms % DAY_MS // (_HOURS * HOUR_MS)
    sigma = tape.sigma_day[minute - 1]
    known = sigma[np.isfinite(sigma)]
    thirds = np.quantile(known, [1 / 3, 2 / 3]) if known.size else np.zeros(2)
    return np.asarray((weekend * 4 + quarter) * 3 + np.searchsorted(thirds, sigma), dtype=np.int64)

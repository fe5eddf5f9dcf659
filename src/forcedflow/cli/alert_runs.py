"""Running rules of alerts: over a lake's past, or at its newest moment.

In:  a lake, markets, rules, an outbox.   Out: what fired and what became of it.
The past is judged by the loop that follows markets live, and sends nothing.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from forcedflow.cli.options import warn
from forcedflow.errors import NoDataError, UsageError

if TYPE_CHECKING:
    from forcedflow.alerts import AlertDesk, Outbox, RuleBook
    from forcedflow.alerts.alert import Alert
    from forcedflow.alerts.outbox_rows import Listed
    from forcedflow.instruments import Instrument
    from forcedflow.live.market_update import MarketUpdate
    from forcedflow.store import Lake

AFTER = "after:"
"""How the key of what happened an hour later begins; the alert's id follows."""

_PICTURE_SPAN_MS = 3 * 86_400_000
_MOST_MOMENTS = 20_000


def clock_ms() -> int:
    """Return now. [UTC ms]"""
    return round(time.time() * 1000)


def is_after(row: Listed) -> bool:
    """Return whether it tells what happened after an alert."""
    return row.alert.key.startswith(AFTER)


def replay(
    lake: Lake,
    instruments: list[Instrument],
    book: RuleBook,
    from_ms: int,
    to_ms: int,
    step_ms: int,
) -> list[Listed]:
    """Return what rules would have told of a lake's past, oldest first; nothing is sent.

    Parameters
    ----------
    lake : Lake
    instruments : list of Instrument
    book : RuleBook
    from_ms, to_ms : int
        Moments in ``[from, to)``; each sees only what was known then. [UTC ms]
    step_ms : int
        Whole five minutes. [ms]

    Raises
    ------
    UsageError
        If the span holds no moment, or too many.
    NoDataError
        If no mark of any market was known at any of them.
    """
    from forcedflow.alerts import AlertDesk, Outbox
    from forcedflow.cli.alert_observations import Observer, check_prices, stages_for
    from forcedflow.features.table import STEP_MS
    from forcedflow.live.loop import LiveLoop
    from forcedflow.units import HOUR_MS

    if step_ms % STEP_MS:
        raise UsageError("a step is whole five minutes\nhint: --step 5m, or 1h")
    moments = range(-(-from_ms // step_ms) * step_ms, to_ms, step_ms)
    if not 0 < len(moments) <= _MOST_MOMENTS:
        raise UsageError(
            f"the span holds {len(moments)} moments; it must hold 1 to {_MOST_MOMENTS:,}\n"
            "hint: state --from, --to and a longer --step"
        )
    # An hour more, so that what happened after the last of them is told too.
    following = range(moments[-1] + step_ms, min(to_ms + HOUR_MS + step_ms, clock_ms()), step_ms)
    now_ms = moments[0]
    outbox = Outbox()
    desk = AlertDesk(book, outbox, {}, lambda: now_ms)
    loop = LiveLoop(lake, instruments, stages=stages_for(book, lake, HOUR_MS), is_replay=True)
    observer = Observer()
    observed = 0
    updates: tuple[MarketUpdate, ...] = ()
    for now_ms in (*moments, *following):
        updates = loop.close_bar(now_ms)
        for update in updates:
            seen = observer.observe(update)
            if seen is not None:
                desk.observe(seen)
                observed += 1
        desk.tick()
    if not observed:
        for update in updates:
            check_prices(update)
    warn_of_silence(updates)
    listed = outbox.listed()[::-1]
    outbox.close()
    within = {row.alert.id for row in listed if not is_after(row) and row.alert.at_ms < to_ms}
    return [
        row
        for row in listed
        if row.alert.id in within or row.alert.key.removeprefix(AFTER) in within
    ]


def open_desk(
    lake: Lake,
    instruments: Sequence[Instrument],
    book: RuleBook,
    place: Path | None,
    clock: Callable[[], int],
    tell: Callable[[Alert], None] | None = None,
) -> tuple[AlertDesk, Outbox]:
    """Return a desk that sends, and its outbox, which is to be closed.

    Parameters
    ----------
    lake : Lake
        Pictures are drawn from it.
    instruments : sequence of Instrument
        Markets that will be observed.
    book : RuleBook
    place : Path or None
        File of the outbox; in memory and gone at the end without.
    clock : callable
        Now, by the clock of the observations; signatures are stamped by that of the machine, since
        receivers refuse what is minutes old. [UTC ms]
    tell : callable, optional
        Given every alert that is let through, once it is written down.

    Raises
    ------
    UsageError
        If a variable that a target needs is not set, or another process sends from the outbox.
    """
    from forcedflow.alerts import AlertDesk, Outbox
    from forcedflow.alerts.targets import make_senders

    senders = make_senders(book, os.environ, clock_ms)
    outbox = Outbox(place)
    try:
        desk = AlertDesk(book, outbox, senders, clock, drawer(lake, instruments), tell)
    except BaseException:
        outbox.close()
        raise
    return desk, outbox


def send_now(
    lake: Lake, instruments: Sequence[Instrument], book: RuleBook, place: Path
) -> tuple[int, int, list[Listed]]:
    """Judge the newest moment of a lake, and send what fires and what was left.

    Parameters
    ----------
    lake : Lake
    instruments : sequence of Instrument
    book : RuleBook
    place : Path
        File of the outbox.

    Returns
    -------
    int
        The moment. [UTC ms]
    int
        Deliveries that succeeded.
    list of Listed
        What fired at it.

    Raises
    ------
    UsageError
        If a variable that a target needs is not set, or another process sends from the outbox.
    NoDataError
        If no mark of a market is known.
    """
    from forcedflow.cli.alert_observations import Observer, check_prices, stages_for
    from forcedflow.features.table import STEP_MS
    from forcedflow.live.loop import LiveLoop

    desk, outbox = open_desk(lake, instruments, book, place, clock_ms)
    at_ms = clock_ms() // STEP_MS * STEP_MS
    loop = LiveLoop(lake, instruments, stages=stages_for(book, lake, STEP_MS))
    observer = Observer()
    try:
        fired = []
        updates = loop.close_bar(at_ms)
        warn_of_silence(updates)
        for update in updates:
            check_prices(update)
            seen = observer.observe(update)
            if seen is not None:
                fired += desk.observe(seen)
        delivered = desk.tick()
        ids = {alert.id for alert in fired}
        rows = [row for row in outbox.listed() if row.alert.id in ids]
    finally:
        outbox.close()
    return at_ms, delivered, rows


def warn_of_silence(updates: Sequence[MarketUpdate]) -> bool:
    """Say where rules about forecasts had none to judge; return whether there was any such place.

    Parameters
    ----------
    updates : sequence of MarketUpdate
    """
    silent = False
    for update in updates:
        outcome = update.stages.get("forecast")
        if outcome is not None and outcome.value is None:
            market = f"{update.instrument.venue} {update.instrument.symbol}"
            warn(f"{market}: rules about forecasts stay silent: {outcome.problem}")
            silent = True
    return silent


def drawer(lake: Lake, instruments: Sequence[Instrument]) -> Callable[[Alert], bytes | None] | None:
    """Return what draws the heatmap at an alert's moment; None without the extra ``report``."""
    try:
        from forcedflow.report.heatmap_png import draw_heatmap
    except ModuleNotFoundError:
        return None
    from forcedflow.asof import newest_trained, read_market
    from forcedflow.pipeline import build_map

    by_name = {(one.venue, one.symbol): one for one in instruments}

    def draw(alert: Alert) -> bytes | None:
        instrument = by_name.get((alert.venue, alert.symbol))
        if instrument is None:
            return None  # left by a run for other markets
        try:
            market = read_market(lake, instrument, alert.at_ms)
            trained = newest_trained(lake, instrument, alert.at_ms)
            mapped = build_map(market, picture_span_ms=_PICTURE_SPAN_MS, trained=trained)
        except NoDataError:
            return None  # an alert without a picture is better than none
        with TemporaryDirectory(prefix="forcedflow-") as folder:
            path = Path(folder) / "heatmap.png"
            draw_heatmap(mapped, mapped.zones(), path)
            return path.read_bytes()

    return draw

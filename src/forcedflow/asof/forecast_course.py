"""What was told ahead at every hour of a span, each by the newest model fitted before that hour.

In:  a lake, an instrument, a moment, a span. [UTC ms, ms]   Out: `ForecastCourse`.
Reads the lake, and for a simulated market the model that ships with the package; nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass

from forcedflow.asof.forecast import FORECAST_DAYS, KeptForecast, newest_kept
from forcedflow.asof.liquidated import read_liquidated
from forcedflow.asof.signals import read_signal_table
from forcedflow.errors import NoDataError
from forcedflow.features.table import FeatureTable
from forcedflow.forecast.course import lay_course
from forcedflow.forecast.kept_timing import rule_words
from forcedflow.forecast.rows import lay_rows
from forcedflow.forecast.size import with_past_sizes
from forcedflow.forecast.sizes import Liquidated
from forcedflow.forecast.told_course import ToldCourse, joined, tell_hours
from forcedflow.forecast.tracking import TRACKED_MS
from forcedflow.instruments import Instrument
from forcedflow.store import Lake
from forcedflow.store.forecast_artefact import newest_forecast
from forcedflow.units import DAY_MS

LONGEST_DAYS = 30
"""Length of a course at most: what comes before is needed to follow sizes."""


@dataclass(frozen=True, slots=True)
class Speaker:
    """A model and the hours that it speaks of.

    Parameters
    ----------
    name : str
    fit_to_ms : int
        [UTC ms]
    from_ms, to_ms : int
        First and last hour. [UTC ms]
    """

    name: str
    fit_to_ms: int
    from_ms: int
    to_ms: int


@dataclass(frozen=True, slots=True)
class ForecastCourse:
    """What was told of a market, hour by hour.

    Parameters
    ----------
    symbol, venue : str
    at_ms, known_ms : int
        The moment asked about; the last hour known. [UTC ms]
    simulated : bool
    event, event_words : str
        Whose chances are told.
    events : tuple of str
        Every event that the newest model tells of.
    told : ToldCourse
    speakers : tuple of Speaker
        Newest first.
    reasons : tuple of (str, str)
        What is missing and why.
    input_age_ms : tuple of (str, float or None)
    """

    symbol: str
    venue: str
    at_ms: int
    known_ms: int
    simulated: bool
    event: str
    event_words: str
    events: tuple[str, ...]
    told: ToldCourse
    speakers: tuple[Speaker, ...]
    reasons: tuple[tuple[str, str], ...]
    input_age_ms: tuple[tuple[str, float | None], ...]


def read_forecast_course(
    lake: Lake, instrument: Instrument, at_ms: int, span_ms: int, event: str | None = None
) -> ForecastCourse:
    """Return what was told of an instrument at every hour of a span.

    Parameters
    ----------
    lake : Lake
    instrument : Instrument
    at_ms : int
        End of the span: rows known by then, models fitted by then. [UTC ms]
    span_ms : int
        At most `LONGEST_DAYS` of it are told. [ms]
    event : str, optional
        Whose chances are told; the first that the newest model knows by default.

    Raises
    ------
    NoDataError
        If no model was fitted by then, no price was known, or no model knows the event.
    """
    table = read_signal_table(lake, instrument, at_ms, FORECAST_DAYS)
    symbol, venue = instrument.symbol, instrument.venue
    rows = lay_rows(table, symbol, venue)
    if not rows.size:
        raise NoDataError(f"nothing is known of {venue} {symbol} at any whole hour by then")
    last = int(rows.times_ms[-1])
    start_ms = last - min(span_ms, LONGEST_DAYS * DAY_MS)
    reasons: dict[str, str] = {}
    liquidated = _liquidated(lake, instrument, table, at_ms, reasons)
    near = rows.cut(rows.times_ms > start_ms - TRACKED_MS)
    laid = None if liquidated is None else with_past_sizes(near, liquidated)
    pieces: list[ToldCourse] = []
    speakers: list[Speaker] = []
    words, events = "", tuple[str, ...]()
    until = at_ms
    while kept := newest_kept(lake, until, simulated=table.simulated):
        if not speakers:
            events = tuple(kept.timing)
            event = event or (events[0] if events else "")
        timing = kept.timing.get(event or "")
        if timing is not None:
            words = words or rule_words(timing.rule)
        fit_to = _speaks_from(lake, kept, until)
        course = None if timing is None else lay_course(table, rows, timing.rule)
        piece = tell_hours(
            near.times_ms,
            None
            if timing is None or course is None
            else (timing, course.cut(course.times_ms > start_ms - TRACKED_MS)),
            None
            if laid is None or liquidated is None
            else (kept.sizes, kept.baseline_sizes, laid, liquidated),
        )
        pieces.append(piece.within((near.times_ms >= fit_to) & (near.times_ms <= until)))
        first = max(fit_to, start_ms)
        speakers.append(Speaker(kept.artefact.name, kept.artefact.fit_to_ms, first, until))
        until = fit_to - 1
        if fit_to <= start_ms:
            break
    if not speakers:
        raise NoDataError(
            "no forecast was fitted by then\n"
            "hint: forcedflow train forecast --symbol BTC,ETH --fit-to TIME"
        )
    if event and not words:
        known = ", ".join(events)
        raise NoDataError(f"no model here knows an event {event!r}\nhint: one of {known}")
    if until > start_ms:
        reasons["before"] = "no model had been fitted by then; one says nothing of what it saw"
    return ForecastCourse(
        symbol=symbol,
        venue=venue,
        at_ms=at_ms,
        known_ms=last,
        simulated=table.simulated,
        event=event or "",
        event_words=words,
        events=events,
        told=joined(near.times_ms, pieces).since(start_ms),
        speakers=tuple(speakers),
        reasons=tuple(reasons.items()),
        input_age_ms=tuple(table.input_age_ms.items()),
    )


def _speaks_from(lake: Lake, kept: KeptForecast, until_ms: int) -> int:
    """Return the first hour that a model may speak of: the end of its fit. [UTC ms]

    The one that ships was fitted to other simulated markets, of which none is this one's past.
    """
    return kept.artefact.fit_to_ms if newest_forecast(lake.root, until_ms) is not None else 0


def _liquidated(
    lake: Lake,
    instrument: Instrument,
    table: FeatureTable,
    at_ms: int,
    reasons: dict[str, str],
) -> Liquidated | None:
    start_ms = int(table.times_ms[0]) - DAY_MS
    try:
        return read_liquidated(lake, instrument, start_ms, at_ms)[0]
    except NoDataError as error:
        reasons["size"] = str(error).split("\n", maxsplit=1)[0]
        return None

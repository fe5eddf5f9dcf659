"""Which mixture a map is made with: the stated prior, or weights learned from liquidations.

In:  what ``--model`` says, a lake, an instrument, a moment.
Out: a `TrainedMixture` or None; the `LiquidationMap` made with it.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from forcedflow.answers.times import iso_time
from forcedflow.asof import newest_trained, read_trained
from forcedflow.asof.lent_market import read_market_or_lent
from forcedflow.errors import NoDataError, UsageError
from forcedflow.evaluate.map_fit import follow_level
from forcedflow.instruments import Instrument, parse_symbol
from forcedflow.liquidation_map import LiquidationMap
from forcedflow.pipeline import build_map
from forcedflow.positions.trained import TrainedMixture
from forcedflow.store import Lake


def choose_model(
    lake: Lake, instrument: Instrument, model: str | None, at_ms: int
) -> TrainedMixture | None:
    """Return the trained map that ``--model`` means; None is the stated prior.

    Parameters
    ----------
    lake : Lake
    instrument : Instrument
    model : str, optional
        ``prior``, ``calibrated``, or a file; without it whatever was trained by the moment, else
        the prior.
    at_ms : int
        The moment. [UTC ms]

    Raises
    ------
    NoDataError
        If a calibrated map is asked for and none was trained by then, or there is no such file.
    UsageError
        If the file is of another coin.
    DataError
        If it is damaged, or was fitted to data from after the moment.
    """
    if model == "prior":
        return None
    if model is None or model == "calibrated":
        trained = newest_trained(lake, instrument, at_ms)
        if trained is None and model is not None:
            raise NoDataError(
                f"no map of {instrument.venue} {instrument.symbol} was trained on data up to "
                f"{iso_time(at_ms)} or earlier\nhint: forcedflow train map --symbol "
                f"{instrument.base} --venue {instrument.venue} --fit-to TIME"
            )
        return trained
    trained = read_trained(Path(model), at_ms)
    coin = parse_symbol(trained.symbol, trained.venue).base
    if coin != instrument.base:
        raise UsageError(
            f"{model} is of {coin}; only a map of {instrument.base} can be lent to "
            f"{instrument.venue} {instrument.symbol}"
        )
    return trained


def follow_feed(
    lake: Lake, instrument: Instrument, trained: TrainedMixture, at_ms: int
) -> TrainedMixture:
    """Return a trained map with its feed's level followed up to a moment.

    Where the lake cannot tell, the level stays that of the fit, and says why.
    """
    try:
        level = follow_level(lake, instrument, trained, at_ms)
    except NoDataError as error:
        reason = str(error).split("\n")[0]
        return replace(trained, level_of=f"the end of the fit: {reason}")
    return replace(trained, level=level, level_of="liquidations up to the moment asked about")


def read_map(
    lake: Lake,
    instrument: Instrument,
    at_ms: int,
    model: str | None = None,
    *,
    picture_span_ms: int | None = None,
    follow: bool = False,
) -> LiquidationMap:
    """Return the map of an instrument as known at a moment.

    Of a venue with less than a day of open interest it is borrowed, and says so: see
    `forcedflow.asof.lent_market`.

    Parameters
    ----------
    lake : Lake
    instrument : Instrument
    at_ms : int
        The moment. [UTC ms]
    model : str, optional
        As `choose_model` reads it.
    picture_span_ms : int, optional
        Also paint the heatmap of this span before the last bar. [ms]
    follow : bool
        Whether a trained map's feed is followed up to the moment; what a feed would show needs it.

    Raises
    ------
    NoDataError
        If no open interest was known by then, or too little.
    """
    trained = choose_model(lake, instrument, model, at_ms)
    if trained is not None and follow:
        trained = follow_feed(lake, instrument, trained, at_ms)
    market = read_market_or_lent(lake, instrument, at_ms)
    return build_map(market, picture_span_ms=picture_span_ms, trained=trained)

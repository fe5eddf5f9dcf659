"""Symbols that stand in a file's rows, where a name nobody uses is damage of it, or are stated.

In:  a name as written, the venue; or options.   Out: an `Instrument`; or venue and symbol.
Pure: no I/O, no clock, no global state.
"""

from __future__ import annotations

from forcedflow.errors import DamagedFileError, UsageError
from forcedflow.instruments import Instrument, parse_symbol
from forcedflow.venues.importers.options import ImportOptions
from forcedflow.venues.importers.totals import ALL_VENUES


def instrument_in_file(
    file: str, field: str, text: str, venue: str, *, spot: bool = False
) -> Instrument:
    """Return the perpetual, or the spot pair, that a row names.

    Parameters
    ----------
    file, field : str
        Name for messages, and the column the name stands in.
    text : str
        The name as written.
    venue : str
        Lower-case venue id.
    spot : bool
        Whether the rows are of the spot pair.

    Returns
    -------
    Instrument

    Raises
    ------
    DamagedFileError
        If the venue uses no such name.
    """
    try:
        parsed = parse_symbol(text, venue)
    except UsageError as error:
        problem = f"{text!r} is no symbol that {venue} uses"
        raise DamagedFileError(file, problem, field=field) from error
    return Instrument(venue, parsed.base, parsed.quote, None if spot else parsed.settle)


def stated_series(file: str, options: ImportOptions) -> tuple[str, str, str]:
    """Return venue, symbol and coin of a file that names neither.

    Parameters
    ----------
    file : str
        Name for messages.
    options : ImportOptions
        ``coin`` and ``venue``; several venues joined by ``+`` or a comma, or ``all``.

    Returns
    -------
    venue, symbol, coin : str
        The symbol is the bare coin where venues are summed.

    Raises
    ------
    UsageError
        If an option is missing or is no symbol.
    """
    coin = parse_symbol(stated(file, "coin", options.coin, "BTC")).base
    named = stated(file, "venue", options.venue, "binance")
    venue = "+".join(sorted(named.lower().replace(",", "+").split("+")))
    is_sum = venue == ALL_VENUES or "+" in venue
    return venue, coin if is_sum else parse_symbol(coin, venue).symbol, coin


def stated(file: str, option: str, value: str | None, example: str) -> str:
    """Return what an option states.

    Raises
    ------
    UsageError
        If it was not given.
    """
    if value is None:
        raise UsageError(f"{file}: a reply does not say its {option}\nhint: --{option} {example}")
    return value

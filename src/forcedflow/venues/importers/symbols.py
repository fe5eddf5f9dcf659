"""Symbols that stand in a file's rows: a name nobody uses is damage of the file.

In:  a name as written, the venue.   Out: an `Instrument`.
Pure: no I/O, no clock, no global state.
"""

from __future__ import annotations

from forcedflow.errors import DamagedFileError, UsageError
from forcedflow.instruments import Instrument, parse_symbol


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

"""What every command shares: the lake, times, output.

In:  what a person typed.   Out: values for the layers below; text and JSON on standard output.
Nothing heavy is imported here; a command pays for what it uses.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from forcedflow.answers.times import iso_time, parse_duration, parse_time
from forcedflow.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from forcedflow.instruments import Instrument
    from forcedflow.store import Lake

__all__ = [
    "choose_instrument",
    "console",
    "format_time",
    "iso_time",
    "only_writer",
    "open_lake",
    "parse_duration",
    "parse_moment",
    "parse_time",
    "print_json",
    "warn",
]


def open_lake(lake: Path | None, *, create: bool = False) -> Lake:
    """Return the lake that ``--lake`` or the settings name.

    Raises
    ------
    NoDataError
        If there is none yet and ``create`` is false.
    UsageError
        If its folder cannot be made.
    """
    from forcedflow.settings import read_settings
    from forcedflow.store import Lake

    root = lake if lake is not None else read_settings().lake_path
    try:
        return Lake(root, create=create)
    except OSError as error:
        reason = error.strerror or str(error)
        raise UsageError(f"{root}: cannot hold a lake: {reason}\nhint: --lake PATH") from error


@contextmanager
def only_writer(
    held: Lake, work: Literal["record", "fetch"], venues: Sequence[str], symbols: Sequence[str]
) -> Iterator[None]:
    """Be the only process that records, or fetches, these series into the lake meanwhile.

    Raises
    ------
    LeaseHeldError
        If another does already.
    """
    from forcedflow.instruments import parse_symbol
    from forcedflow.store.leases import holding

    series = []
    for venue in venues:
        for symbol in symbols:
            try:
                series.append((venue, parse_symbol(symbol, venue).symbol))
            except UsageError:
                series.append((venue, symbol))  # the venue has a name of its own for it

    def now_ms() -> int:
        return round(datetime.now(UTC).timestamp() * 1000)

    with holding(held, work, series, now_ms):
        yield


def choose_instrument(lake: Lake, symbol: str, venue: str) -> Instrument:
    """Return the instrument that ``SYMBOL`` and ``--venue`` mean; see `forcedflow.answers`."""
    from forcedflow.answers import instrument

    return instrument.choose_instrument(lake, symbol, venue)


def format_time(ms: float) -> str:
    """Return a UTC time to the minute.

    Examples
    --------
    >>> format_time(1770336000000)
    '2026-02-06 00:00Z'
    """
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%MZ")


def console() -> Console:
    """Return the console on standard output."""
    from rich.console import Console

    class Screen(Console):
        def on_broken_pipe(self) -> None:
            # Rich would leave with status 1; a reader that has seen enough is no failure.
            raise BrokenPipeError

    return Screen(highlight=False)


def warn(text: str) -> None:
    """Say something on standard error."""
    sys.stderr.write(f"warning: {text}\n")


def print_json(value: Any) -> None:
    """Write one JSON document to standard output.

    A float that is not a number has no place in JSON; whoever builds the value turns it into null.
    """
    import msgspec

    text = msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    sys.stdout.write(text + "\n")


def parse_moment(text: str | None) -> int:
    """Return the moment that ``--at`` names, or now. [UTC ms]

    A moment that has not come yet is said on standard error: the answer is of what is known now.
    """
    now_ms = round(datetime.now(UTC).timestamp() * 1000)
    if text is None:
        return now_ms
    at_ms = parse_time(text)
    if at_ms > now_ms:
        warn(f"{text} has not come yet; ages count to then, and nothing later than now is known")
    return at_ms

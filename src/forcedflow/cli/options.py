"""What every command shares: the lake, times, output.

In:  what a person typed.   Out: values for the layers below; text and JSON on standard output.
Nothing heavy is imported here; a command pays for what it uses.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forcedflow.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from forcedflow.instruments import Instrument
    from forcedflow.store import Lake

_DURATIONS_MS = {
    "s": 1_000,
    "m": 60_000,
    "h": 3_600_000,
    "d": 86_400_000,
    "w": 604_800_000,
    "y": 31_536_000_000,
}
_LONGEST_MS = 100 * _DURATIONS_MS["y"]


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


def parse_time(text: str) -> int:
    """Return a UTC time in milliseconds.

    Examples
    --------
    >>> parse_time("2026-02-06T00:00Z"), parse_time("2026-02-06")
    (1770336000000, 1770336000000)
    """
    try:
        parsed = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise UsageError(
            f"{text!r} is no time\nhint: write 2026-02-06T00:00Z, or 2026-02-06 for midnight"
        ) from error
    if parsed.tzinfo is None:
        parsed = parsed.replace(tzinfo=UTC)
    return round(parsed.timestamp() * 1000)


def parse_duration(text: str) -> int:
    """Return a span in milliseconds.

    Examples
    --------
    >>> parse_duration("12h"), parse_duration("7d")
    (43200000, 604800000)
    """
    number, unit = text.strip()[:-1], text.strip()[-1:]
    if unit in _DURATIONS_MS and number.isascii() and number.isdigit() and len(number) < 12:
        span = int(number) * _DURATIONS_MS[unit]
        if 0 < span <= _LONGEST_MS:
            return span
    raise UsageError(
        f"{text!r} is no span of time up to a hundred years\nhint: write 12h, 7d, 4w or 1y"
    )


def choose_instrument(lake: Lake, symbol: str, venue: str) -> Instrument:
    """Return the instrument that a person means by a symbol and a venue.

    Raises
    ------
    UsageError
        If the venue is neither a known one nor in the lake, or uses no such symbol.
    """
    from forcedflow.instruments import VENUES, parse_symbol

    name = venue.strip().lower()
    held = {found for _, found, _ in lake.series()}
    if name not in VENUES and name not in held:
        known = ", ".join(sorted({*VENUES, *held}))
        raise UsageError(f"{venue!r} is no venue\nhint: one of {known}")
    return parse_symbol(symbol, name)


def format_time(ms: float) -> str:
    """Return a UTC time to the minute.

    Examples
    --------
    >>> format_time(1770336000000)
    '2026-02-06 00:00Z'
    """
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%MZ")


def iso_time(ms: float) -> str:
    """Return a UTC time in ISO 8601, to the millisecond only where there are any."""
    moment = datetime.fromtimestamp(ms / 1000, UTC)
    precision = "milliseconds" if ms % 1000 else "seconds"
    return moment.isoformat(timespec=precision).replace("+00:00", "Z")


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

"""``forcedflow cascade``: which domino falls next, how far, how likely.

In:  a symbol, what happens first, a horizon, a moment.   Out: a table, a picture, or JSON.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from forcedflow.cli.options import (
    choose_instrument,
    console,
    open_lake,
    parse_duration,
    parse_moment,
    print_json,
)
from forcedflow.cli.workers import HERE, Spread
from forcedflow.errors import UsageError

if TYPE_CHECKING:
    from forcedflow.cascade.cascade import Cascade
    from forcedflow.instruments import Instrument
    from forcedflow.store import Lake


def run(
    symbol: str,
    *,
    shock: Annotated[str | None, Parameter(allow_leading_hyphen=True)] = None,
    from_price: float | None = None,
    order: Annotated[float | None, Parameter(allow_leading_hyphen=True)] = None,
    scenarios: int = 10_000,
    horizon: str = "4h",
    seed: int = 1,
    venue: str = "binance",
    at: str | None = None,
    model: str | None = None,
    depth_usd: float | None = None,
    lake: Path | None = None,
    out: Path | None = None,
    json: bool = False,
    spread: Spread = HERE,
) -> int:
    """Estimate which clusters would fall one after the other, where it stops, how likely.

    Parameters
    ----------
    symbol
        BTC, BTCUSDT or BTC/USDT:USDT.
    shock
        Move that price makes first for other reasons, such as -2%; without any, both ways.
    from_price
        Price to start from instead of the mark; what stands on the way there is taken as gone.
    order
        Market order at the mark in USD, such as -250000; negative sells.
    scenarios
        Paths to simulate, 100 to 100000.
    horizon
        Span that the chance of reaching a cluster is for, up to 2d.
    seed
        Of the scenarios; the same seed gives the same answer.
    venue
        Venue of the contract, or several by commas: their ladders and books are taken together.
    at
        Use exactly what was known then, such as 2026-02-05T12:00Z; now by default.
    model
        prior, calibrated, or the file of a trained map, also of another venue; by default what was
        trained by then, else the prior.
    depth_usd
        Depth within one percent on each side, instead of what the lake knows, taken as exact.
    lake
        Folder of the lake, or s3://BUCKET/PREFIX; the setting by default.
    out
        File to write; its ending decides the format (.png .json).
    json
        Print as JSON.
    """
    from forcedflow.answers import cascade as answers
    from forcedflow.answers.move import parse_move

    write = None if out is None else _writer(out)
    options = answers.CascadeOptions(
        shock=None if shock is None else parse_move(shock, "--shock"),
        from_price=from_price,
        order=order,
        scenarios=scenarios,
        horizon_ms=parse_duration(horizon),
        seed=seed,
        depth_usd=depth_usd,
        model=model,
    )
    at_ms = parse_moment(at)
    held = open_lake(lake)
    instruments = _instruments(held, symbol, venue)
    if spread.elsewhere:
        with spread.start() as executor:
            cascade = answers.read(held, instruments, at_ms, options, executor.map)
    else:
        with spread.start():
            cascade = answers.read(held, instruments, at_ms, options)
    if write is not None and out is not None:
        try:
            write(cascade, out)
        except OSError as error:
            raise UsageError(f"{out}: cannot be written: {error.strerror or error}") from error
        sys.stderr.write(f"wrote {out}\n")
    elif json:
        print_json(answers.answer(cascade))
    else:
        _print(cascade)
    return 0


def _writer(out: Path) -> Callable[[Cascade, Path], None]:
    """Return what writes a file of an ending, before anything is built."""
    if not out.parent.is_dir():
        raise UsageError(f"{out}: the folder {out.parent} does not exist")
    if out.is_dir():
        raise UsageError(f"{out} is a folder\nhint: --out {out / 'cascade.png'}")
    ending = out.suffix.lower()
    if ending == ".json":
        return _write_json
    if ending != ".png":
        raise UsageError(f"{out}: unknown ending {out.suffix!r}\nhint: one of .png .json")
    try:
        from forcedflow.report.cascade_png import draw_cascade
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "matplotlib":
            raise
        raise UsageError(
            "pictures need matplotlib\nhint: pip install 'forcedflow[report]'"
        ) from error
    return draw_cascade


def _write_json(cascade: Cascade, out: Path) -> None:
    import msgspec

    from forcedflow.answers.cascade import answer

    out.write_text(msgspec.json.encode(answer(cascade)).decode() + "\n", encoding="utf-8")


def _instruments(held: Lake, symbol: str, venue: str) -> list[Instrument]:
    names = [name.strip() for name in venue.split(",")]
    instruments = [choose_instrument(held, symbol, name) for name in names]
    if len({instrument.venue for instrument in instruments}) < len(instruments):
        raise UsageError(f"{venue!r} names a venue twice")
    return instruments


def _print(cascade: Cascade) -> None:
    from forcedflow.report import cascade_terminal as report
    from forcedflow.report.terminal import heading

    screen = console()
    for text in (
        heading(cascade.maps[0], screen.width),
        report.opening(cascade, screen.width),
        report.domino_table(cascade, screen.width),
        report.legend(cascade, screen.width),
        report.summary(cascade, screen.width),
        report.basis(cascade, screen.width),
    ):
        screen.print(text)

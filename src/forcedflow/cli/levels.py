"""``forcedflow levels``: the zones as levels for other programs, and an archive of them.

In:  a symbol, a venue, a moment; or an archive to verify.   Out: a table, Pine, CSV, JSON, a line
of an archive.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forcedflow.cli.options import (
    choose_instrument,
    console,
    format_time,
    iso_time,
    open_lake,
    parse_moment,
    print_json,
)
from forcedflow.errors import UsageError

if TYPE_CHECKING:
    from forcedflow.liquidation_map import LiquidationMap
    from forcedflow.zones import Zone

VERIFY = "verify"


def run(
    symbol: str,
    folder: Path | None = None,
    *,
    venue: str = "binance",
    at: str | None = None,
    model: str | None = None,
    lake: Path | None = None,
    out: Path | None = None,
    archive: Path | None = None,
    pine: bool = False,
    csv: bool = False,
    json: bool = False,
) -> int:
    """Write the clusters as levels for other programs: TradingView, CSV, an archive.

    Parameters
    ----------
    symbol
        BTC, BTCUSDT or BTC/USDT:USDT; or verify, to check an archive.
    folder
        The archive, after verify alone.
    venue
        Venue of the contract.
    at
        Show exactly what was known then, such as 2026-02-05T12:00Z; now by default.
    model
        prior, calibrated, or the file of a trained map, also of another venue; by default what was
        trained by then, else the prior.
    lake
        Folder of the lake, or s3://BUCKET/PREFIX; the setting by default.
    out
        File to write instead of standard output.
    archive
        Folder of an archive: append this day's levels to it, chained by SHA-256, once a day.
    pine
        Print a Pine v6 indicator for TradingView.
    csv
        Print as CSV.
    json
        Print as JSON.
    """
    if symbol == VERIFY:
        return _verify(folder, json=json)
    if folder is not None:
        raise UsageError(f"what is {folder}?\nhint: forcedflow levels verify {folder}")
    if pine + csv + json > 1:
        raise UsageError("state one of --pine, --csv and --json")
    if out is not None and not pine + csv + json:
        raise UsageError("a file needs its format\nhint: --pine, --csv or --json")

    from forcedflow.answers.model import read_map

    at_ms = parse_moment(at)
    held = open_lake(lake)
    mapped = read_map(held, choose_instrument(held, symbol, venue), at_ms, model)
    zones = mapped.zones()
    if archive is not None:
        _archive(archive, mapped, zones)
        if not pine + csv + json:
            return 0
    if json and out is None:
        print_json(_answer(mapped, zones))
    elif pine or csv or json:
        _put(_text(mapped, zones, pine=pine, csv=csv), out)
    else:
        from forcedflow.report.terminal import basis, heading, zone_table

        screen = console()
        screen.print(heading(mapped, screen.width))
        screen.print(zone_table(zones, mapped, most=24, width=screen.width))
        screen.print(basis(mapped))
    return 0


def _text(mapped: LiquidationMap, zones: list[Zone], *, pine: bool, csv: bool) -> str:
    import msgspec

    from forcedflow.integrations.levels import levels_csv, levels_pine

    as_of = iso_time(mapped.known_ms)
    if pine:
        return levels_pine(zones, mapped, as_of)
    if csv:
        return levels_csv(zones, mapped, as_of)
    return msgspec.json.encode(_answer(mapped, zones)).decode() + "\n"


def _answer(mapped: LiquidationMap, zones: list[Zone]) -> dict[str, Any]:
    from forcedflow.answers import zones as answers

    return answers.answer(mapped, zones)


def _put(text: str, out: Path | None) -> None:
    if out is None:
        sys.stdout.write(text)
        return
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{out}: cannot be written: {error.strerror or error}") from error
    sys.stderr.write(f"wrote {out}\n")


def _archive(folder: Path, mapped: LiquidationMap, zones: list[Zone]) -> None:
    import msgspec

    from forcedflow.integrations.levels_archive import archive_levels

    # By way of JSON, so that what is chained is exactly what is read back: no NaN.
    snapshot = msgspec.json.decode(msgspec.json.encode(_answer(mapped, zones)))
    now_ms = round(datetime.now(UTC).timestamp() * 1000)
    link, added = archive_levels(folder, {**snapshot, "known_to_ms": mapped.known_ms}, now_ms)
    done = "archived" if added else "held already, left as it is"
    sys.stderr.write(f"line {link.sequence} of {folder}: {done}; link {link.link}\n")


def _verify(folder: Path | None, *, json: bool) -> int:
    from forcedflow.integrations.levels_archive import verify_archive

    if folder is None:
        raise UsageError("which archive?\nhint: forcedflow levels verify FOLDER")
    links = verify_archive(folder)
    newest = links[-1] if links else None
    if json:
        print_json(
            {
                "intact": True,
                "lines": len(links),
                "newest_link": None if newest is None else newest.link,
                "archived_at": None if newest is None else iso_time(newest.archived_at_ms),
            }
        )
    elif newest is None:
        sys.stdout.write("intact: no lines\n")
    else:
        sys.stdout.write(
            f"intact: {len(links)} lines, "
            f"the newest archived {format_time(newest.archived_at_ms)}\n"
            f"newest link {newest.link}\n"
        )
    return 0

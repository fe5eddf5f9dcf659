"""``forcedflow whales``: the largest published positions and where the venue would close them.

In:  a symbol, a venue that publishes accounts, a moment.   Out: a table, or JSON.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from forcedflow.cli.options import (
    choose_instrument,
    console,
    open_lake,
    parse_moment,
    print_json,
)


def run(
    symbol: str,
    *,
    venue: str = "hyperliquid",
    most: int = 20,
    at: str | None = None,
    lake: Path | None = None,
    json: bool = False,
) -> int:
    """List the largest published positions and where the venue would close them.

    Parameters
    ----------
    symbol
        BTC, or BTC/USDC:USDC.
    venue
        A venue that publishes accounts.
    most
        At most so many positions.
    at
        Use exactly what was known then, such as 2026-02-05T12:00Z; now by default.
    lake
        Folder of the lake, or s3://BUCKET/PREFIX; the setting by default.
    json
        Print as JSON.
    """
    from forcedflow.answers import whales

    whales.check(most)
    at_ms = parse_moment(at)
    held = open_lake(lake)
    found = whales.ask(held, choose_instrument(held, symbol, venue), at_ms, most)
    if json:
        print_json(found)
    else:
        _print(found)
    return 0


def _print(found: dict[str, Any]) -> None:
    from rich.table import Table

    from forcedflow.report.terminal import SIMULATED_LINE
    from forcedflow.units import SECOND_MS, format_age, format_price, format_usd

    def price(value: float | None) -> str:
        return "–" if value is None else format_price(value)

    screen = console()
    if found["simulated"]:
        screen.print(SIMULATED_LINE, style="bold")
    age = format_age(found["freshness"]["age_s"] * SECOND_MS)
    screen.print(f"{found['symbol']} · {found['venue']}   mark {price(found['mark_price'])}")
    screen.print(f"known to {found['known_to']}, {age} before the moment asked about", style="dim")
    for side, held in found["followed"].items():
        share = held["share_of_open_interest"]
        of_all = "share of all unknown" if share is None else f"{100 * share:.1f} % of all {side}s"
        screen.print(
            f"followed {side}s: {format_usd(held['notional_usd'])} of {held['accounts']} accounts, "
            f"{of_all}; listed below: {100 * held['listed_share']:.0f} % of that"
        )
    table = Table(box=None, padding=(0, 1))
    for name in ("", "account", "side", "notional", "entry", "×", "closed at", "distance", "PnL"):
        left = name in {"account", "side"}
        table.add_column(name, justify="left" if left else "right", no_wrap=True)
    for row in found["whales"]:
        account, distance, pnl = row["account"], row["distance_pct"], row["unrealized_pnl_usd"]
        table.add_row(
            str(row["rank"]),
            account if len(account) <= 14 else f"{account[:6]}…{account[-4:]}",
            row["side"],
            format_usd(row["notional_usd"]),
            price(row["entry_price"]),
            "–" if row["leverage"] is None else f"{row['leverage']:g}",
            price(row["liquidation_price"]),
            "–" if distance is None else f"{distance:+.1f} %",
            "–" if pnl is None else format_usd(pnl),
        )
    screen.print(table)
    screen.print(
        "of followed accounts alone; closed at: the venue's own price at the snapshot, which moves "
        "with an account's other positions",
        style="dim",
    )

"""Published positions: sides, symbols, collectors, what an empty liquidation price means."""

from __future__ import annotations

from pathlib import Path

import pytest

from forcedflow.errors import DamagedFileError
from forcedflow.venues.importers.hyperliquid_positions import read_hyperliquid_positions
from forcedflow.venues.importers.options import ImportOptions

HEADER = (
    "ts,account,accountValue,coin,direction,size,entryPx,leverage,leverageType,positionValue,"
    "unrealizedPnl,liquidationPx,source\n"
)
LONG = "2026-01-22T08:58:39.659876Z,a1,5e7,BTC,Long,2,90000,20,,180000,-3,70000,whales\n"
SHORT = "2026-01-22T08:58:39.659876Z,a1,5e7,kPEPE,Short,9,0.01,3,Cross,0.09,1,,top-traders\n"


def read(text: str):
    return read_hyperliquid_positions(Path("p.csv"), text.encode(), ImportOptions()).frames[
        "positions"
    ]


def test_a_position_keeps_its_side_its_collector_and_its_millisecond():
    row = read(HEADER + LONG).row(0, named=True)
    assert (row["venue"], row["symbol"], row["side"]) == ("hyperliquid", "BTC/USDC:USDC", "long")
    assert row["event_time"].isoformat() == "2026-01-22T08:58:39.659000+00:00"
    assert row["available_time"] == row["event_time"]
    assert (row["liquidation_price"], row["source"]) == (70000, "hyperliquid-positions:whales")
    assert row["margin_mode"] is None


def test_an_empty_liquidation_price_stays_empty():
    row = read(HEADER + SHORT).row(0, named=True)
    assert (row["symbol"], row["side"], row["margin_mode"]) == ("kPEPE/USDC:USDC", "short", "cross")
    assert row["liquidation_price"] is None


@pytest.mark.parametrize(
    ("before", "after", "field"),
    [("Short", "Flat", "direction"), (",9,", ",0,", "size"), (",9,", ",many,", "size")],
)
def test_a_value_that_cannot_be_is_named_by_row_and_field(before, after, field):
    with pytest.raises(DamagedFileError) as caught:
        read(HEADER + LONG + SHORT.replace(before, after))
    assert (caught.value.row, caught.value.field) == (2, field)

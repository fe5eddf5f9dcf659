"""Rows on their way: one value of a wrong kind costs its own row and no other."""

from __future__ import annotations

import pytest

from forcedflow.errors import SchemaError
from forcedflow.venues.row_buffer import RowBuffer


def _buffer(*amounts):
    rows = RowBuffer("binance")
    for number, amount in enumerate(amounts):
        rows.add(
            "trades",
            "BTC/USDT:USDT",
            1_000 + number,
            1_000 + number,
            str(number),
            100.0,
            amount,
            "buy",
            source="binance:aggTrade",
            precedence=2,
        )
    return rows


@pytest.mark.parametrize("wrong", ["a lot", b"1", {}, None, float("nan"), float("inf")])
def test_a_value_that_no_column_holds_costs_its_own_row_alone(wrong):
    sound, refused = _buffer(1.0, 2.0, wrong, 4.0, 5.0).take_sound()
    assert sound["trades"]["amount"].to_list() == [1.0, 2.0, 4.0, 5.0]
    (error,) = refused
    assert (error.table, error.field) == ("trades", "amount")


def test_who_takes_all_or_nothing_is_told_of_the_column():
    with pytest.raises(SchemaError, match=r"trades\.amount"):
        _buffer(1.0, "a lot").take()

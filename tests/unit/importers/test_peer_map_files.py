"""Maps of other providers: levels as they stood, known no earlier than they were, sides as told."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from forcedflow.errors import DamagedFileError, UsageError
from forcedflow.tables import TABLES, is_simulated
from forcedflow.venues.importers.coinglass import read_coinglass
from forcedflow.venues.importers.hyblock import read_hyblock
from forcedflow.venues.importers.options import ImportOptions

START = 1_795_442_100  # 2026-11-23 13:55, the second candle; a bar has five minutes
NOW = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
HEATMAP = {
    "y_axis": [90.0, 100.0, 104.0],
    "liquidation_leverage_data": [[0, 0, 9e9], [1, 0, 5e6], [1, 2, 2e6], [1, 1, 0]],
    "price_candlesticks": [
        [START - 300, "99", "101", "98", "100", "5"],
        [START, "100", "101", "99", "100", "6"],
    ],
}
MAP = {
    "data": {"95": [[95, 4e6, 25, None], [95, 1e6, 50, None]], "105.5": [[105.5, 3e6, 10, None]]}
}
CELLS = [
    {"timestamp": START, "size": 3.5, "startingPrice": 95, "endingPrice": 96, "side": "long"},
    {"timestamp": START, "size": 1.5, "startingPrice": 106, "endingPrice": 105, "side": "Short"},
]


def coinglass(data, name="coinglass_model2.json", *, coin="BTC", venue="binance", **more):
    stated = {key: more.pop(key) for key in tuple(more) if key == "dataset"}
    document = json.dumps({"code": "0", "msg": "success", "data": data} | more).encode()
    return read_coinglass(Path(name), document, ImportOptions(coin=coin, venue=venue, **stated))


def hyblock(cells, name="BTC_20261123T1400Z.json", *, coin="BTC", venue="binance", **stated):
    document = json.dumps({"data": cells}).encode()
    return read_hyblock(Path(name), document, ImportOptions(coin=coin, venue=venue, **stated))


def levels(parsed):
    frame = parsed.frames["peer_maps"].sort("price_low")
    return frame.select("side", "price_low", "price_high", "size").rows()


def test_of_a_heatmap_the_newest_column_alone_stands_with_unknown_sides():
    parsed = coinglass(HEATMAP)
    assert levels(parsed) == [("unknown", 85.0, 95.0, 5e6), ("unknown", 102.0, 106.0, 2e6)]
    row = parsed.frames["peer_maps"].row(0, named=True)
    assert (row["venue"], row["symbol"]) == ("binance", "BTC/USDT:USDT")
    assert (row["provider"], row["model"], row["source"]) == (
        "coinglass",
        "model2",
        "coinglass:model2",
    )


def test_a_heatmap_is_known_when_its_running_bar_ends_unless_it_says_when_it_was_made():
    bounded = coinglass(HEATMAP).frames["peer_maps"]
    assert set(bounded["available_time"]) == {NOW}
    told_ms = START * 1000 + 12_000
    told = coinglass(HEATMAP | {"update_time": told_ms}).frames["peer_maps"]
    assert set(told["available_time"].dt.epoch("ms")) == {told_ms}
    assert set(told["event_time"].dt.epoch("ms")) == {told_ms}
    named = coinglass(HEATMAP, "model1_20261123T143000Z.json").frames["peer_maps"]
    assert set(named["available_time"]) == {NOW.replace(minute=30)}
    assert set(named["event_time"]) == {NOW.replace(minute=30)}


def test_a_heatmap_made_before_its_own_bars_is_refused():
    with pytest.raises(DamagedFileError, match="before its newest bar"):
        coinglass(HEATMAP | {"update_time": START * 1000 - 1})


def test_a_column_that_is_behind_still_is_what_the_reply_showed():
    behind = HEATMAP | {"liquidation_leverage_data": [[0, 0, 5e6]]}
    frame = coinglass(behind).frames["peer_maps"]
    assert frame["size"].to_list() == [5e6]
    assert set(frame["available_time"]) == {NOW}


def test_two_replies_of_one_bar_are_two_maps():
    first, second = (
        coinglass(HEATMAP | {"update_time": START * 1000 + after}).frames["peer_maps"]
        for after in (1, 2)
    )
    key = list(TABLES["peer_maps"].key)
    assert pl.concat([first, second]).select(key).is_duplicated().sum() == 0


def test_the_older_keys_and_an_aggregate_read_alike():
    older = dict(zip(("y", "liq", "prices"), HEATMAP.values(), strict=True))
    parsed = coinglass(older, "BTC.json", venue="all", dataset="model3")
    row = parsed.frames["peer_maps"].row(0, named=True)
    assert (row["venue"], row["symbol"], row["model"]) == ("all", "BTC", "model3")
    assert levels(parsed) == levels(coinglass(HEATMAP))


def test_a_map_sums_what_stands_at_a_price_over_leverages():
    parsed = coinglass(MAP, "map_BTC_2026-11-23T14-00Z.json")
    assert levels(parsed) == [("unknown", 95.0, 95.0, 5e6), ("unknown", 105.5, 105.5, 3e6)]
    frame = parsed.frames["peer_maps"]
    assert set(frame["model"]) == {"map"}
    assert set(frame["available_time"]) == {NOW}


def test_what_says_that_it_is_simulated_stays_so():
    frame = coinglass(HEATMAP, simulated=True).frames["peer_maps"]
    assert all(is_simulated(source) for source in frame["source"])


@pytest.mark.parametrize(
    ("data", "name", "said"),
    [
        (HEATMAP, "BTC.json", "--dataset model1"),
        (MAP, "map_BTC_20261123.json", "write the moment into its name"),
        (MAP, "map_BTC_20261323T1400Z.json", "write the moment into its name"),
    ],
)
def test_what_a_map_does_not_say_is_asked_for(data, name, said):
    with pytest.raises(UsageError, match=said):
        coinglass(data, name)


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ({"liquidation_leverage_data": [[2, 0, 1.0]]}, "outside the axes"),
        ({"liquidation_leverage_data": [[1, 3, 1.0]]}, "outside the axes"),
        ({"liquidation_leverage_data": [[1, 1, 0]]}, "nothing stands"),
        ({"liquidation_leverage_data": [[1, 1, -1]]}, "no heatmap"),
        ({"y_axis": [90.0, 90.0, 91.0]}, "ascend"),
        ({"price_candlesticks": [[START], [START]]}, "ascend"),
        ({"price_candlesticks": [[], []]}, "start in seconds"),
        ({"price_candlesticks": [[1], [10**30]]}, "start in seconds"),
    ],
)
def test_a_damaged_heatmap_is_refused_whole(broken, said):
    with pytest.raises(DamagedFileError, match=said):
        coinglass(HEATMAP | broken)


def test_hyblock_names_sides_and_borders():
    parsed = hyblock(CELLS, "BTC_L3_20261123T1400Z.json")
    assert levels(parsed) == [("long", 95.0, 96.0, 3.5), ("short", 105.0, 106.0, 1.5)]
    row = parsed.frames["peer_maps"].row(0, named=True)
    assert (row["provider"], row["model"]) == ("hyblock", "heatmap L3")
    assert (row["event_time"], row["available_time"]) == (NOW, NOW)


def test_rows_of_several_times_need_a_word_on_what_they_are():
    older = [CELLS[0] | {"timestamp": START - 300, "startingPrice": 94}]
    with pytest.raises(UsageError, match="--dataset columns"):
        hyblock(CELLS + older)
    assert len(levels(hyblock(CELLS + older, dataset="columns"))) == 2
    assert len(levels(hyblock(CELLS + older, dataset="levels"))) == 3


def test_a_reply_of_hyblock_must_say_in_its_name_when_it_was_made():
    with pytest.raises(UsageError, match="write the moment into its name"):
        hyblock(CELLS, "BTC.json")


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ({"side": "buy"}, "row 1, field side"),
        ({"startingPrice": 0}, "no heatmap of Hyblock"),
        ({"size": None}, "no heatmap of Hyblock"),
        ({"timestamp": 5}, "no heatmap of Hyblock"),
        ({"timestamp": START + 301}, "later than the moment"),
        ({"timestamp": (START + 301) * 1000}, "later than the moment"),
    ],
)
def test_a_damaged_reply_of_hyblock_is_refused_whole(broken, said):
    with pytest.raises(DamagedFileError, match=said):
        hyblock([CELLS[0] | broken])


def test_a_reply_without_rows_says_that_it_holds_none():
    assert "holds no rows" in hyblock([]).warnings[0]

"""Leverage brackets in every shape in which Binance states them."""

import json

import msgspec
import pytest

from forcedflow.errors import FrameError
from forcedflow.instruments import Instrument
from forcedflow.margin.brackets import schedules_from_table
from forcedflow.store.raw_log import Frame
from forcedflow.venues.binance import BinanceConnector
from forcedflow.venues.binance.contract import contract_of
from forcedflow.venues.binance.parse_brackets import parse_signed_brackets, parse_web_brackets
from forcedflow.venues.row_buffer import RowBuffer

CONTRACT = contract_of(Instrument("binance", "BTC", "USDT", "USDT", 0.1))
CONTRACTS = {"BTCUSDT": CONTRACT}
NOON = 1_791_374_400_000
FIGURES = [(1, 0, 300_000, 150, 0.004, 0.0), (2, 300_000, 800_000, 100, 0.005, 300.0)]


def web(figures, symbol="BTCUSDT"):
    names = ("bracketSeq", "bracketNotionalFloor", "bracketNotionalCap", "maxOpenPosLeverage")
    names += ("bracketMaintenanceMarginRate", "cumFastMaintenanceAmount")
    brackets = [dict(zip(names, row, strict=True)) for row in figures]
    listed = [{"symbol": symbol, "updateTime": NOON, "riskBrackets": brackets}]
    return msgspec.json.encode({"code": "000000", "success": True, "data": {"brackets": listed}})


def signed(figures):
    names = (
        "bracket",
        "notionalFloor",
        "notionalCap",
        "initialLeverage",
        "maintMarginRatio",
        "cum",
    )
    brackets = [dict(zip(names, row, strict=True)) for row in figures]
    return msgspec.json.encode([{"symbol": "BTCUSDT", "notionalCoef": 1.5, "brackets": brackets}])


def parsed(parse, raw, contracts=CONTRACTS):
    rows = RowBuffer("binance")
    parse(raw, rows, contracts, NOON)
    return rows.take().get("leverage_brackets")


@pytest.mark.parametrize(
    ("parse", "shape", "source"),
    [
        (parse_web_brackets, web, "binance:brackets"),
        (parse_signed_brackets, signed, "binance:leverageBracket"),
    ],
)
def test_both_shapes_state_the_same_schedule(parse, shape, source):
    frame = parsed(parse, shape(FIGURES))
    (schedule,) = schedules_from_table(frame)
    assert schedule.symbol == "BTC/USDT:USDT"
    assert schedule.effective_ms == NOON - NOON % 86_400_000
    assert schedule.source == source
    assert schedule.at_notional(500_000).maintenance_margin(500_000) == 2200.0
    assert frame["available_time"].to_list() == frame["event_time"].to_list()


@pytest.mark.parametrize(
    ("figures", "problem"),
    [
        ([FIGURES[0], (2, 300_000, 800_000, 100, 0.005, 299.0)], "margin jumps from 1200 to 1201"),
        ([FIGURES[0], (2, 300_001, 800_000, 100, 0.005, 300.0)], "bracket 2 begins at 300001"),
        ([FIGURES[0], (3, 300_000, 800_000, 100, 0.005, 300.0)], "bracket 2 is missing"),
        ([FIGURES[0], (2, 300_000, 300_000, 100, 0.005, 300.0)], "which is not above 300000"),
        ([(1, 0, 10, 100, 0.2, 0), (2, 10, 90, 50, 0.1, 0)], "asks for a smaller rate"),
    ],
)
def test_brackets_that_are_no_schedule_are_refused(figures, problem):
    with pytest.raises(FrameError, match=problem):
        parsed(parse_web_brackets, web(figures))


def test_contracts_that_nobody_asked_for_and_coin_margined_ones_are_left_out():
    assert parsed(parse_web_brackets, web(FIGURES, "ETHUSDT")) is None
    inverse = contract_of(Instrument("binance", "BTC", "USD", "BTC", 0.1, 100.0))
    assert parsed(parse_web_brackets, web(FIGURES, "BTCUSD_PERP"), {inverse.name: inverse}) is None


def test_the_daily_poll_gives_the_brackets_of_followed_contracts():
    reader = BinanceConnector().reader([Instrument("binance", "BTC", "USDT", "USDT", 0.1)])
    rows = RowBuffer("binance")
    reader.read(Frame(NOON * 1_000_000, "rest:um:brackets", "response", web(FIGURES)), rows)
    assert rows.take()["leverage_brackets"]["bracket"].to_list() == [1, 2]


def test_a_refusal_of_the_web_page_is_an_error():
    with pytest.raises(FrameError, match="brackets"):
        parsed(parse_web_brackets, b'{"code":"000002","success":false,"data":null}')


@pytest.mark.real_data
def test_recorded_brackets_are_continuous_in_margin(real_data):
    recorded = json.loads(
        (real_data / "brackets" / "binance_leverage_brackets_by_date.json").read_bytes()
    )
    checked = 0
    for symbols in recorded.values():
        for symbol, tiers in symbols.items():
            names = ("minNotional", "maxNotional", "maxLeverage", "maintenanceMarginRate", "cum")
            figures = [
                (number, *(tier[name] for name in names))
                for number, tier in enumerate(tiers, start=1)
            ]
            assert parsed(parse_signed_brackets, signed(figures)).height == len(tiers), symbol
            checked += 1
    assert checked > 50

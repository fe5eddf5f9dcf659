"""What the live loop tells is what the answers say: the same clusters, cells and dominoes."""

from __future__ import annotations

import asyncio
import json
from base64 import b64decode

import numpy as np
import pytest

from forcedflow.answers import cascade, zones
from forcedflow.answers.model import read_map
from forcedflow.answers.times import iso_time
from forcedflow.heatmap.scale import to_bytes
from forcedflow.instruments import parse_symbol
from forcedflow.live.heat_column import build_column
from forcedflow.live.market_state import BarClose
from forcedflow.live.market_update import MarketUpdate, SourceAge, StageOutcome
from forcedflow.server.event_stream import Choice, EventStream
from forcedflow.server.update_event import publisher, update_payload
from forcedflow.units import MINUTE_MS

SIM = parse_symbol("SIM", "sandbox")


@pytest.fixture(scope="module")
def mapped(market):
    return read_map(market[0], SIM, market[1])


@pytest.fixture(scope="module")
def walked(market):
    return cascade.read(market[0], [SIM], market[1], cascade.CascadeOptions(scenarios=100))


def update_of(mapped, stages):
    closed = BarClose(
        at_ms=mapped.market.at_ms,
        mark=mapped.mark,
        column=build_column(mapped, mapped.known_ms - 5 * MINUTE_MS),
        zones=tuple(mapped.zones()),
        readings=(),
        loading=None,
        input_age_ms={},
        simulated=True,
    )
    ages = (SourceAge("open_interest", 60_000, False), SourceAge("funding", None, False))
    return MarketUpdate(SIM, mapped.market.at_ms, "LIVE", closed, ages, stages)


def test_an_update_says_what_the_answers_say(market, mapped, walked):
    outcome = StageOutcome(market[1], walked, "")
    told = update_payload(update_of(mapped, {"cascade": outcome}))
    assert (told["badge"], told["simulated"], told["at"]) == ("LIVE", True, iso_time(market[1]))
    assert told["zones"] == zones.ask(market[0], SIM, market[1])["zones"]
    assert told["cascade"]["answer"] == cascade.answer(walked)
    assert told["forecast"] is None
    assert told["freshness"] == {
        "age_s": 60.0,
        "sources": {"open_interest": 60.0, "funding": None},
        "late": [],
    }


def test_a_column_is_of_bytes_that_a_tile_would_have(mapped):
    update = update_of(mapped, {})
    told, column = update_payload(update)["column"], update.column
    whole = column.usd.sum(axis=(0, 1), dtype=np.float64)[None]
    expected = to_bytes(whole, np.array([column.even_usd])).tobytes()
    assert b64decode(told["cells_base64"]) == expected
    assert len(expected) == told["bins"]
    assert sum(expected) > 0
    assert {len(b64decode(cells)) for cells in told["sides_base64"].values()} == {told["bins"]}
    edge = told["lowest_price"] * np.exp(told["bins"] * told["bin_log_width"])
    assert told["lowest_price"] < told["candle"][3] < edge


def test_a_market_that_failed_says_why_and_nothing_else(mapped):
    update = MarketUpdate(SIM, mapped.market.at_ms, "STALE", None, (), {}, "no open interest")
    told = update_payload(update)
    assert told["problem"] == "no open interest"
    assert told["column"] is told["zones"] is told["signals"] is told["mark_price"] is None


def test_listeners_hear_updates_of_the_loop(mapped):
    async def hear():
        stream = EventStream(boot="b")
        listener = stream.listen(Choice(markets=frozenset({"sandbox:SIM/USDT:USDT"})))
        publisher(stream)(update_of(mapped, {}))
        return stream.take(listener).decode()

    wire = asyncio.run(hear())
    line = next(line for line in wire.splitlines() if line.startswith("data: ") and "badge" in line)
    told = json.loads(line.removeprefix("data: "))
    assert told["market"] == {"venue": "sandbox", "symbol": "SIM/USDT:USDT"}
    assert told["payload"]["badge"] == "LIVE"
    assert "event: update" in wire

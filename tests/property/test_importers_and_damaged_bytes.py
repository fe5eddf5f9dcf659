"""Whatever happens to the bytes, a file becomes checked rows or one named error."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forcedflow.errors import DamagedFileError, UsageError
from forcedflow.tables import check
from forcedflow.venues.importers.options import ImportOptions
from forcedflow.venues.importers.registry import KINDS

OPTIONS = ImportOptions(coin="BTC", venue="binance", interval="1h", market="perp")
SOUND = {
    ("binance-vision", "BTCUSDT-metrics-2025-12-01.csv"): (
        "create_time,symbol,sum_open_interest,sum_open_interest_value,"
        "count_toptrader_long_short_ratio,sum_toptrader_long_short_ratio,"
        "count_long_short_ratio,sum_taker_long_short_vol_ratio\n"
        "2025-12-01 00:05:00,BTCUSDT,89832.175,8064963864.475,1.1,,1.3,\n"
        "2025-12-01 00:10:00,BTCUSDT,89353.369,7961197535.8251,,1.2,,0.9\n"
    ),
    ("candles", "BTCUSDT_perp_1h.csv"): (
        "timestamp,venue,open,high,low,close,volume\n"
        "2023-06-22 09:00:00+00:00,okx,100,110,90,105,12.5\n"
        "1687428000000,bybit,105,111,91,106,2\n"
    ),
    ("coinglass", "coinglass_BTC_liquidation_1h.csv"): (
        "timestamp,longUsd,shortUsd,totalUsd\n1763874000000,702059.9,79334.1,781394.1\n"
    ),
    ("coinglass", "reply.json"): (
        '{"code":"0","data":[{"time":1658880000000,'
        '"long_liquidation_usd":"1.5","short_liquidation_usd":2}]}'
    ),
    ("coinalyze", "reply.json"): (
        '[{"symbol":"BTCUSDT_PERP.A","history":[{"t":1718830800,"o":1,"h":2,"l":1,"c":1,"v":3}]}]'
    ),
    ("hyperliquid-tape", "trades_BTC_20260621.jsonl"): (
        '{"ts":1781999998762,"px":64275.0,"sz":0.01,"side":"A"}\n'
        '{"ts":1781999998898,"px":64276.0,"sz":0.1,"side":"B"}\n'
    ),
    ("hyperliquid-tape", "l2_BTC_20260621.jsonl"): (
        '{"ts":1781999997890,"bids":[[9,1],[8,2.5]],"asks":[[10,3],[11,0.5]]}\n'
        '{"ts":1781999999890,"bids":[[9,1]],"asks":[]}\n'
    ),
    ("hyperliquid-tape", "ctx_BTC_20260621.jsonl"): (
        '{"ts":1782000003524,"funding":1.25e-05,"oi":31108.4,"mark":64275.0,"oracle":64299.0}\n'
    ),
    ("coinglass", "model2_BTC_20261123T1430Z.json"): (
        '{"code":"0","data":{"y_axis":[90.5,100,104],"liquidation_leverage_data":[[0,0,9e9],'
        '[1,0,5.5],[1,2,2]],"price_candlesticks":[[1795441800,"9","9","9","9","5"],'
        '[1795442100,"9","9","9","9","5"]]}}'
    ),
    ("coinglass", "map_BTC_20261123T1400Z.json"): (
        '{"code":"0","data":{"data":{"95":[[95,4e6,25,null]],"105.5":[[105.5,3e6,10,null]]}}}'
    ),
    ("hyblock", "BTC_20261123T1400Z.json"): (
        '{"data":[{"timestamp":1795442100,"size":3.5,"startingPrice":95,"endingPrice":96,'
        '"side":"long"}]}'
    ),
    ("hyperliquid-fills", "21.jsonl"): (
        '{"events":[["0x1",{"coin":"BTC","px":"100.5","sz":"2","side":"A","time":1760131200123,'
        '"crossed":true,"tid":7,"liquidation":{"liquidatedUser":"0x1","markPx":"101",'
        '"method":"market"}}]]}\n'
    ),
    ("table", "funding.csv"): (
        "venue,symbol,event_time,available_time,kind,funding_rate,source,precedence\n"
        "binance,BTC/USDT:USDT,2026-01-01T08:00:00Z,1767254400000,settled,0.0001,mine,5\n"
    ),
}


@pytest.mark.parametrize(("kind", "name"), list(SOUND))
def test_the_sound_file_is_read(kind, name):
    parsed = KINDS[kind].reader(Path(name), SOUND[kind, name].encode(), OPTIONS)
    assert sum(frame.height for frame in parsed.frames.values()) > 0


@settings(deadline=None, max_examples=200)
@given(
    chosen=st.sampled_from(list(SOUND)),
    edits=st.lists(
        st.tuples(st.integers(0, 400), st.binary(max_size=3), st.integers(0, 3)),
        min_size=1,
        max_size=4,
    ),
)
def test_edited_bytes_become_checked_rows_or_one_named_error(chosen, edits):
    kind, name = chosen
    data = SOUND[chosen].encode()
    for position, inserted, removed in edits:
        at = position % (len(data) + 1)
        data = data[:at] + inserted + data[at + removed :]
    try:
        parsed = KINDS[kind].reader(Path(name), data, OPTIONS)
    except DamagedFileError as error:
        assert name in str(error)  # noqa: PT017 - either outcome is right
        return
    except UsageError as error:
        assert name in str(error)  # noqa: PT017 - likewise
        return
    for table, frame in parsed.frames.items():
        assert check(table, frame).equals(frame)

"""Where the commands of the pages run: files to import, and venues that answer on loopback.

In:  a folder, the recorded data.   Out: files by the names that the pages use; a settings file.
Free of recorded rows: what is written here was made up in the vendors' documented shapes.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable
from pathlib import Path

import lz4.frame
import polars as pl
from tests.venues.fakes.exchange import FakeExchange

HEATMAP = {
    "y_axis": [90.0, 100.0, 104.0],
    "liquidation_leverage_data": [[0, 0, 9e9], [1, 0, 5e6], [1, 2, 2e6]],
    "price_candlesticks": [
        [1_795_441_800, "99", "101", "98", "100", "5"],
        [1_795_442_100, "100", "101", "99", "100", "6"],
    ],
}
LEVELS = {"data": {"95": [[95, 4e6, 25, None]], "105.5": [[105.5, 3e6, 10, None]]}}
CELL = {
    "timestamp": 1_795_442_100,
    "size": 3.5,
    "startingPrice": 95,
    "endingPrice": 96,
    "side": "long",
}
FILL = {
    "coin": "BTC",
    "px": "100.0",
    "sz": "2.5",
    "side": "A",
    "time": 1_760_131_200_123,
    "startPosition": "9.0",
    "dir": "Close Long",
    "closedPnl": "-12.0",
    "hash": "0x0",
    "oid": 1,
    "crossed": True,
    "fee": "0.1",
    "tid": 7,
    "feeToken": "USDC",
}
BLOCK = {
    "local_time": "2025-10-10T21:20:00.123456789",
    "block_time": "2025-10-10T21:20:00.123456789",
    "block_number": 1,
    "events": [["0x" + "ab" * 20, FILL]],
}
LIQUIDATIONS = (
    "exchange,symbol,timestamp,local_timestamp,id,side,price,amount\n"
    "binance-futures,BTCUSDT,1780272000123456,1780272000128456,,buy,60000.5,0.5\n"
)
FUNDING = (
    "venue,symbol,event_time,available_time,kind,funding_rate,source,precedence\n"
    "binance,BTC/USDT:USDT,2026-01-01T08:00:00Z,1767254400000,settled,0.0001,mine,5\n"
)
EVENTS = "time,event,timezone\n2026-12-02T16:20,NVIDIA earnings,America/New_York\n"


def put_vendor_files(folder: Path, real_data: Path) -> None:
    """Put files under the names that the pages use: recorded ones by link, others made up."""
    recorded = {
        "data": "binance-vision",
        "perp_ohlcv_1h.parquet": "candles/perp_ohlcv_1h.parquet",
        "BTCUSDT_spot_1h.csv": "candles/BTCUSDT_spot_1h.csv",
        "coinalyze_binance_1h.csv": "coinalyze/coinalyze_binance_1h.csv",
        "hyperliquid_positions.parquet": "hyperliquid/hyperliquid_positions.parquet",
    }
    for name, path in recorded.items():
        (folder / name).symlink_to(real_data / path)
    # One file of each kind says that the folder is read; all of them take half a minute.
    for name, path in (
        ("exports", "coinglass/coinglass_BTC_1h.csv"),
        ("tape", "hyperliquid/tape/ctx_BTC_20260621.jsonl.gz"),
    ):
        (folder / name).mkdir()
        (folder / name / Path(path).name).symlink_to(real_data / path)
    (bars,) = real_data.rglob("markPriceKlines/**/BTCUSDT-5m-2025-10-01.zip")
    (folder / bars.name).symlink_to(bars)

    def said(name: str, document: object) -> None:
        (folder / name).write_text(json.dumps(document), encoding="utf-8")

    interest = {"time": 1_764_828_000_000, "open": "1", "high": "2", "low": "1", "close": "8e9"}
    said("reply.json", {"code": "0", "msg": "success", "data": [interest]})
    for name, data in (
        ("heatmap_model2_20261123T1400Z", HEATMAP),
        ("aggregated_model1_20261123T1400Z", LEVELS),
    ):
        said(f"{name}.json", {"code": "0", "msg": "success", "data": data})
    said("BTC_L3_20261123T1400Z.json", {"data": [CELL]})
    history = [{"t": 1_718_830_800, "l": 0.5, "s": 2}]
    said("liquidations.json", [{"symbol": "BTCUSDT_PERP.A", "history": history}])
    said("recorded.jsonl", {"ts": 1_781_999_998_762, "px": 64275.0, "sz": 0.5, "side": "B"})
    (folder / "20251010").mkdir()
    (folder / "20251010" / "21.lz4").write_bytes(
        lz4.frame.compress(json.dumps(BLOCK).encode() + b"\n")
    )
    packed = gzip.compress(LIQUIDATIONS.encode())
    (folder / "BTCUSDT.csv.gz").write_bytes(packed)
    (folder / "datasets").mkdir()
    named = "binance-futures_liquidations_2026-06-01_BTCUSDT.csv.gz"
    (folder / "datasets" / named).write_bytes(packed)
    (folder / "export.csv").write_text(FUNDING, encoding="utf-8")
    pl.read_csv(FUNDING.encode()).write_parquet(folder / "funding.parquet")


def write_settings(path: Path, fakes: Iterable[FakeExchange]) -> None:
    """Write a settings file that names venues on loopback instead of the venues."""
    lines = []
    for fake in fakes:
        there = fake.endpoints
        lines += [f"[venues.{fake.venue}]", f'rest = "{there.rest}"', f'stream = "{there.stream}"']
        if there.archive:
            lines.append(f'archive = "{there.archive}"')
        others = ", ".join(f'{name} = "{root}"' for name, root in there.others.items())
        lines.append(f"others = {{ {others} }}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")

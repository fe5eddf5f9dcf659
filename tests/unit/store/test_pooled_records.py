"""Pooled records are kept whole, refused where changed, and never read before their time."""

from __future__ import annotations

import msgspec
import pytest

from forcedflow.errors import DamagedFileError, DataError
from forcedflow.store.pooled_record import (
    HeldLegs,
    HeldRate,
    HeldRegimes,
    newest_legs,
    newest_regimes,
    write_pooled,
)
from forcedflow.units import DAY_MS

FIRST_MS = 1_767_225_600_000  # 2026-01-01
BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"


def _legs(days=30, symbols=(BTC, ETH), **changes):
    record = HeldLegs(
        venue="binance",
        symbols=list(symbols),
        from_ms=FIRST_MS,
        to_ms=FIRST_MS + days * DAY_MS,
        simulated=False,
        data={BTC: {"open_interest": "ab"}},
        known_ms=[FIRST_MS + 5, FIRST_MS + 9],
        impulse_ms=[FIRST_MS, FIRST_MS + 4],
        to_extreme_ms=[-3, 7],
        net_bps=[None, -1.25],
        size_usd=1e4,
    )
    return msgspec.structs.replace(record, **changes)


def _bare(record):
    return msgspec.structs.replace(record, content_hash="")


def test_legs_are_read_as_they_were_written_and_kept_once(tmp_path):
    path = write_pooled(tmp_path, _legs())
    assert write_pooled(tmp_path, _legs()) == path
    assert path.parent == tmp_path / "artefacts" / "second-leg" / "binance" / "pooled"
    found = newest_legs(tmp_path, "binance", ETH, FIRST_MS + 30 * DAY_MS)
    assert _bare(found) == _legs()


def test_rates_of_regimes_are_read_as_they_were_written(tmp_path):
    rate = HeldRate(
        "crowded_longs",
        "down",
        "24h",
        "skew",
        "matched",
        "",
        25,
        24,
        0.1,
        0.2,
        -0.1,
        None,
        0.3,
        1.0,
    )
    legs = _legs()
    record = HeldRegimes(
        venue=legs.venue,
        symbols=legs.symbols,
        from_ms=legs.from_ms,
        to_ms=legs.to_ms,
        simulated=True,
        data=legs.data,
        rates=[rate],
    )
    write_pooled(tmp_path, record)
    assert _bare(newest_regimes(tmp_path, "binance", BTC, legs.to_ms)) == record
    assert newest_regimes(tmp_path, "binance", BTC, legs.to_ms - 1) is None
    assert newest_legs(tmp_path, "binance", BTC, legs.to_ms) is None


def test_a_record_is_not_known_before_its_span_is_over(tmp_path):
    write_pooled(tmp_path, _legs(30))
    write_pooled(tmp_path, _legs(60))
    for day, end in ((29, None), (30, 30), (59, 30), (60, 60), (99, 60)):
        found = newest_legs(tmp_path, "binance", BTC, FIRST_MS + day * DAY_MS)
        assert (None if found is None else found.to_ms) == (
            None if end is None else FIRST_MS + end * DAY_MS
        )


def test_a_record_speaks_of_the_markets_it_counts_alone_and_more_of_them_win(tmp_path):
    write_pooled(tmp_path, _legs(symbols=(BTC,)))
    write_pooled(tmp_path, _legs(from_ms=FIRST_MS + DAY_MS))
    at_ms = FIRST_MS + 40 * DAY_MS
    assert newest_legs(tmp_path, "binance", BTC, at_ms).symbols == [BTC, ETH]
    assert newest_legs(tmp_path, "binance", "SOL/USDT:USDT", at_ms) is None
    assert newest_legs(tmp_path, "bybit", BTC, at_ms) is None


def test_a_changed_file_is_refused(tmp_path):
    path = write_pooled(tmp_path, _legs())
    path.write_bytes(path.read_bytes().replace(b"-1.25", b"+9.25".replace(b"+", b"")))
    with pytest.raises(DamagedFileError, match="not what was written"):
        newest_legs(tmp_path, "binance", BTC, FIRST_MS + 400 * DAY_MS)
    path.write_bytes(b"{}")
    with pytest.raises(DamagedFileError, match="no such record"):
        newest_legs(tmp_path, "binance", BTC, FIRST_MS + 400 * DAY_MS)


def test_columns_of_unequal_length_are_not_written(tmp_path):
    with pytest.raises(DataError, match="unequal length"):
        write_pooled(tmp_path, _legs(net_bps=[1.0]))
    assert not (tmp_path / "artefacts").exists()

"""Records of signals are kept whole, refused where changed, and never read before their time."""

from __future__ import annotations

import msgspec
import pytest

from forcedflow.errors import DamagedFileError
from forcedflow.store.signal_record import (
    RecordedFigure,
    SignalRecord,
    newest_record,
    read_record,
    write_record,
)
from forcedflow.units import DAY_MS

FIRST_MS = 1_767_225_600_000  # 2026-01-01
SYMBOL = "BTC/USDT:USDT"


def _record(days=30, **changes):
    figure = RecordedFigure("cascade_rate", "24h", 40, 30, 0.12, 0.1, None, 0.05, None)
    record = SignalRecord(
        venue="binance",
        symbol=SYMBOL,
        from_ms=FIRST_MS,
        to_ms=FIRST_MS + days * DAY_MS,
        simulated=False,
        fired={"sweeps": 41},
        figures={"sweeps": [figure]},
        data={"open_interest": "ab"},
    )
    return msgspec.structs.replace(record, **changes)


def test_a_record_is_read_as_it_was_written_and_kept_once(tmp_path):
    path = write_record(tmp_path, _record())
    assert path.name.startswith("2026-01-31-")
    assert write_record(tmp_path, _record()) == path
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    held = read_record(path)
    assert msgspec.structs.replace(held, content_hash="") == _record()


def test_a_changed_file_is_refused(tmp_path):
    path = write_record(tmp_path, _record())
    path.write_bytes(path.read_bytes().replace(b'"sweeps":41', b'"sweeps":42'))
    with pytest.raises(DamagedFileError, match="not what was written"):
        read_record(path)
    path.write_bytes(b"{}")
    with pytest.raises(DamagedFileError, match="no record of signals"):
        newest_record(tmp_path, "binance", SYMBOL, FIRST_MS + 400 * DAY_MS)


def test_a_record_is_not_known_before_its_span_is_over(tmp_path):
    write_record(tmp_path, _record(30))
    write_record(tmp_path, _record(60))
    for day, end in ((29, None), (30, 30), (59, 30), (60, 60), (99, 60)):
        found = newest_record(tmp_path, "binance", SYMBOL, FIRST_MS + day * DAY_MS)
        assert (found and found.to_ms) == (end and FIRST_MS + end * DAY_MS)
    before_noon = FIRST_MS + 30 * DAY_MS - 1
    assert newest_record(tmp_path, "binance", SYMBOL, before_noon) is None


def test_of_two_that_end_together_the_longer_counts(tmp_path):
    write_record(tmp_path, _record(30))
    write_record(tmp_path, _record(30, from_ms=FIRST_MS - 60 * DAY_MS))
    found = newest_record(tmp_path, "binance", SYMBOL, FIRST_MS + 31 * DAY_MS)
    assert found.from_ms == FIRST_MS - 60 * DAY_MS


def test_a_market_without_a_record_has_none(tmp_path):
    write_record(tmp_path, _record())
    assert newest_record(tmp_path, "bybit", SYMBOL, FIRST_MS + 99 * DAY_MS) is None

"""Options as typed, files as found, and what makes two imports the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from forcedflow.errors import UsageError
from forcedflow.venues.importers.options import (
    ImportOptions,
    parse_contract_size,
    parse_interval,
    parse_volume_unit,
)
from forcedflow.venues.importers.registry import KINDS, discover, identity


def test_options_are_read_as_typed():
    assert parse_volume_unit("Kraken=coins") == ("kraken", "coins")
    assert parse_contract_size("okx:BTC=0.01") == ("okx", "BTC", 0.01)
    assert parse_interval("15m") == 900_000


@pytest.mark.parametrize("text", ["kraken", "kraken=litres", "=coins"])
def test_a_unit_that_says_nothing_is_refused(text):
    with pytest.raises(UsageError, match="--volume-unit"):
        parse_volume_unit(text)


@pytest.mark.parametrize("text", ["okx=0.01", "okx:BTC=0", "okx:BTC=-1", "okx:BTC=1e999", "a:b=e"])
def test_a_contract_size_that_cannot_be_is_refused(text):
    with pytest.raises(UsageError, match="--contract-size"):
        parse_contract_size(text)


def test_folders_are_walked_in_order_and_a_file_named_twice_is_read_once(tmp_path):
    for name in ("b_1h.csv", "a_1h.csv", "a_1h.csv.CHECKSUM", "README.md", "odd.bin"):
        (tmp_path / name).write_text("x")
    found = discover("candles", [tmp_path, tmp_path / "a_1h.csv"])
    assert [path.name for path in found.files] == ["a_1h.csv", "b_1h.csv"]
    assert len(found.warnings) == 1
    assert "odd.bin" in found.warnings[0]


def test_a_folder_of_the_archive_yields_only_its_own_names(tmp_path):
    names = ("BTCUSDT-metrics-2025-12-01.zip", "BTCUSDT-trades-2025-12-01.zip", "mine.csv")
    for name in names:
        (tmp_path / name).write_text("x")
    found = discover("binance-vision", [tmp_path])
    assert [path.name for path in found.files] == [names[0]]
    assert [name in told for name, told in zip(names[1:], found.warnings, strict=True)] == [
        True,
        True,
    ]


def test_a_path_that_is_not_there_is_a_mistake_of_the_command(tmp_path):
    with pytest.raises(UsageError, match="no such file"):
        discover("candles", [tmp_path / "nowhere"])
    with pytest.raises(UsageError, match="no kind of file"):
        discover("postcards", [tmp_path])


def test_the_same_bytes_under_another_name_or_with_other_options_are_another_import():
    path, other = Path("BTCUSDT_spot_1h.csv"), Path("ETHUSDT_spot_1h.csv")
    plain = identity("candles", path, ImportOptions())
    assert plain == identity("candles", Path("elsewhere") / path, ImportOptions())
    assert plain != identity("candles", other, ImportOptions())
    assert plain != identity("candles", path, ImportOptions(venue="bybit"))


def test_archive_bars_of_one_name_differ_by_their_folder():
    name = "BTCUSDT-5m-2025-10-01.zip"
    last = Path("data/futures/um/daily/klines/BTCUSDT/5m") / name
    mark = Path("data/futures/um/daily/markPriceKlines/BTCUSDT/5m") / name
    options = ImportOptions()
    assert identity("binance-vision", last, options) != identity("binance-vision", mark, options)


def test_every_kind_is_listed_under_its_own_name():
    assert list(KINDS) == [kind.name for kind in KINDS.values()]

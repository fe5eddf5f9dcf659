"""One lake of the recorded data, imported once by the real command for every test that reads it."""

from __future__ import annotations

from contextlib import redirect_stdout
from io import StringIO
from typing import NamedTuple

import msgspec
import pytest

from forcedflow.cli.app import run
from forcedflow.store import Lake

SOURCES = {
    "binance-vision": "binance-vision",
    "candles": "candles",
    "hyperliquid-positions": "hyperliquid/hyperliquid_positions.parquet",
}


class Imported(NamedTuple):
    """The lake and what each import said of itself. Nobody writes to it."""

    lake: Lake
    summaries: dict[str, dict]


@pytest.fixture(scope="session")
def imported_lake(real_data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("real") / "lake"
    summaries = {}
    for kind, path in SOURCES.items():
        out = StringIO()
        with redirect_stdout(out):
            status = run(["import", kind, str(real_data / path), "--lake", str(folder), "--json"])
        assert status == 0
        summaries[kind] = msgspec.json.decode(out.getvalue())
    return Imported(Lake(folder), summaries)


@pytest.fixture
def real_lake(imported_lake):
    return imported_lake.lake

"""The nautilus example: rows become data that are delivered after they were known, never before."""

from __future__ import annotations

import importlib.util
import math
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import polars as pl
import pytest

SOURCE = Path(__file__).resolve().parents[2] / "examples" / "nautilus" / "levels_data.py"


@dataclass(frozen=True)
class _Typed:
    """A type of data, or an identifier: a value with one part."""

    of: object


@dataclass(frozen=True)
class _Wrapped:
    data_type: object
    data: object


@pytest.fixture(scope="module")
def example():
    """Return the example over the part of nautilus_trader that it uses: names of classes."""
    parts = {
        "nautilus_trader.common.actor": {"Actor": type("Actor", (), {})},
        "nautilus_trader.core.data": {"Data": type("Data", (), {})},
        "nautilus_trader.model.data": {"CustomData": _Wrapped, "DataType": _Typed},
        "nautilus_trader.model.identifiers": {"ClientId": _Typed, "InstrumentId": _Typed},
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, members in parts.items():
            module = ModuleType(name)
            vars(module).update(members)
            patch.setitem(sys.modules, name, module)
        spec = importlib.util.spec_from_file_location("levels_data", SOURCE)
        loaded = importlib.util.module_from_spec(spec)
        patch.setitem(sys.modules, "levels_data", loaded)
        spec.loader.exec_module(loaded)
        yield loaded


def _known(**columns):
    rows = len(next(iter(columns.values())))
    names = ("cluster_below_pct", "cluster_above_pct", "map_asymmetry", "loading", "sigma_day")
    filled = {name: columns.get(name, [0.5] * rows) for name in names}
    return pl.DataFrame({"known_ms": [1_770_000_000_000 + n for n in range(rows)], **filled})


def test_data_is_delivered_after_it_was_known(example):
    made = example.levels_of(_known(loading=[10.0, 20.0]), _Typed("BTC"), answer_ms=250)
    assert [one.data.figures.loading for one in made] == [10.0, 20.0]
    assert [one.data.ts_event for one in made] == [
        1_770_000_000_000_000_000,
        1_770_000_000_001_000_000,
    ]
    assert all(one.data.ts_init - one.data.ts_event == 250_000_000 for one in made)
    assert {one.data_type for one in made} == {_Typed(example.Levels)}


def test_data_that_would_come_early_cannot_be_made(example):
    (one,) = example.levels_of(_known(loading=[1.0]), _Typed("BTC"))
    with pytest.raises(ValueError, match="before it was known"):
        example.Levels(_Typed("BTC"), one.data.figures, ts_event=2, ts_init=1)
    with pytest.raises(ValueError, match="before it was known"):
        example.levels_of(_known(loading=[1.0]), _Typed("BTC"), answer_ms=-1)


def test_rows_without_any_cluster_are_left_out_and_one_side_is_enough(example):
    known = _known(
        cluster_below_pct=[math.nan, math.nan, 1.0], cluster_above_pct=[math.nan, 2.0, math.nan]
    )
    made = example.levels_of(known, _Typed("BTC"))
    assert [one.data.ts_event % 1_000_000_000 for one in made] == [1_000_000, 2_000_000]

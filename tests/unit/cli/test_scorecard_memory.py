"""An interrupted scorecard goes on where it stopped, and never answers from another's data."""

from __future__ import annotations

import pytest

from forcedflow.cli.scorecard_memory import memory_key, remembered
from forcedflow.evaluate.scorecard import Row
from forcedflow.store import Lake

ROW = Row(
    id="map-X-pooled-1h-d2-unif",
    product="map",
    event=None,
    symbol="X",
    venue="binance",
    side="pooled",
    horizon="1h",
    inputs=["open interest"],
    model="forcedflow",
    baseline="unif",
    metric="d2",
    n=2,
    n_days=1,
    value=0.5,
    baseline_value=None,
    gain=None,
    ci=[0.1, None],
    p=None,
)


def test_what_was_scored_is_not_scored_again(tmp_path):
    lake = Lake(tmp_path / "lake", create=True)
    calls = []

    def score():
        calls.append(1)
        return [ROW], [{"symbol": "X", "why": "no prints"}]

    first = remembered(lake, "a" * 64, score)
    assert (
        remembered(lake, "a" * 64, score) == first == ([ROW], [{"symbol": "X", "why": "no prints"}])
    )
    assert len(calls) == 1
    remembered(lake, "b" * 64, score)
    assert len(calls) == 2


def test_an_interrupted_score_leaves_nothing_behind(tmp_path):
    lake = Lake(tmp_path / "lake", create=True)

    def stopped():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        remembered(lake, "a" * 64, stopped)
    assert not (lake.root / "scorecards").exists()
    assert lake.verify() == []


def test_the_key_tells_data_and_spans_apart_and_not_their_order():
    one = memory_key({"data": {"a": "1", "b": "2"}, "span": [1, 2]})
    assert one == memory_key({"span": [1, 2], "data": {"b": "2", "a": "1"}})
    assert one != memory_key({"data": {"a": "1", "b": "3"}, "span": [1, 2]})
    assert one != memory_key({"data": {"a": "1", "b": "2"}, "span": [1, 3]})

"""Attraction and acceleration on BTC as recorded; prints the rows, asserts the plumbing alone."""

from __future__ import annotations

import json

import pytest

from forcedflow.cli.app import run

pytestmark = pytest.mark.real_data


def test_the_rows_of_bitcoin_are_whole(real_lake, capsys):
    span = ("--from", "2025-12-15", "--to", "2026-03-15", "--lake", str(real_lake.root))
    assert run(["scorecard", "magnet", "--symbol", "BTC", *span, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    with capsys.disabled():
        for row in answer["results"]:
            low, high = row["ci"]
            print(
                f"\n{row['id']}: {row['value']:.3f} against {row['baseline_value']:.3f}, gain "
                f"{row['gain']:+.3f} [{low:+.3f}, {high:+.3f}], p {row['p']:.2f}, "
                f"n {row['n']:,} on {row['n_days']} days",
                end="",
            )
    rows = {row["metric"]: row for row in answer["results"]}
    assert {"slope", "hit_rate", "move_sigma"} <= set(rows)
    assert (rows["slope"]["n"], rows["slope"]["n_days"]) == (2135, 89)
    for row in answer["results"]:
        assert row["ci"][0] <= row["gain"] <= row["ci"][1]
        assert 0 < row["p"] <= 1
    assert answer["data"]["simulated"] == []

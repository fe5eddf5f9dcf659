"""The map's scorecard says what it is conditional on, wherever it is read."""

from __future__ import annotations

from forcedflow.cli import scorecard
from forcedflow.cli.app import run
from forcedflow.evaluate.scorecard import Row
from forcedflow.store import Lake

ROW = Row(
    id="map-BTC/USDT:USDT-1h-d2-path_only",
    product="map",
    event=None,
    symbol="BTC/USDT:USDT",
    venue="binance",
    side="pooled",
    horizon="1h",
    inputs=["open interest"],
    model="calibrated",
    baseline="path_only",
    metric="d2",
    n=10,
    n_days=2,
    value=0.5,
    baseline_value=0.4,
    gain=0.1,
    ci=[0.0, 0.2],
    p=0.1,
    pass_=False,
)
GIVEN = "given the path, volume and open interest of each interval"


def test_a_map_is_scored_given_each_intervals_path_volume_and_open_interest(
    tmp_path, monkeypatch, capsys
):
    Lake(tmp_path / "lake", create=True)
    monkeypatch.setattr(scorecard, "_score_maps", lambda *_, **__: [ROW])
    page = tmp_path / "card.md"
    span = ("--fit-to", "2026-01-26", "--to", "2026-03-15", "--lake", str(tmp_path / "lake"))
    assert run(["scorecard", "map", *span, "--out", str(page)]) == 0
    assert GIVEN in " ".join(capsys.readouterr().out.split())
    assert GIVEN in page.read_text(encoding="utf-8")

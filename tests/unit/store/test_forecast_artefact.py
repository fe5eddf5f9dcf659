"""Forecasts on disk: what was written comes back, what was changed is refused."""

import msgspec
import pytest

from forcedflow.errors import DamagedFileError, NoDataError
from forcedflow.store.forecast_artefact import (
    FittedOn,
    ForecastArtefact,
    decode_forecast,
    forecast_folder,
    newest_forecast,
    read_forecast,
    write_forecast,
)
from forcedflow.units import DAY_MS


def an_artefact(fit_to_ms: int = 20_000 * DAY_MS, created: str = "2026-01-01") -> ForecastArtefact:
    market = FittedOn("binance", "BTC/USDT:USDT", 0, fit_to_ms, 100, {"C2": 3}, True, "ab")
    return ForecastArtefact(
        created=created,
        fit_to_ms=fit_to_ms,
        markets=[market],
        simulated=True,
        size={"forcedflow": {"1": {"n": 5, "innovations": [[0.1, 0.2]]}}},
        timing={"C2": {"down": {"slope": [0.25]}}},
        daily=None,
        scores=[{"metric": "log_loss", "value": 0.1}],
        card=["what it is"],
    )


def test_what_was_written_comes_back(tmp_path):
    path = write_forecast(tmp_path, an_artefact())
    again = read_forecast(path)
    assert again.timing == an_artefact().timing
    assert path.stem == again.name
    assert decode_forecast(path.read_bytes(), "x") == again


def test_a_changed_number_is_refused_by_name(tmp_path):
    path = write_forecast(tmp_path, an_artefact())
    path.write_bytes(path.read_bytes().replace(b"0.25", b"0.26"))
    with pytest.raises(DamagedFileError, match="train again"):
        read_forecast(path)


def test_what_is_no_forecast_is_refused(tmp_path):
    path = tmp_path / "x.json"
    path.write_bytes(msgspec.json.encode({"kind": "map"}))
    with pytest.raises(DamagedFileError, match="no trained forecast"):
        read_forecast(path)
    with pytest.raises(NoDataError, match="train forecast"):
        read_forecast(tmp_path / "absent.json")


def test_the_newest_fit_that_had_ended_is_found(tmp_path):
    folder = forecast_folder(tmp_path)
    for day in (100, 200, 300):
        write_forecast(folder, an_artefact(day * DAY_MS))
    assert newest_forecast(tmp_path, 250 * DAY_MS).fit_to_ms == 200 * DAY_MS
    assert newest_forecast(tmp_path, 99 * DAY_MS) is None
    write_forecast(folder, an_artefact(200 * DAY_MS, created="2026-02-01"))
    assert newest_forecast(tmp_path, 200 * DAY_MS).created == "2026-02-01"

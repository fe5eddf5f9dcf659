"""The forecast over time: every hour as it was told then, and none by a model that had seen it."""

from __future__ import annotations

from itertools import pairwise

import msgspec
import pytest
from tests.reference.situations import sandbox_lake

from forcedflow.answers import forecast_course
from forcedflow.answers.times import iso_time
from forcedflow.asof.forecast import shipped
from forcedflow.instruments import parse_symbol
from forcedflow.store.forecast_artefact import forecast_folder, write_forecast
from forcedflow.units import HOUR_MS

SIM = {"symbol": "SIM", "venue": "sandbox"}


@pytest.fixture(scope="module")
def course(client, at):
    reply = client.get("/api/v1/forecast/course", params=SIM | {"at": at, "range": "3d"})
    assert reply.status_code == 200, reply.text
    return reply.json()


def told(client, at_ms):
    params = SIM | {"at": iso_time(at_ms)}
    reply = client.get("/api/v1/forecast", params=params)
    assert reply.status_code == 200, reply.text
    return reply.json()


def test_hours_are_whole_as_many_as_asked_for_and_end_at_the_moment(course, market):
    times = course["time_ms"]
    assert len(times) == 72
    assert times[-1] == market[1] // HOUR_MS * HOUR_MS
    assert {after - before for before, after in pairwise(times)} == {HOUR_MS}
    for one in course["chances"]:
        assert len(one["probability"]) == len(one["climatology"]) == len(times)


@pytest.mark.parametrize("back_h", [0, 30])
def test_an_hour_says_what_was_told_at_that_hour(client, course, back_h):
    place = len(course["time_ms"]) - 1 - back_h
    then = told(client, course["time_ms"][place])
    by_key = {
        (one["direction"], one["horizon_h"]): one
        for one in then["chances"]
        if one["event"] == course["event"]
    }
    for one in course["chances"]:
        own = by_key[one["direction"], one["horizon_h"]]
        for series, name in (("probability", "probability"), ("climatology", "climatology")):
            assert one[series][place] == pytest.approx(own[name], abs=1e-5)


def test_sizes_stand_beside_their_baseline_and_their_quantiles_do_not_cross(course):
    assert {one["side"] for one in course["sizes"]} == {"long", "short"}
    for one in course["sizes"]:
        low, middle, high = (one["quantiles_usd"][level] for level in ("0.05", "0.5", "0.95"))
        known = [row for row in zip(low, middle, high, strict=True) if row[1] is not None]
        assert known
        assert all(a <= b <= c for a, b, c in known)
        assert any(value is not None for value in one["baseline_quantiles_usd"]["0.5"])


def test_it_says_which_event_and_by_which_model(course):
    assert course["event"] in course["events"]
    assert course["event_words"]
    assert course["models"][0]["fit_to"]
    assert course["simulated"] is True


def test_an_event_that_no_model_knows_is_told_with_those_that_are(client, at):
    params = SIM | {"at": at, "event": "C9"}
    reply = client.get("/api/v1/forecast/course", params=params)
    assert reply.status_code == 404
    assert "C2" in reply.json()["error"]["hint"]


def test_hours_that_a_fit_had_seen_are_told_by_nobody(tmp_path, monkeypatch):
    fitted = shipped()
    # The one that ships saw no hour of this market, and would speak of them all.
    monkeypatch.setattr("forcedflow.asof.forecast.shipped", lambda: None)
    held, end_ms = sandbox_lake(tmp_path / "lake")
    last = end_ms // HOUR_MS * HOUR_MS
    fit_to = last - 5 * HOUR_MS
    write_forecast(forecast_folder(held.root), msgspec.structs.replace(fitted, fit_to_ms=fit_to))
    found = forecast_course.ask(held, parse_symbol("SIM", "sandbox"), end_ms, 24 * HOUR_MS)
    told = [
        time
        for time, one in zip(found["time_ms"], found["chances"][0]["probability"], strict=True)
        if one is not None
    ]
    assert told == [fit_to + hour * HOUR_MS for hour in range(6)]
    sizes = found["sizes"][0]["quantiles_usd"]["0.5"]
    assert all(value is None for value in sizes[:-6])
    assert "no model" in found["missing"]["before"]

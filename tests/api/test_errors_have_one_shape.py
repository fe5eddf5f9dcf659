"""Whatever is asked wrongly: one shape, a code for programs, a message for people."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forcedflow.errors import DamagedFileError, FrameError, VenueError
from forcedflow.server import answer_cache
from forcedflow.server.failure import failure_of


def problem(reply):
    found = reply.json()
    assert list(found) == ["error"]
    assert set(found["error"]) == {"code", "message", "hint"}
    assert found["error"]["message"]
    assert reply.headers["content-type"] == "application/json"
    return reply.status_code, found["error"]["code"]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("/api/v1/nothing", (404, "not_found")),
        ("/api/v1/zones", (422, "invalid")),
        ("/api/v1/zones?symbol=SIM", (404, "no_data")),
        ("/api/v1/zones?symbol=S%20M", (422, "invalid")),
        ("/api/v1/zones?symbol=SIM&venue=nowhere", (422, "usage")),
        ("/api/v1/zones?symbol=SIM&venue=sandbox&at=yesterday", (422, "usage")),
        ("/api/v1/zones?symbol=SIM&venue=sandbox&at=0001-01-01", (422, "usage")),
        ("/api/v1/zones?symbol=SIM&venue=sandbox&at=99999999999999", (422, "usage")),
        ("/api/v1/zones?symbol=SIM&venue=sandbox&model=/etc/passwd", (422, "invalid")),
        ("/api/v1/whatif?symbol=SIM&venue=sandbox", (422, "usage")),
        ("/api/v1/whatif?symbol=SIM&venue=sandbox&to=1&move=-3%25", (422, "usage")),
        ("/api/v1/whatif?symbol=SIM&venue=sandbox&to=inf", (422, "invalid")),
        ("/api/v1/whatif?symbol=SIM&venue=sandbox&to=0.0001", (422, "usage")),
        ("/api/v1/heatmap?symbol=SIM&venue=sandbox&range=9y", (422, "usage")),
        ("/api/v1/heatmap?symbol=SIM&venue=sandbox&range=long", (422, "invalid")),
        ("/api/v1/heatmap?symbol=SIM&venue=sandbox&tiers=7", (422, "invalid")),
        ("/api/v1/ladder?symbol=SIM&venue=sandbox&bins=1000000", (422, "invalid")),
        ("/api/v1/cascade?symbol=SIM&venue=sandbox&scenarios=10000000", (422, "invalid")),
        ("/api/v1/cascade?symbol=SIM&venue=sandbox&shock=-2%25&order=5", (422, "usage")),
        ("/api/v1/cascade?symbol=SIM&venue=sandbox,sandbox", (422, "usage")),
        ("/api/v1/cascade?symbol=SIM&venue=sandbox&horizon=9d", (422, "usage")),
        ("/api/v1/checklist?symbol=SIM&venue=sandbox&equity=5", (422, "usage")),
        ("/api/v1/playbook?symbol=SIM&venue=sandbox&entry=5", (422, "usage")),
        ("/api/v1/series?symbol=SIM&venue=sandbox&names=weather", (422, "usage")),
        ("/api/v1/series?symbol=SIM&venue=sandbox&step=2d", (422, "usage")),
        ("/api/v1/series?symbol=BTC&venue=binance", (404, "no_data")),
        ("/api/v1/calendar?from=2026-01-02&to=2026-01-01", (422, "usage")),
        ("/api/v1/calendar?from=2010-01-01&to=2026-01-01", (422, "usage")),
        ("/api/v1/calendar?venue=nowhere", (422, "usage")),
        ("/api/v1/venues?symbol=SIM&order=-5", (422, "invalid")),
        ("/api/v1/coverage?symbols=XYZ", (404, "no_data")),
    ],
)
def test_every_wrong_question_is_refused_in_the_one_shape(client, asked, expected):
    assert problem(client.get(asked)) == expected


def test_a_hint_says_what_to_do(client):
    error = client.get("/api/v1/whatif?symbol=SIM&venue=sandbox").json()["error"]
    assert error["hint"] == "--to 70000, or --move -3%"
    assert "hint" not in error["message"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_nothing_can_be_changed(client, method):
    reply = client.request(method, "/api/v1/zones?symbol=SIM", json={"a": 1})
    assert problem(reply) == (405, "method_not_allowed")
    assert "GET" in reply.headers["allow"]


@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(body=st.binary(max_size=2_000), method=st.sampled_from(["GET", "POST", "PUT"]))
def test_any_body_is_answered_or_refused_in_the_one_shape(client, body, method):
    reply = client.request(method, "/api/v1/calendar", content=body)
    assert reply.status_code == (200 if method == "GET" else 405)
    if method != "GET":
        problem(reply)


@settings(
    deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    path=st.sampled_from(["zones", "series", "calendar", "venues", "whatif", "events"]),
    asked=st.dictionaries(
        st.sampled_from(["symbol", "venue", "at", "range", "step", "to", "from", "order", "kinds"]),
        st.text(max_size=30),
    ),
)
def test_any_text_in_any_parameter_is_no_failure_of_ours(client, path, asked):
    if path == "events" and "kinds" not in asked:
        return  # it would be heard for ever
    reply = client.get(
        f"/api/v1/{path}", params=asked | ({"kinds": "A"} if path == "events" else {})
    )
    assert reply.status_code in {200, 404, 422}
    if reply.status_code != 200:
        problem(reply)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (VenueError("binance", "does not answer"), (502, "venue")),
        (DamagedFileError("part.parquet", "is missing"), (500, "damaged_data")),
        (FrameError("bybit", "tickers", "no price", b"{}"), (500, "damaged_data")),
    ],
)
def test_every_error_of_the_package_has_its_status(error, expected):
    failure = failure_of(error)
    assert (failure.status, failure.code) == expected


def test_what_nobody_foresaw_says_nothing_of_the_inside(serving, monkeypatch, caplog):
    def fail(*_):
        raise RuntimeError("the secret is 42")

    monkeypatch.setattr("forcedflow.answers.zones.ask", fail)
    client = serving()
    reply = client.get("/api/v1/zones?symbol=SIM&venue=sandbox&token=0123456789abcdef")
    assert problem(reply) == (500, "internal")
    assert "42" not in reply.text
    assert "0123456789abcdef" not in caplog.text


def test_who_would_wait_too_long_is_told_so(serving):
    answers = answer_cache.AnswerCache(workers=1, most_waiting=-1)
    reply = serving(answers=answers).get("/api/v1/markets")
    assert problem(reply) == (503, "busy")
    assert reply.headers["retry-after"]

"""What is logged, where to, and what never is."""

from __future__ import annotations

import io
import json
import logging

import pytest
import stamina
import stamina.instrumentation

from forcedflow.log import ROOT, configure, drop_secrets, get_logger


@pytest.fixture(autouse=True)
def _restored():
    root, hooks = logging.getLogger(ROOT), stamina.instrumentation.get_on_retry_hooks()
    before = root.handlers[:], root.level, root.propagate
    yield
    root.handlers[:], root.level, root.propagate = before
    stamina.instrumentation.set_on_retry_hooks(hooks)


def test_lines_for_machines_are_one_object_each_with_time_and_level():
    out = io.StringIO()
    configure(as_json=True, out=out)
    get_logger("venues").warning("closed", feed="binance:market", reason="no byte")
    (line,) = out.getvalue().splitlines()
    entry = json.loads(line)
    assert entry.pop("timestamp").endswith("Z")
    assert entry == {
        "event": "closed",
        "level": "warning",
        "feed": "binance:market",
        "reason": "no byte",
    }


def test_lines_for_people_name_the_event_and_its_values(capsys):
    configure()
    get_logger("venues").info("opened", feed="bybit:linear")
    printed = capsys.readouterr()
    assert "opened" in printed.err
    assert "feed=bybit:linear" in printed.err
    assert printed.out == ""


def test_configuring_again_replaces_and_the_level_holds():
    first, second = io.StringIO(), io.StringIO()
    configure(out=first)
    configure(out=second, level=logging.WARNING)
    get_logger("venues").info("opened")
    get_logger("venues").warning("closed")
    assert first.getvalue() == ""
    assert second.getvalue().count("\n") == 1


def test_secrets_are_left_out_wherever_they_stand():
    event = {
        "event": "x",
        "api_key": "hush",
        "nested": {"Authorization": "hush", "symbol": "BTC", "deep": {"proxy": "hush"}},
    }
    assert drop_secrets(None, "info", event) == {
        "event": "x",
        "nested": {"symbol": "BTC", "deep": {}},
    }
    out = io.StringIO()
    configure(as_json=True, out=out)
    get_logger("venues").info("asked", proxy_url="hush", PASSWORD="hush", symbol="BTC")  # noqa: S106 - no real one
    logging.getLogger(f"{ROOT}.other").warning("plain %s", "words")
    assert "hush" not in out.getvalue()
    assert "plain words" in out.getvalue()


def test_without_configuring_the_application_decides(caplog):
    get_logger("venues").warning("closed", feed="x")
    assert "closed" in caplog.text


def test_repeated_requests_are_logged_and_not_printed(capsys):
    out = io.StringIO()
    configure(as_json=True, out=out)
    tries = iter([OSError("cut"), None])
    for attempt in stamina.retry_context(on=OSError, wait_initial=0, wait_jitter=0):
        with attempt:
            if error := next(tries):
                raise error
    assert json.loads(out.getvalue())["problem"] == "cut"
    assert capsys.readouterr() == ("", "")

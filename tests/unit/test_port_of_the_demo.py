"""Which port the demo's page takes, and what is said of one that is taken."""

from __future__ import annotations

import socket

import pytest

from forcedflow.cli import demo_page
from forcedflow.cli.app import run
from forcedflow.cli.up_server import HOST


@pytest.fixture
def taken():
    """A port that somebody listens at."""
    with socket.socket() as listening:
        listening.bind((HOST, 0))
        listening.listen()
        yield listening.getsockname()[1]


def test_a_taken_port_is_refused_before_anything_is_simulated(taken, capsys, monkeypatch):
    monkeypatch.setattr(demo_page, "is_servable", lambda: True)
    assert run(["demo", "--port", str(taken), "--no-browser"]) == 2
    said = capsys.readouterr()
    assert f"{HOST}:{taken} cannot be listened at" in said.err
    assert "hint: without --port" in said.err
    assert said.out == ""
    assert "dashboard, SIMULATED" not in said.err


def test_where_the_usual_port_is_taken_a_free_one_is_found(taken, monkeypatch):
    monkeypatch.setattr("forcedflow.cli.up_server.DEFAULT_PORT", taken)
    found = demo_page.choose_port(None)
    assert found not in {0, taken}
    with socket.socket() as tried:
        tried.bind((HOST, found))


def test_a_free_port_that_is_named_is_taken():
    with socket.socket() as tried:
        tried.bind((HOST, 0))
        free = tried.getsockname()[1]
    assert demo_page.choose_port(free) == free

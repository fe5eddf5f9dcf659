"""``forcedflow serve``: on loopback, until it is told to end; nowhere else without a token."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request

import pytest

from forcedflow.cli.app import run

TOKEN = "a-token-of-24-characters"  # noqa: S105 - of these tests alone


def ask(address, token=None):
    request = urllib.request.Request(address)  # noqa: S310 - our own server
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    with urllib.request.urlopen(request, timeout=10) as reply:  # noqa: S310 - likewise
        return reply.status, reply.read()


@pytest.fixture
def started(market, at):
    """Start the command on a free port; give its address and the process."""
    running = []

    def start(*options, **environment):
        command = [sys.executable, "-m", "forcedflow", "serve", "--port", "0", "--at", at]
        process = subprocess.Popen(
            [*command, "--lake", market[0].root, *options],
            stderr=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
        )
        running.append(process)
        return process.stderr.readline().split()[0], process

    yield start
    for process in running:
        process.kill()
        process.communicate()


def test_it_serves_until_it_is_interrupted_also_while_somebody_listens(started, at):
    address, process = started()
    assert address.startswith("http://127.0.0.1:")
    status, body = ask(f"{address}/api/v1/zones?symbol=SIM&venue=sandbox")
    assert status == 200
    assert f'"at":"{at}"'.encode() in body
    with urllib.request.urlopen(f"{address}/api/v1/events", timeout=10) as listening:  # noqa: S310 - our own
        assert listening.readline() == b"retry: 2000\n"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=10)
    assert (out, err) == ("", "")
    assert process.returncode == 0


def test_a_token_is_asked_for_where_the_variable_is_set_and_shown_nowhere(started):
    address, process = started("--token-env", "DESK_TOKEN", DESK_TOKEN=TOKEN)
    with pytest.raises(urllib.error.HTTPError, match="401") as refused:
        ask(f"{address}/api/v1/markets?token=wrong")
    refused.value.close()
    assert ask(f"{address}/api/v1/markets", TOKEN)[0] == 200
    assert ask(f"{address}/api/v1/markets?token={TOKEN}")[0] == 200
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=10)
    assert TOKEN not in out + err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--host", "0.0.0.0"), "there is no token"),  # noqa: S104 - refused
        (("--host", "no such host", "--token-env", "NONE"), "there is no token"),
        (("--port", "70000"), "from 0 to 65535"),
        (("--at", "yesterday"), "is no time"),
    ],
)
def test_what_must_not_be_served_is_refused_before_it_starts(
    market, monkeypatch, capsys, options, words
):
    monkeypatch.delenv("FORCEDFLOW_TOKEN", raising=False)
    assert run(["serve", "--lake", str(market[0].root), *options]) == 2
    assert words in capsys.readouterr().err


def test_a_port_that_is_taken_is_said(started, market, monkeypatch, capsys):
    monkeypatch.delenv("FORCEDFLOW_TOKEN", raising=False)
    address, _ = started()
    port = address.rpartition(":")[2]
    assert run(["serve", "--lake", str(market[0].root), "--port", port]) == 2
    assert "cannot be listened at" in capsys.readouterr().err


def test_without_the_extra_it_says_how_to_get_it(market, monkeypatch, capsys):
    for name in [name for name in sys.modules if name.startswith("forcedflow.server")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "fastapi", None)
    assert run(["serve", "--lake", str(market[0].root)]) == 2
    assert "pip install 'forcedflow[server]'" in capsys.readouterr().err

"""Standard output and folders that refuse: one message, never a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from forcedflow.cli.app import run
from forcedflow.cli.options import open_lake
from forcedflow.errors import UsageError

_ENDLESS = """
import sys
from forcedflow.cli.app import app, run
from forcedflow.cli.options import console

@app.command
def endless():
    screen = console()
    while True:
        screen.print("x" * 70)

sys.exit(run(["endless"]))
"""


def test_a_reader_that_has_seen_enough_is_no_failure():
    writer = subprocess.Popen(
        [sys.executable, "-c", _ENDLESS],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert writer.stdout.readline().startswith(b"xxx")
    writer.stdout.close()
    said = writer.stderr.read()
    writer.stderr.close()
    assert writer.wait(timeout=60) == 0
    assert said == b""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_one_message_and_status_1():
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "forcedflow", "doctor"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr == "error: No space left on device\n"


def test_a_lake_below_a_file_is_a_usage_error_that_names_it(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot hold a lake"):
        open_lake(tmp_path / "file" / "lake", create=True)


def test_an_empty_variable_does_not_make_the_current_folder_a_lake(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("FORCEDFLOW_LAKE", "")
    assert run(["zones", "BTC"]) == 3
    assert f"no lake at {tmp_path / 'home'}{os.sep}" in capsys.readouterr().err

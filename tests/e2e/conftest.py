"""A lake of the made market, filled by the real command, and ways to run commands."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from tests.e2e.synthetic_archive import write_archive, write_candles

from forcedflow.cli.app import run


@pytest.fixture(scope="session")
def command(tmp_path_factory):
    """Run ``python -m forcedflow`` in a process of its own, piped and without settings."""
    home = tmp_path_factory.mktemp("home")

    def run_command(*arguments, **variables):
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("FORCEDFLOW_", "COLUMNS"))}
        return subprocess.run(
            [sys.executable, "-m", "forcedflow", *map(str, arguments)],
            capture_output=True,
            encoding="utf-8",
            check=False,
            cwd=home,
            env={**kept, "HOME": str(home), **variables},
            timeout=120,
        )

    return run_command


@pytest.fixture(scope="session")
def archive(tmp_path_factory):
    return write_archive(tmp_path_factory.mktemp("archive"))


@pytest.fixture(scope="session")
def lake(tmp_path_factory, command, archive):
    """The folder of a lake that holds the whole made market. Nobody writes to it."""
    folder = tmp_path_factory.mktemp("made") / "lake"
    candles = write_candles(tmp_path_factory.mktemp("candles"))
    for kind, path in (("binance-vision", archive), ("candles", candles)):
        done = command("import", kind, path, "--lake", folder)
        assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def call(capsys):
    """Run a command in this process; return its status, standard output and standard error."""

    def run_here(*arguments):
        capsys.readouterr()
        status = run([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run_here


@pytest.fixture
def answer(call):
    """Run a command in this process that must succeed with JSON, and return it parsed."""

    def parsed(*arguments):
        status, out, err = call(*arguments, "--json")
        assert status == 0, err
        return strict_json(out)

    return parsed


def strict_json(text):
    """Parse JSON as the standard has it, which knows no NaN and no Infinity."""

    def refuse(name):
        raise AssertionError(f"{name} is no JSON")

    return json.loads(text, parse_constant=refuse)

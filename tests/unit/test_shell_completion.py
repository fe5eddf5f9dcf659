"""Completion in a shell: the commands and options that exist, offered where they fit."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from forcedflow.cli.app import app, run


@pytest.fixture
def script(tmp_path):
    """Install the completion of bash into a home of its own, as the command does."""
    path = tmp_path / "forcedflow.bash"
    assert run(["--install-completion", "--shell", "bash", "--output", str(path)]) == 0
    return path


def offered(script, *words):
    """Return what bash offers for the last of these words."""
    quoted = " ".join(f"'{word}'" for word in words)
    asked = (
        f"source '{script}'; COMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; "
        '_forcedflow; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        ["bash", "--norc", "-c", asked], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    return done.stdout.split()


def test_every_command_is_offered_in_bash(script):
    commands = {name for name in app if not name.startswith("-")}
    assert commands <= set(offered(script, "forcedflow", ""))


def test_the_beginning_of_a_command_is_completed(script):
    assert offered(script, "forcedflow", "heat") == ["heatmap"]


def test_the_options_of_the_command_are_offered(script):
    found = offered(script, "forcedflow", "whatif", "--mo")
    assert "--move" in found
    assert "--scenario" not in offered(script, "forcedflow", "whatif", "--sc")


def test_the_choices_of_an_option_are_offered(script):
    assert "news-shock" in offered(script, "forcedflow", "demo", "--scenario", "ne")


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_have_their_script(shell, tmp_path):
    path = tmp_path / "script"
    assert run(["--install-completion", "--shell", shell, "--output", str(path)]) == 0
    text = path.read_text(encoding="utf-8")
    assert "playbook" in text
    assert "scenario" in text


def test_it_goes_where_bash_looks_for_it_and_changes_no_file_of_the_user(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "forcedflow", "--install-completion", "--shell", "bash"],
        env={**os.environ, "HOME": str(tmp_path), "XDG_DATA_HOME": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    written = [path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()]
    assert [path.as_posix() for path in written] == [
        ".local/share/bash-completion/completions/forcedflow"
    ]


def test_a_shell_that_is_not_known_is_a_usage_error(capsys):
    assert run(["--install-completion", "--shell", "tcsh"]) == 2
    assert "tcsh" in capsys.readouterr().err

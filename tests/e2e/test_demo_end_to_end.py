"""The demo: a simulated market from nothing to a picture, and live until it is stopped."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.e2e.conftest import strict_json

from forcedflow.playbook.checklist import RULES

SMALL = ("--days", "2", "--traders", "600", "--seed", "7")
PNG = "forcedflow-demo.png"


def _environment(folder):
    scratch = str(folder / "scratch")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("FORCEDFLOW_", "COLUMNS"))}
    return {**kept, "HOME": scratch, "TMPDIR": scratch, "COLUMNS": "100"}


def _demo(folder, *arguments):
    (folder / "scratch").mkdir(parents=True, exist_ok=True)
    return subprocess.run(
        [sys.executable, "-m", "forcedflow", "demo", *map(str, arguments)],
        capture_output=True,
        encoding="utf-8",
        check=False,
        cwd=folder,
        env=_environment(folder),
        timeout=300,
    )


@pytest.fixture(scope="module")
def headless(tmp_path_factory):
    folder = tmp_path_factory.mktemp("headless")
    return folder, _demo(folder, "--headless", *SMALL)


def test_headless_shows_everything_writes_a_picture_and_leaves_with_zero(headless):
    folder, done = headless
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].strip().startswith("SIMULATED")
    assert "SIM/USDT:USDT · sandbox" in lines[1]
    assert "scenario calm, seed 7, 600 traders on 3 venues, 2 days" in done.stdout
    assert sum("•" in line for line in lines) > 3
    (title,) = (line for line in lines if "zones: estimated" in line)
    assert title.startswith("SIMULATED ")
    assert "taker flow (all of bars)" in done.stdout
    assert "SIMULATED checklist, way at risk" in done.stdout
    assert all(f" {key}  " in done.stdout for key in RULES)
    assert (folder / PNG).read_bytes().startswith(b"\x89PNG")
    assert (folder / PNG).stat().st_size > 50_000


def test_headless_says_how_many_traders_and_how_long_on_standard_error(headless):
    _, done = headless
    assert "600 traders took their positions in " in done.stderr
    assert "2 days of history: " in done.stderr
    # Every message but the first-time one is a figure and a time.
    said = [line for line in done.stderr.splitlines() if "compiling" not in line]
    assert all(line.endswith(" s") for line in said)


def test_headless_leaves_nothing_behind_but_the_picture(headless):
    folder, _ = headless
    assert {path.name for path in folder.iterdir()} == {PNG, "scratch"}
    assert _nothing_is_left(folder)


def test_the_same_seed_gives_the_same_bytes(headless, tmp_path):
    folder, done = headless
    again = _demo(tmp_path, "--headless", *SMALL)
    assert again.stdout == done.stdout
    assert (tmp_path / PNG).read_bytes() == (folder / PNG).read_bytes()


def test_another_seed_gives_another_market(headless, tmp_path):
    other = _demo(tmp_path, "--headless", *SMALL[:-1], "8")
    assert other.returncode == 0
    assert other.stdout != headless[1].stdout


def test_json_has_the_answer_and_what_the_market_follows_from(tmp_path):
    done = _demo(tmp_path, "--json", *SMALL)
    assert done.returncode == 0, done.stderr
    found = strict_json(done.stdout)
    assert found["simulated"] is found["assumptions"]["simulated"] is True
    assert (found["symbol"], found["venue"]) == ("SIM/USDT:USDT", "sandbox")
    assert found["demo"]["seed"] == 7
    assert found["demo"]["traders"] == 600
    assert len(found["demo"]["parameters"]) == 64
    assert list(found["checklist"]) == list(RULES)
    assert (tmp_path / PNG).is_file()


def test_a_named_lake_is_kept_and_every_command_reads_it(tmp_path, call, answer):
    lake = tmp_path / "kept"
    done = _demo(tmp_path, "--headless", "--lake", lake, *SMALL)
    assert done.returncode == 0, done.stderr
    hint = done.stdout.splitlines()[-1]
    assert hint.startswith("the simulated lake is kept: forcedflow heatmap SIM --venue sandbox")
    words = hint.partition("forcedflow ")[2].split()
    status, out, err = call(*words)
    assert status == 0, err
    assert out.lstrip().startswith("SIMULATED")
    for venue in ("sandbox-sampled", "sandbox-dark"):
        found = answer("zones", "SIM", "--venue", venue, "--lake", lake, "--at", words[-1])
        assert found["simulated"] is True
        assert found["assumptions"]["maintenance_margin"]["brackets"].startswith("sandbox")
    held = answer("coverage", "--lake", lake)["tables"]
    assert {row["simulated"] for row in held} == {True}
    assert {row["venue"] for row in held} == {"sandbox", "sandbox-sampled", "sandbox-dark", "macro"}


def test_a_folder_that_holds_something_is_refused(lake, tmp_path):
    done = _demo(tmp_path, "--headless", "--lake", lake, *SMALL)
    assert done.returncode == 2
    assert "is not empty" in done.stderr
    assert not (tmp_path / PNG).exists()


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--seed", "-1"),
        ("--speed", "0"),
        ("--speed", "inf"),
        ("--speed", "nan"),
        ("--days", "0"),
        ("--traders", "99"),
        ("--scenario", "storm"),
    ],
)
def test_what_cannot_be_run_is_refused_before_any_waiting(option, value, call):
    status, out, err = call("demo", option, value, "--headless")
    assert (status, out) == (2, "")
    assert option in err


def _start(folder, stdout):
    (folder / "scratch").mkdir()
    return subprocess.Popen(
        [sys.executable, "-m", "forcedflow", "demo", *SMALL, "--screen", "--speed", "3000"],
        stdout=stdout,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        cwd=folder,
        env={
            **_environment(folder),
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
            "LINES": "45",
        },
    )


def _wait_until_it_is_drawn(running, folder):
    """Wait until live rows were stored beside the back-filled ones; the screen came before."""
    assert any("live at 3000×" in line for line in iter(running.stderr.readline, ""))
    stored = "scratch/forcedflow-demo-*/lake/open_interest/venue=sandbox/*/*/*.parquet"
    for _ in range(1_200):
        if len(list(folder.glob(stored))) >= 3:
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            running.wait(timeout=0.05)
            break
    raise AssertionError("no live row was stored")


def _nothing_is_left(folder):
    left = [path.name for path in (folder / "scratch").iterdir()]
    return [name for name in left if name.startswith("forcedflow")] == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_live_runs_until_it_is_stopped_and_leaves_with_zero(number, tmp_path):
    with _start(tmp_path, subprocess.PIPE) as running:
        try:
            _wait_until_it_is_drawn(running, tmp_path)
            running.send_signal(number)
            out, _ = running.communicate(timeout=60)
        finally:
            running.kill()
    assert running.returncode == 0
    # Into a pipe goes the last picture alone.
    assert out.count("SIM/USDT:USDT · sandbox") == 1
    assert out.lstrip().startswith("SIMULATED")
    assert "SIMULATED latest liquidations" in out
    assert out.splitlines()[-1].endswith("keep one: forcedflow demo --lake PATH")
    assert _nothing_is_left(tmp_path)
    assert not (tmp_path / PNG).exists()


def test_on_a_terminal_the_screen_is_redrawn_and_given_back(tmp_path):
    ours, theirs = os.openpty()
    with _start(tmp_path, theirs) as running, ThreadPoolExecutor() as pool:
        os.close(theirs)
        shown = pool.submit(_read_to_the_end, ours)
        try:
            _wait_until_it_is_drawn(running, tmp_path)
            running.send_signal(signal.SIGINT)
            running.wait(timeout=60)
        finally:
            running.kill()
        text = shown.result(timeout=60)
    assert running.returncode == 0
    drawn, _, after = text.partition("\x1b[?1049l")
    assert "\x1b[?1049h" in drawn
    assert drawn.count("SIM/USDT:USDT") > 1
    assert "\x1b[48;2;" in drawn
    assert "keep one: forcedflow demo --lake PATH" in after
    assert _nothing_is_left(tmp_path)


def _read_to_the_end(descriptor):
    read = []
    # A terminal whose other side is gone is an error on Linux, not an end.
    with contextlib.suppress(OSError):
        while part := os.read(descriptor, 65_536):
            read.append(part)
    os.close(descriptor)
    return b"".join(read).decode("utf-8", "replace")


def test_the_python_example_of_the_page_runs(tmp_path):
    page = (Path(__file__).parents[2] / "docs" / "howto" / "demo.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    # As fast as it can be computed: nobody waits for a minute of the example's clock.
    assert "Pace(speed=3_600)" in block
    done = subprocess.run(
        [sys.executable, "-c", block.replace("Pace(speed=3_600)", 'Pace(speed=float("inf"))')],
        capture_output=True,
        encoding="utf-8",
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    *history, live = done.stdout.splitlines()
    # The very first bar of a day is known at its end: the last of the day belongs to the next.
    assert sum(map(int, history)) == 287
    assert live == "{'klines': 3}"

"""The commands that the pages show, how each is run, and which are not.

In:  the pages.   Out: what became of each of their commands.
Free of what they are about: where they run is made by `conftest.py`.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from docs.console import commands

from forcedflow.cli.app import run

ROOT = Path(__file__).resolve().parents[2]
TEXTS = {
    str(page.relative_to(ROOT)): page.read_text(encoding="utf-8")
    for page in sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
    if ROOT / "docs" / "_build" not in page.parents
}
# The README's tour has a test of its own, which compares what is printed too.
TEXTS["README.md"] = re.sub(r"\n## A tour\n.*?(?=\n## )", "", TEXTS["README.md"], flags=re.DOTALL)

OURS = re.compile(r"(?:[A-Z_]+=\S+ )*forcedflow ")

_HOURS = "takes minutes to hours; what it found stands in the scorecard, which a script rewrites"
_NETWORK = "asks the live internet"
NOT_RUN = {
    r"forcedflow scorecard ": _HOURS,
    r"forcedflow train ": _HOURS,
    r"forcedflow forecast ": "rests on a model that the line before it trains",
    r"forcedflow alerts run BTC --from": "judges half a day in a minute; tests of real data do it",
    r"forcedflow cascade BTC --venue binance,bybit": "no recorded data of the second",
    r"forcedflow fetch ": _NETWORK,
    r"forcedflow record ccxt:": _NETWORK,
    r"forcedflow .*--executor processes": "the tests of several workers run it",
    r"forcedflow .*--lake s3://": "needs a bucket; the tests of lakes start one",
    r"forcedflow .*--executor ray": "needs a cluster; the tests of executors start one",
    r"(\S+ )?forcedflow calendar --fetch": _NETWORK,
    r"forcedflow playbook BTC --out plan.pdf$": "the next one differs in style and moment alone",
    r"forcedflow demo --headless$": "takes half a minute; the next one differs in size alone",
    r"forcedflow import KIND PATH": "a pattern",
}
"""What is parsed (by the tests of the documentation) and not run, and why."""

# What goes on until it is told to end.
_ENDLESS = re.compile(
    r"forcedflow (serve|mcp|up(?!.*--replay)|record(?!.*--from-raw)|demo(?!.*--(headless|json)))\b"
)
_FILLED_IN = {
    "docs/howto/whatif.md": ("PATH", "exports"),
    "docs/howto/calendar.md": ("PATH", "events.csv"),
    "docs/howto/record.md": ("FOLDER", "lake"),
    "docs/howto/live.md": ("LAKE", "lake"),
}

ANSWERS = (
    "docs/howto/cascade.md",
    "docs/howto/checklist.md",
    "docs/howto/forecast.md",
    "docs/howto/heatmap.md",
    "docs/howto/playbook.md",
    "docs/howto/venues.md",
    "docs/howto/whatif.md",
    "docs/theory/cascade.md",
    "docs/theory/signals.md",
)
"""Pages about one answer each: half of the work, so that two workers share it."""

OF_NOTHING = ("README.md", "docs/howto/demo.md", "docs/howto/install.md", "docs/tutorial.md")
"""Pages whose commands need no data: a newcomer has none."""


def pages() -> list[str]:
    """Return the pages that show a command to run."""
    return [name for name in TEXTS if to_run(name)]


def to_run(page: str) -> list[str]:
    """Return the lines of a page that are run, in their order: settings of variables, and ours."""
    shown = [one.text for one in commands(TEXTS[page])]
    ours = [text for text in shown if OURS.match(text) and not is_left_out(text)]
    if not ours:
        return []
    return [text for text in shown if text.startswith("export ") or text in ours]


def is_left_out(text: str) -> bool:
    """Return whether a command is one of those that are not run."""
    return any(re.match(known, text) for known in NOT_RUN)


def type_command(page: str, text: str, capfd) -> tuple[int, str]:
    """Run one command of a page; return its status and all that it said."""
    words = shlex.split(text.replace(*_FILLED_IN.get(page, ("", ""))), comments=True)
    words = [word.replace("~/", f"{Path.home()}/") for word in words]
    if not _ENDLESS.match(text):
        capfd.readouterr()
        status = run(words[1:])
        return status, "".join(capfd.readouterr())
    if words[1] == "serve":
        words += ["--port", "0"]
    elif "--port" in words:
        words[words.index("--port") + 1] = str(_free_port())
    return _until_told_to_end(words)


def _free_port() -> int:
    """Return a port that nobody has: the one that a page names may be somebody else's here."""
    with socket.socket() as tried:
        tried.bind(("127.0.0.1", 0))
        return tried.getsockname()[1]


def _until_told_to_end(words: list[str]) -> tuple[int, str]:
    """Run what goes on for ever, let it begin, and end it as Ctrl-C does."""
    process = subprocess.Popen(
        [sys.executable, "-m", *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=dict(os.environ),
        # Whoever starts the tests in the background of a shell has them ignore Ctrl-C, and all that
        # they start; what is tried here is what happens in the foreground.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )
    if words[1] == "mcp" and "--http" not in words:
        out, _ = process.communicate("", timeout=60)  # its client has gone
        return process.returncode, out
    said: list[str] = []
    began = threading.Event()

    def listen() -> None:
        for line in process.stdout:
            said.append(line)
            began.set()

    listening = threading.Thread(target=listen)
    listening.start()
    assert began.wait(timeout=90), f"{words} says nothing"
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    status = process.wait(timeout=90)
    listening.join()
    process.stdin.close()
    process.stdout.close()
    text = "".join(said)
    # Both are an end in order; the second where it had not begun to wait yet.
    return (0 if status == 130 and "what was finished is kept" in text else status), text

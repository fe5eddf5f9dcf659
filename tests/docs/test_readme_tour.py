"""The README's tour is what the commands print on recorded data."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

README = Path(__file__).resolve().parents[2] / "README.md"


def _tour():
    """Return each command of the tour with the lines shown under it."""
    tour = README.read_text(encoding="utf-8").partition("## A tour")[2].partition("\n## ")[0]
    steps = []
    for block in re.findall(r"```console\n(.*?)```", tour, flags=re.DOTALL):
        for line in block.splitlines():
            if line.startswith("$ "):
                steps.append((line[2:].split(), []))
            else:
                steps[-1][1].append(line)
    return steps


@pytest.mark.real_data
@pytest.mark.slow
def test_the_tour_prints_what_the_readme_shows(real_data, tmp_path):
    (tmp_path / "data").symlink_to(real_data)
    environment = os.environ | {"FORCEDFLOW_LAKE": "lake", "COLUMNS": "100", "NO_COLOR": "1"}
    environment.pop("FORCE_COLOR", None)
    steps = _tour()
    assert len(steps) == 6
    for words, shown in steps:
        done = subprocess.run(
            [sys.executable, "-m", "forcedflow", *words[1:]],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        printed = [line.rstrip() for line in (done.stdout + done.stderr).splitlines()]
        # In their order; an ellipsis stands for what is left out.
        at = 0
        for line in shown:
            if line.strip() == "…":
                continue
            assert line in printed[at:], f"{' '.join(words)} prints:\n" + "\n".join(printed)
            at = printed.index(line, at) + 1
    assert (tmp_path / "btc.png").stat().st_size > 50_000

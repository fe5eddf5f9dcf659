"""The README's tour is what the commands print on recorded data."""

from __future__ import annotations

import json
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


def _run(folder, *words):
    environment = os.environ | {"FORCEDFLOW_LAKE": "lake", "COLUMNS": "100", "NO_COLOR": "1"}
    environment.pop("FORCE_COLOR", None)
    done = subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [line.rstrip() for line in (done.stdout + done.stderr).splitlines()]


@pytest.mark.real_data
@pytest.mark.slow
def test_the_tour_prints_what_the_readme_shows(real_data, tmp_path):
    (tmp_path / "data").symlink_to(real_data)
    steps = _tour()
    assert len(steps) == 7
    for words, shown in steps:
        printed = _run(tmp_path, "-m", "forcedflow", *words[1:])
        # In their order; an ellipsis stands for what is left out.
        at = 0
        for line in shown:
            if line.strip() == "…":
                continue
            assert line in printed[at:], f"{' '.join(words)} prints:\n" + "\n".join(printed)
            at = printed.index(line, at) + 1
    for picture in ("btc.png", "cascade.png"):
        assert (tmp_path / picture).stat().st_size > 50_000
    # The same lake, from Python: as many zones as the command lists.
    zones = _run(tmp_path, "-c", _python_example())
    (command,) = (words for words, _ in steps if words[1] == "zones")
    listed = json.loads("\n".join(_run(tmp_path, "-m", "forcedflow", *command[1:])))["zones"]
    assert [line.split()[0] for line in zones] == [zone["side"] for zone in listed]


def _python_example():
    page = README.parent / "docs" / "howto" / "heatmap.md"
    (block,) = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    return block

"""The pictures of the tutorial: made by running its own commands on a simulated market.

In:  the tutorial.   Out: the PNG files that its commands write.
Free of recorded data and the network; the same commands give the same bytes.
"""
# ruff: noqa: INP001 - a script's companion, not a package

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import matplotlib as mpl
from console import commands

mpl.use("agg")
from matplotlib import pyplot as plt

TUTORIAL = Path(__file__).resolve().parent / "tutorial.md"

# What draws none of the pictures is left to the tests, which run all of it.
_DRAWS = re.compile(r"--out (\S+\.png)")


def make(into: Path, folder: Path) -> None:
    """Run what the tutorial draws with, in `folder`, and put its pictures into `into`.

    Parameters
    ----------
    into : Path
        Folder of the pictures.
    folder : Path
        Where the commands run; a market that it holds already is used again.

    Raises
    ------
    subprocess.CalledProcessError
        If a command fails.
    """
    folder.mkdir(parents=True, exist_ok=True)
    into.mkdir(parents=True, exist_ok=True)
    for command in commands(TUTORIAL.read_text(encoding="utf-8")):
        words = shlex.split(command.text)
        kept = re.search(r"--lake (\S+)", command.text)
        drawn = _DRAWS.search(command.text)
        # What a market was made with is in its name, so that another tutorial makes another.
        if words[:2] == ["forcedflow", "demo"] and kept:
            if (folder / "made-by.txt").is_file() and (
                folder / "made-by.txt"
            ).read_text() == command.text:
                continue
            shutil.rmtree(folder / kept[1], ignore_errors=True)
            _run(words, folder)
            (folder / "made-by.txt").write_text(command.text)
        elif drawn:
            _run(words, folder)
            shutil.copyfile(folder / drawn[1], into / drawn[1])


def draw_boxes(into: Path) -> None:
    """Put grey boxes where the tutorial's pictures go, for a build that only checks."""
    into.mkdir(parents=True, exist_ok=True)
    for name in _DRAWS.findall(TUTORIAL.read_text(encoding="utf-8")):
        plt.imsave(into / name, [[(0.5, 0.5, 0.5)]])


def _run(words: list[str], folder: Path) -> None:
    environment = os.environ | {"FORCEDFLOW_LAKE": "simulated", "HOME": str(folder)}
    subprocess.run(  # noqa: S603 - the commands stand in the tutorial
        [sys.executable, "-m", *words],
        cwd=folder,
        env=environment,
        check=True,
        stdout=subprocess.DEVNULL,  # what they say of failures goes where ours does
    )

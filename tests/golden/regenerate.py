"""What the made market's lake answered when these files were last written.

``python -m tests.golden.regenerate`` writes the files anew; look at the diff before committing it.
"""

from __future__ import annotations

import json
import sys
import tempfile
from base64 import b64decode
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
from tests.e2e.synthetic_archive import write_archive, write_candles

from forcedflow.cli.app import run

FOLDER = Path(__file__).parent
MOMENT = "2026-01-04T12:00Z"
COLUMNS, BINS = 40, 30


def compute(scratch: Path) -> dict[str, Any]:
    """Return the golden values by file name, computed anew through the command line."""
    lake = str(scratch / "lake")
    asked = ("BTC", "--lake", lake, "--at", MOMENT, "--json")
    _run("import", "binance-vision", str(write_archive(scratch / "archive")), "--lake", lake)
    _run("import", "candles", str(write_candles(scratch / "candles")), "--lake", lake)
    zones = json.loads(_run("zones", *asked))
    # Words may be polished without anybody having to look at numbers.
    del zones["assumptions"]
    picture = json.loads(_run("heatmap", *asked, "--range", "3d"))["heatmap"]
    return {"zones.json": zones, "heatmap.json": _sample(picture)}


def read(name: str) -> Any:
    """Return a golden value as it was last written."""
    return json.loads((FOLDER / name).read_text(encoding="utf-8"))


def write(values: dict[str, Any]) -> None:
    for name, value in values.items():
        # One line per zone or column of the picture makes a diff that can be read.
        lines = json.dumps(value, indent=1).replace("\n   ", " ").replace("\n  ]", " ]")
        (FOLDER / name).write_text(lines + "\n", encoding="utf-8")


def _sample(picture: dict[str, Any]) -> dict[str, Any]:
    """Cells of the picture at even distances: 40 columns of 30 bins, lowest price first."""
    header = picture["header"]
    cells = np.frombuffer(b64decode(picture["cells_base64"]), np.uint8)
    cells = cells.reshape(header["columns"], header["bins"])
    column = np.linspace(0, header["columns"] - 1, COLUMNS).astype(int)
    row = np.linspace(0, header["bins"] - 1, BINS).astype(int)
    return {
        "shape": [header["columns"], header["bins"]],
        "step_ms": header["step_ms"],
        "lowest_price": header["lowest_price"],
        "bin_log_width": header["bin_log_width"],
        "start_ms": [header["start_ms"][c] for c in column],
        "even_usd": [header["even_usd"][c] for c in column],
        "candles": [picture["candles"][c] for c in column],
        "cells": cells[np.ix_(column, row)].tolist(),
    }


def _run(*arguments: str) -> str:
    out = StringIO()
    with redirect_stdout(out):
        status = run(arguments)
    if status != 0:
        raise RuntimeError(f"forcedflow {' '.join(arguments)} left with {status}")
    return out.getvalue()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        write(compute(Path(folder)))
    sys.stdout.write(f"wrote {FOLDER}; see: git diff {FOLDER}\n")

"""The page of what each venue gives says what the connectors say, of every one of them."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from forcedflow.venues.network import CONNECTORS

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = DOCS / "reference" / "venues.md"


def rows_of_page() -> dict[str, list[str]]:
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if "|" in line]
    return {row[0].strip("`"): row[1:] for row in cells}


def test_the_page_is_fresh(tmp_path):
    command = [sys.executable, DOCS / "generate.py", "--into", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "wrote venues.md" in done.stdout
    assert (tmp_path / "venues.md").read_bytes() == PAGE.read_bytes(), "run: make docs"


@pytest.mark.parametrize("venue", sorted(CONNECTORS))
def test_each_cell_is_what_the_connector_gives(venue):
    module, class_name = CONNECTORS[venue]
    capabilities = getattr(importlib.import_module(module), class_name)().capabilities
    rows = rows_of_page()
    place = rows["table"].index(venue)
    for table in capabilities.backfilled | capabilities.streamed:
        cell = rows[table][place]
        assert ("past" in cell) == (table in capabilities.backfilled)
        assert ("live" in cell) == (table in capabilities.streamed)
    assert rows["liquidations"][place] != "–" or capabilities.liquidations == "none"
    assert capabilities.liquidations in rows[venue]

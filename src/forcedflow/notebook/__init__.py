"""Notebook: a lake's answers as values that show themselves, frames, figures and a widget.

The names below are resolved on first use, so that each costs only what it needs.
"""

from __future__ import annotations

import importlib
from typing import Any

_PUBLIC = {
    "HeatmapWidget": "forcedflow.notebook.widget",
    "Market": "forcedflow.notebook.market",
    "Shown": "forcedflow.notebook.shown",
    "chain": "forcedflow.notebook.market",
    "connect": "forcedflow.notebook.rows",
    "heatmap": "forcedflow.notebook.market",
    "heatmap_figure": "forcedflow.notebook.figures",
    "ladder": "forcedflow.notebook.market",
    "ladder_figure": "forcedflow.notebook.figures",
    "playbook": "forcedflow.notebook.market",
    "table": "forcedflow.notebook.rows",
    "zones": "forcedflow.notebook.market",
}

__all__ = list(_PUBLIC)


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(importlib.import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)

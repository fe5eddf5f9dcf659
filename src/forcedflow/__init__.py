"""Forcedflow: where leveraged crypto positions are force-closed, and what that is worth.

The public names below are resolved on first use, so that importing the package costs nothing.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_PUBLIC = {
    "Instrument": "forcedflow.instruments",
    "Lake": "forcedflow.store",
    "LiquidationLadder": "forcedflow.positions",
    "LiquidationMap": "forcedflow.liquidation_map",
    "Zone": "forcedflow.zones",
    "build_map": "forcedflow.pipeline",
    "find_zones": "forcedflow.zones",
    "liquidation_price": "forcedflow.margin",
    "read_market": "forcedflow.asof",
}

__all__ = [*_PUBLIC, "__version__"]  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(importlib.import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)

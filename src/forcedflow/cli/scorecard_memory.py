"""Scored symbols are remembered, so that an interrupted scorecard goes on where it stopped.

In:  what a symbol's rows rest on.   Out: the rows, from memory where nothing of it changed.
Kept beside the lake's tables; the name of each file is a digest of the data, the span and the
code that scored, so a change of any of them scores anew.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from forcedflow.evaluate.scorecard import Row
    from forcedflow.store import Lake

_SCORING = (
    *("evaluate", "positions", "zones", "volatility", "margin", "cli"),
    *("cascade", "depth", "sandbox"),
    *("features", "signals", "forecast", "asof", "econ_calendar", "playbook"),
)


def memory_key(parts: dict[str, Any]) -> str:
    """Return the digest of what rows rest on and of the code that makes them."""
    digest = hashlib.sha256(msgspec.json.encode(parts, order="sorted"))
    package = Path(__file__).resolve().parent.parent
    for folder in _SCORING:
        for source in sorted((package / folder).rglob("*.py")):
            digest.update(source.read_bytes())
    return digest.hexdigest()


def remembered(
    held: Lake, key: str, score: Callable[[], tuple[list[Row], list[Any]]]
) -> tuple[list[Row], list[Any]]:
    """Return rows and what is missing from them, scored now or remembered.

    Parameters
    ----------
    held : Lake
    key : str
        Of `memory_key`.
    score : callable
        Scores now.
    """
    from forcedflow.evaluate.scorecard import Row

    path = held.root / "scorecards" / f"{key}.json"
    if path.is_file():
        rows, missing = msgspec.json.decode(path.read_bytes(), type=tuple[list[Row], list[Any]])
        return rows, missing
    rows, missing = score()
    try:
        path.parent.mkdir(exist_ok=True)
        # A kill leaves the dot-file, never half a memory.
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        draft.write_bytes(msgspec.json.encode((rows, missing)))
        draft.replace(path)
    except OSError:
        # A lake that may not be written scores as well; it only forgets.
        return rows, missing
    return rows, missing

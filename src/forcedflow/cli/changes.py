"""What became of rows in the lake, for people and as JSON: the end of every command that writes.

In:  counts by table.   Out: a table to print, values for JSON.
Free of the lake and of any one command.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rich.table import Table


class Change(Protocol):
    """Counts of one table: a write's or a recording's."""

    @property
    def added(self) -> int:
        """Return how many keys are new."""

    @property
    def replaced(self) -> int:
        """Return how many keys have other values now."""

    @property
    def unchanged(self) -> int:
        """Return how many keys were held as they are."""


def table_of_changes(changes: Mapping[str, Change]) -> Table:
    """Return what became of rows in the lake, a line per table."""
    from rich.table import Table

    shown = Table("table", box=None, pad_edge=False)
    for heading in ("added", "replaced", "unchanged"):
        shown.add_column(heading, justify="right")
    for name, change in sorted(changes.items()):
        shown.add_row(name, f"{change.added:,}", f"{change.replaced:,}", f"{change.unchanged:,}")
    return shown


def changes_to_json(changes: Mapping[str, Change]) -> dict[str, dict[str, int]]:
    """Return what became of rows in the lake, by table."""
    return {
        name: {
            "added": change.added,
            "replaced": change.replaced,
            "unchanged": change.unchanged,
        }
        for name, change in sorted(changes.items())
    }

"""The lake, written to be read: a dict by key, one row after the other."""

from __future__ import annotations

from forcedflow.tables import TABLES


class DictLake:
    def __init__(self) -> None:
        self.rows: dict[tuple, dict] = {}

    def write(self, table: str, rows: list[dict]) -> tuple[int, int, int]:
        """Return how many rows were added, replaced a stored row, or changed nothing.

        Rows of one write that outdo each other count once, as what the last of them did to what
        was stored before.
        """
        before = {name: dict(row) for name, row in self.rows.items()}
        for row in rows:
            key = (table, *(row[name] for name in TABLES[table].key))
            held = self.rows.get(key)
            if held is None or row["precedence"] >= held["precedence"]:
                self.rows[key] = row
        added = len(self.rows) - len(before)
        replaced = sum(self.rows[key] != row for key, row in before.items())
        return added, replaced, len(rows) - added - replaced

    def read(self, table: str) -> list[dict]:
        order = ["event_time", *(name for name in TABLES[table].key if name != "event_time")]
        rows = [row for (name, *_), row in self.rows.items() if name == table]
        return sorted(rows, key=lambda row: tuple(row[name] for name in order))

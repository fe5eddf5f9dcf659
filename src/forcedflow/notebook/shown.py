"""An answer that shows itself in a notebook: its rows, and what must be known beside them.

In:  an answer as the commands print it, its rows.   Out: HTML, Markdown or text.
Pure: values in, text out; no I/O, no clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import polars as pl

from forcedflow.units import format_usd

_MOST_ROWS = 30


@dataclass(frozen=True, slots=True)
class Shown:
    """An answer with its rows.

    Parameters
    ----------
    title : str
    answer : dict
        The whole answer as JSON has it: assumptions and ages are in it.
    frame : polars.DataFrame
        Its rows; ``frame.to_pandas()`` for pandas.
    notes : tuple of str
        What must be known to read the figures.
    """

    title: str
    answer: dict[str, Any]
    frame: pl.DataFrame
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"{self._heading()}\n{self.frame}\n{'; '.join(self.notes)}"

    def _repr_html_(self) -> str:
        rows = self.frame.head(_MOST_ROWS)
        rest = self.frame.height - rows.height
        notes = [*self.notes, *([f"{rest} more rows in .frame"] if rest > 0 else [])]
        return (
            f"<div><b>{escape(self._heading())}</b>{_table(rows)}"
            f"<small>{escape('; '.join(notes))}</small></div>"
        )

    def _heading(self) -> str:
        simulated = "SIMULATED, no real market · " if self.answer.get("simulated") else ""
        known = self.answer.get("known_to", self.answer.get("at", ""))
        return f"{simulated}{self.title} · known to {known}"


def _table(rows: pl.DataFrame) -> str:
    heads = "".join(f"<th>{escape(name)}</th>" for name in rows.columns)
    body = "".join(
        "<tr>" + "".join(_cell(name, value) for name, value in row.items()) + "</tr>"
        for row in rows.iter_rows(named=True)
    )
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"


def _cell(name: str, value: Any) -> str:
    if value is None:
        return "<td>–</td>"
    if isinstance(value, bool | str):
        return f"<td>{escape(str(value))}</td>"
    words = format_usd(value) if "usd" in name else f"{value:,.6g}"
    return f'<td style="text-align:right">{escape(words)}</td>'


def flat(rows: Sequence[dict[str, Any]]) -> pl.DataFrame:
    """Return rows as a frame; what is nested becomes columns named ``outer_inner``."""
    return pl.DataFrame([_flat(row) for row in rows], infer_schema_length=None)


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, dict):
            for inner, held in _flat(value).items():
                # notional_usd: {usd, low, high} reads notional_usd, notional_usd_low, …
                found[name if inner in {"usd", "value"} else f"{name}_{inner}"] = held
        else:
            found[name] = value
    return found

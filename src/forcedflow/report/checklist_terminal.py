"""The checklist as text that fits a terminal: verdict and figure, the evidence below.

In:  a `Checklist`.   Out: rich text.
Pure: values in, text out; no I/O, no clock.
"""

from __future__ import annotations

import math
import textwrap

from rich.text import Text

from forcedflow.playbook.check import Check
from forcedflow.playbook.checklist import Checklist
from forcedflow.report import palette
from forcedflow.report.terminal import SIMULATED_LINE, heading
from forcedflow.units import SECOND_MS, format_age, format_pct, format_price, format_usd

CLAIMS = "educational and analytical, never advice; places no orders"
"""Stands below every checklist."""

ALERTING = frozenset(
    {
        "near",
        "aligned",
        "leans long",
        "leans short",
        "not confirmed",
        "thin",
        "ahead",
        "open",
        "reaches the next",
    }
)
"""Verdicts that speak for a cascade."""

_LOUD = f"bold {palette.BACKGROUND} on {palette.WARNING}"
_INDENT = 4
_LEAST_WIDTH = 24


def checklist_page(checklist: Checklist, width: int) -> Text:
    """Return the eleven lines below what they are of, and what is missing and why below them.

    Parameters
    ----------
    checklist : Checklist
    width : int
        Characters to fit into.
    """
    situation = checklist.situation
    text = Text()
    if situation.simulated and not situation.mapped.simulated:
        text.append(SIMULATED_LINE, _LOUD)
        text.append("\n")
    text.append_text(heading(situation.mapped, width))
    text.append("\n")
    text.append_text(check_lines(checklist, width))
    text.append("\n")
    for note in notes(checklist):
        text.append(_filled(f"· {note}", width, "", "  ") + "\n", "dim")
    text.rstrip()
    return text


def check_lines(checklist: Checklist, width: int) -> Text:
    """Return the way at risk and the eleven lines alone.

    Parameters
    ----------
    checklist : Checklist
    width : int
        Characters to fit into.
    """
    tick = checklist.situation.mapped.market.instrument.tick_size
    simulated = "SIMULATED " if checklist.situation.simulated else ""
    title = f"{simulated}checklist, {way_words(checklist)}"
    text = Text(_filled(title, width, "", "  ") + "\n", "bold")
    for key, check in checklist.checks.items():
        mark, style = _mark(check)
        text.append(f"{mark} {key}", style)
        text.append(f"  {figure(check, tick)}  ")
        text.append(f"{check.verdict}\n", style)
        aged = check.evidence if math.isnan(check.age_s) else f"{check.evidence}; {age(check)} old"
        indent = " " * _INDENT
        text.append(_filled(aged, width, indent, indent) + "\n", "dim")
    text.rstrip()
    return text


def way_words(checklist: Checklist) -> str:
    """Return which way is read, and why."""
    way = checklist.way
    return f"way at risk {way.direction or 'unknown'}: {way.why}"


def figure(check: Check, tick_size: float | None = None) -> str:
    """Return a line's value for people; a dash where there is none."""
    if math.isnan(check.value):
        return "–"
    if check.unit == "%":
        return format_pct(check.value / 100)
    if check.unit == "quote per base":
        return format_price(check.value, tick_size)
    if check.unit == "USD":
        return format_usd(check.value)
    return f"{check.value:.3g} {check.unit}"


def age(check: Check) -> str:
    """Return the age of a line's oldest input for people; a dash where it rests on none."""
    return "–" if math.isnan(check.age_s) else format_age(check.age_s * SECOND_MS)


def notes(checklist: Checklist) -> tuple[str, ...]:
    """Return what stands below the lines: what is missing, what a verdict is, what this is not."""
    verdicts = (
        "a verdict is the outcome of a stated rule; neither clusters nor signals have been shown "
        "to tell where price goes next"
    )
    missing = tuple(f"{what}: {why}" for what, why in checklist.situation.reasons)
    return (*missing, verdicts, CLAIMS)


def _mark(check: Check) -> tuple[str, str]:
    if check.verdict == "unknown":
        return "?", "dim"
    return ("●", f"bold {palette.WARNING}") if check.verdict in ALERTING else ("○", "")


def _filled(words: str, width: int, first: str, later: str) -> str:
    return textwrap.fill(
        words,
        max(width, _LEAST_WIDTH),
        initial_indent=first,
        subsequent_indent=later,
        break_long_words=False,
        break_on_hyphens=False,
    )

"""The checklist as Markdown: one table, to be kept or pasted.

In:  a `Checklist`.   Out: text.
Pure: values in, text out; no I/O, no clock.
"""

from __future__ import annotations

from datetime import UTC, datetime

from forcedflow.playbook.checklist import Checklist
from forcedflow.report.basis import basis_lines
from forcedflow.report.checklist_terminal import age, figure, notes, way_words
from forcedflow.report.terminal import SIMULATED_LINE
from forcedflow.units import format_price, format_usd


def checklist_markdown(checklist: Checklist) -> str:
    """Return the checklist with everything it rests on.

    Parameters
    ----------
    checklist : Checklist

    Returns
    -------
    str
        Ends with a line break; says the moment, not when it was written.
    """
    situation = checklist.situation
    mapped = situation.mapped
    instrument = mapped.market.instrument
    tick = instrument.tick_size
    lines = [
        f"# Checklist: {instrument.symbol} on {instrument.venue}, {_time(situation.at_ms)}",
        "",
    ]
    if situation.simulated:
        lines += [f"**{' '.join(SIMULATED_LINE.split())}**", ""]
    usd = format_usd(mapped.open_interest_usd)
    facts = (
        f"mark {format_price(situation.mark, tick)}",
        f"open interest {usd} a side",
        f"known to {_time(mapped.known_ms)}",
        _cell(way_words(checklist)),
    )
    lines += [
        f"{'; '.join(facts)}.",
        "",
        "| check | value | verdict | evidence | age |",
        "| --- | --- | --- | --- | --- |",
    ]
    for key, check in checklist.checks.items():
        cells = (f"`{key}`", figure(check, tick), check.verdict, check.evidence, age(check))
        lines.append(f"| {' | '.join(_cell(cell) for cell in cells)} |")
    rests_on = (f"map: {mapped.model_words}", *basis_lines(mapped), *notes(checklist))
    lines += ["", *(f"- {_cell(note)}" for note in dict.fromkeys(rests_on))]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _time(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")

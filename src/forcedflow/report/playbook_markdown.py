"""The playbook as Markdown: the words of the page, without its picture.

In:  `Playbook`.   Out: Markdown text.
Pure: values in, text out; no I/O, no clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from forcedflow.playbook.playbook import Playbook
from forcedflow.report.playbook_page import Page, Way, write_page
from forcedflow.report.playbook_rows import Line


def to_markdown(playbook: Playbook) -> str:
    """Return the page's words as Markdown.

    Parameters
    ----------
    playbook : Playbook
    """
    page = write_page(playbook)
    parts = [
        *_opening(page),
        *(_way(way) for way in page.ways),
        _section(f"Eight signals ({page.score})", _signals(page)),
        _section("Risk rules", _table(("rule", "standing", "figures"), map(_told, page.rules))),
        _section(page.position_title, _leverage(page)),
        _section(f"Regime: {page.regime}", _bullets(page.regime_words)),
        _section("Hours ahead", _bullets(page.ahead_words)),
        _section("Open-interest gauge", _bullets((page.pressure_words, page.crowding_words))),
        _section("Checklist", _checklist(page)),
        _section("Base rates and records", _bullets(f"{r.name}: {r.words}" for r in page.records)),
        _section("Second leg", page.leg_words),
        _section("Data health", _health(page)),
        f"*{page.footer}*\n",
    ]
    return "\n".join(parts)


def _opening(page: Page) -> list[str]:
    said = [f"# {page.title}: {page.style}\n"]
    if page.simulated:
        said.append("**SIMULATED: no real market**\n")
    facts = ", ".join(f"{name} {figure}" for name, figure in page.head)
    return [*said, f"{page.as_of}; {facts}\n", f"**{page.verdict}.** {page.verdict_words}\n"]


def _way(way: Way) -> str:
    plan = _table(("", ""), way.plan)
    dominoes = _table(
        ("domino", "trigger", "if touched", "chance", "onward", "own flow"),
        ((line.name, *line.cells) for line in way.chain),
    )
    clusters = _table(
        ("cluster", "if touched", "distance", "of open interest"),
        ((line.name, *line.cells) for line in way.clusters),
    )
    return _section(
        f"{way.title} ({way.state})",
        "\n".join(
            (
                plan,
                f"{way.plan_words}\n",
                *((dominoes,) if way.chain else ()),
                f"{way.chain_words}\n",
                clusters if way.clusters else f"{way.clusters_words}\n",
            )
        ),
    )


def _signals(page: Page) -> str:
    return _table(
        ("signal", "verdict", "why", "record"),
        (
            (line.name, f"{line.state} {line.cells[0]}".strip(), line.words, line.cells[1])
            for line in page.signals
        ),
    )


def _leverage(page: Page) -> str:
    caps = _table(
        ("side", "largest", "why"),
        ((line.name, line.cells[0], line.words) for line in page.leverage),
    )
    own = _table(
        ("leverage", "margin", "liquidation", "distance", ""),
        ((line.name, *line.cells) for line in page.position),
    )
    return "\n".join((caps, *((own,) if page.position else ()), f"{page.position_words}\n"))


def _checklist(page: Page) -> str:
    return _table(
        ("question", "value", "verdict", "evidence", "age"),
        (
            (line.name, line.cells[0], line.state, line.words, line.cells[1])
            for line in page.checklist
        ),
    )


def _health(page: Page) -> str:
    ages = ", ".join(f"{line.name} {line.cells[0]}" for line in page.health)
    return f"{ages or 'no table is held'}\n\n" + _bullets(page.health_words)


def _told(line: Line) -> tuple[str, str, str]:
    return line.name, line.state, line.words


def _section(title: str, body: str) -> str:
    return f"## {title}\n\n{body.rstrip()}\n"


def _bullets(lines: Iterable[str]) -> str:
    return "".join(f"- {line}\n" for line in lines)


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |\n" for row in lines
    )

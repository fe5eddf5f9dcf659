"""The commands that the pages show behind a prompt, in their order.

In:  Markdown.   Out: lines as a reader would type them.
Free of running them: the pictures and the tests do that.
"""
# ruff: noqa: INP001 - a script's companion, not a package

from __future__ import annotations

import re
from dataclasses import dataclass

_BLOCK = re.compile(r"^```(?:console|bash)\n(.*?)^```", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Command:
    """One line behind a prompt, and where it stands."""

    line: int
    text: str


def commands(markdown: str) -> list[Command]:
    """Return every line behind a ``$`` prompt of a page's console blocks."""
    found = []
    for block in _BLOCK.finditer(markdown):
        first = markdown.count("\n", 0, block.start(1)) + 1
        for number, line in enumerate(block[1].splitlines(), start=first):
            if line.startswith("$ "):
                found.append(Command(number, line[2:].strip()))
    return found

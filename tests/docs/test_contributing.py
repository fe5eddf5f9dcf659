"""The page for contributors names what there is to make, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def _targets():
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z]+):.*## ", text, flags=re.MULTILINE))


def _named(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    return set(re.findall(r"(?:`|\$ )make ([a-z]+)", text))


def test_every_target_of_the_menu_is_on_the_page_for_contributors():
    explained = {"help", "dashboard"}  # the menu itself, and what others make along the way
    assert _targets() - explained <= _named("CONTRIBUTING.md")


def test_no_page_names_a_target_that_does_not_exist():
    pages = ["CONTRIBUTING.md", "README.md", "docs/index.md", "docs/howto/release.md"]
    for page in (*pages, "docs/architecture.md", "docs/tutorial.md"):
        assert _named(page) <= _targets(), page

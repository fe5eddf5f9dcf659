"""Every command that a page shows is run, in its order, in a place of that page's own."""

from __future__ import annotations

import re

import pytest
from docs.console import Command, commands
from tests.docs.page_commands import (
    ANSWERS,
    NOT_RUN,
    OF_NOTHING,
    OURS,
    TEXTS,
    pages,
    to_run,
    type_command,
)


@pytest.mark.slow
@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("page", OF_NOTHING)
def test_the_commands_of_a_page_run_where_there_is_nothing_yet(page, capfd, monkeypatch):
    type_page(page, capfd, monkeypatch)


@pytest.mark.real_data
@pytest.mark.slow
# What sends alerts asks Python for a module that goes away in 3.13.
@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
@pytest.mark.usefixtures("recorded_place")
@pytest.mark.parametrize("page", [one for one in pages() if one not in (*ANSWERS, *OF_NOTHING)])
def test_the_commands_of_a_page_run_on_recorded_data(page, capfd, monkeypatch):
    type_page(page, capfd, monkeypatch)


def type_page(page, capfd, monkeypatch):
    """Type everything that a page shows, in its order; what it exports holds from there on."""
    for text in to_run(page):
        if text.startswith("export "):
            name, _, value = text.removeprefix("export ").partition("=")
            monkeypatch.setenv(name, "of-these-tests-alone-xyz" if "$" in value else value)
            continue
        status, said = type_command(page, text, capfd)
        assert status == 0, f"{page}: {text}\n{said}"
        if page == "docs/tutorial.md" and " zones " in text:
            assert_is_quoted(said)


def assert_is_quoted(said):
    """Compare the line of the tutorial that is read to the newcomer with what is printed."""
    (quoted,) = re.findall(r"Read a line like this: `(.*?)`", TEXTS["docs/tutorial.md"])
    figures = re.findall(r"[-+]?\$?[\d.,]*\d[MK%]?", quoted)
    lines = [" ".join(line.split()) for line in said.splitlines()]
    assert any(all(figure in line for figure in figures) for line in lines), said


def test_every_reason_for_not_running_something_is_of_a_command_that_is_shown():
    shown = [one.text for text in TEXTS.values() for one in commands(text) if OURS.match(one.text)]
    for known in NOT_RUN:
        assert any(re.match(known, text) for text in shown), known


def test_most_commands_are_run():
    shown = [one.text for text in TEXTS.values() for one in commands(text) if OURS.match(one.text)]
    ran = [text for page in pages() for text in to_run(page) if OURS.match(text)]
    assert len(ran) > 0.7 * len(shown)
    assert {*ANSWERS, *OF_NOTHING} <= set(pages())


def test_commands_are_what_stands_behind_a_prompt():
    page = "# A\n\n```console\n$ forcedflow a\nsaid\n$ b  \n```\n\n```text\n$ c\n```\n"
    assert commands(page) == [Command(4, "forcedflow a"), Command(6, "b")]

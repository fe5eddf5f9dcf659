"""The page on adding a venue is true to the code that it describes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.venues.fakes.exchange import FakeExchange
from tests.venues.faults import VENUES

from forcedflow.venues import connector
from forcedflow.venues.network import CONNECTORS

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "howto" / "add-a-venue.md").read_text(encoding="utf-8")
QUOTED = set(re.findall(r"`([^`\n]+)`", PAGE))
EXAMPLE = "kraken"


def _members(protocol):
    return {name for name in vars(protocol) if not name.startswith("_")}


@pytest.mark.parametrize(
    "path", sorted(name for name in QUOTED if name.startswith(("src/", "tests/", "docs/")))
)
def test_every_file_that_the_page_names_exists(path):
    assert (ROOT / path.replace(EXAMPLE, "bybit")).exists()


@pytest.mark.parametrize("name", sorted(name for name in QUOTED if re.fullmatch(r"\w+\.py", name)))
def test_every_file_of_a_venue_that_the_page_names_exists_in_one(name):
    venues = ROOT / "src" / "forcedflow" / "venues"
    assert any((venues / venue / name).exists() for venue in CONNECTORS)


def test_the_page_names_all_that_a_connector_a_reader_and_a_fake_must_answer():
    answered = _members(connector.Connector) | _members(connector.Reader)
    optional = _members(connector.HoldsTrades) | _members(connector.FollowsAccounts)
    assert answered | optional | FakeExchange.__abstractmethods__ <= QUOTED


def test_a_venue_that_is_connected_is_under_every_fault_and_the_example_is_none():
    assert tuple(sorted(CONNECTORS)) == tuple(sorted(VENUES))
    assert EXAMPLE not in CONNECTORS


@pytest.mark.parametrize("venue", sorted(CONNECTORS))
def test_a_venue_that_is_connected_is_known_everywhere_that_the_page_says(venue):
    listed = re.findall(r"^\d\. (.*?)(?=^\d\. |\n\n)", PAGE, re.MULTILINE | re.DOTALL)
    files = {name for item in listed for name in re.findall(r"`([^`]+\.py)`", item)}
    assert len(files) == 4
    for name in files:
        assert venue in (ROOT / name).read_text(encoding="utf-8"), name
    assert (ROOT / "tests" / "venues" / "fakes" / f"{venue}.py").exists()
    assert (ROOT / "tests" / "unit" / "venues" / venue).is_dir()
    assert venue in (ROOT / "docs" / "howto" / "fetch.md").read_text(encoding="utf-8").lower()

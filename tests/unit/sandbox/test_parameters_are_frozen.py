"""The simulated market is frozen: scorecards made on it are only comparable while it stands."""

from __future__ import annotations

import pytest

from forcedflow.sandbox.parameters import SCENARIOS, parameters

FROZEN = {
    "calm": "a3e968e2afb801a1b533ff051f5a62975108b2aa9bfd8e39f9a38e0b5933a34a",
    "quiet": "fc3f4ac92de87ee7cf4fb722342fb607e846c3bbe9ff8f7d4e1b7b3c93bb132e",
    "leverage-build-up": "376d38519e0af5e91c0dcac241131469484f8d9f2f3ea4a99bfe52ddb0dfcae6",
    "crowded-longs": "a73ab1114f0531d94aa649aa2447e260647b9c2817763a85eb53e21d8d8d8b12",
    "crowded-shorts": "d8311ce798abfef21985e01cee33ddd77b973a96027981d1646aa03eb890aa64",
    "both-sides": "fedf8467823b74d6a0e85e815bdcecf7c32c2d82e72c760cd23c669fcdec361a",
    "thin-weekend": "ee2d7d821af26f384b650491f582902c1d7839bcb5d510e6b3a252359df28969",
    "news-shock": "65d4f2c43505040f0798f76284c7f6d014b0150a3a1d77731970288328d252db",
}

CHANGED = (
    "the simulated market is not the one that stands in the table of stylised facts. A change must "
    "improve that table (python docs/facts.py, docs/theory/sandbox.md) and every scorecard made on "
    "the old market must be run again; then state the new digest here: {digest}"
)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_parameters_are_those_of_the_published_table(scenario):
    digest = parameters(scenario).digest()
    assert digest == FROZEN[scenario], CHANGED.format(digest=digest)


def test_every_scenario_is_frozen_and_no_other():
    assert set(FROZEN) == set(SCENARIOS)
    assert len(set(FROZEN.values())) == len(SCENARIOS)

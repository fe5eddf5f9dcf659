"""Alerts over the evening of 5 February 2026: what a user would have been told, and when."""

from __future__ import annotations

from datetime import datetime

import pytest

from forcedflow.alerts.rules_file import parse_rules
from forcedflow.cli.alert_runs import replay
from forcedflow.instruments import parse_symbol
from forcedflow.units import MINUTE_MS

pytestmark = [pytest.mark.real_data, pytest.mark.slow]

RULES = """
[targets.desk]
kind = "apprise"
url_env = "NEVER_READ"
[[rules]]
name = "near"
kind = "cluster_near"
side = "long"
least_usd = 2e8
within_pct = 1.5
targets = ["desk"]
[[rules]]
name = "swept"
kind = "cluster_swept"
side = "long"
least_usd = 2e8
targets = ["desk"]
[[rules]]
name = "cascade"
kind = "cascade"
direction = "down"
targets = ["desk"]
"""


def test_the_fall_of_the_evening_is_told_as_it_comes(real_lake):
    begin = round(datetime.fromisoformat("2026-02-05T20:10:00+00:00").timestamp() * 1000)
    end = begin + 75 * MINUTE_MS
    listed = replay(real_lake, [parse_symbol("BTC")], parse_rules(RULES), begin, end, 5 * MINUTE_MS)
    told = [
        (row.alert.rule, (row.alert.at_ms - begin) // MINUTE_MS, row.alert)
        for row in listed
        if not row.alert.key.startswith("after:")
    ]
    begun = [at for rule, at, alert in told if rule == "cascade" and "begun" in alert.title]
    over = [at for rule, at, alert in told if rule == "cascade" and "over" in alert.title]
    swept = [alert for rule, _, alert in told if rule == "swept"]
    near = [alert for rule, _, alert in told if rule == "near"]
    assert begun
    assert over
    assert begun[0] < over[0]
    assert near
    assert swept
    for alert in swept:
        # The densest price lay below the mark before, and was reached.
        assert alert.level.side == "long"
        assert alert.level.usd >= 2e8
        assert not alert.simulated
    for alert in near:
        assert -1.5 <= alert.level.distance_pct <= 0
        assert alert.ages["open_interest"] is not None

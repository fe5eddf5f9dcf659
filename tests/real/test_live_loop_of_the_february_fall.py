"""The recorded fall of February 2026 through the live loop: every bar is what the batch says."""

from __future__ import annotations

import pytest

from forcedflow.asof import read_market
from forcedflow.asof.signals import read_signal_table
from forcedflow.cli.options import parse_time
from forcedflow.features.table import STEP_MS
from forcedflow.instruments import parse_symbol
from forcedflow.live.loop import LiveLoop
from forcedflow.pipeline import build_map
from forcedflow.signals.registry import read_signals
from forcedflow.units import HOUR_MS, MINUTE_MS

pytestmark = [pytest.mark.real_data, pytest.mark.slow]

BTC = parse_symbol("BTC", "binance")
FROM, TO = "2026-02-04T00:00Z", "2026-02-06T00:00Z"
# Zones at every tenth bar, readings, which take a whole table, every eight hours.
ZONES_EVERY_MS, READINGS_EVERY_MS = 50 * MINUTE_MS, 8 * HOUR_MS


def test_two_days_of_bar_closes_equal_the_batch_and_a_restart_changes_nothing(real_lake):
    loop, restarted = (LiveLoop(real_lake, [BTC], is_replay=True) for _ in range(2))
    compared = 0
    for at_ms in range(parse_time(FROM), parse_time(TO), STEP_MS):
        (update,) = loop.close_bar(at_ms)
        assert update.problem == ""
        if at_ms % ZONES_EVERY_MS == 0:
            mapped = build_map(read_market(real_lake, BTC, at_ms))
            assert repr(update.zones) == repr(tuple(mapped.zones()))
            compared += 1
        if at_ms % READINGS_EVERY_MS == 0:
            table = read_signal_table(real_lake, BTC, at_ms)
            assert repr(update.readings) == repr(read_signals(table))
    assert compared > 50
    restarted.close_bar(loop.at_ms)
    assert restarted.state_hash() == loop.state_hash()

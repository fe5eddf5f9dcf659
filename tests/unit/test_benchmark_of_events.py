"""The benchmark of events measures what it says: every event, by every listener that reads."""

from __future__ import annotations

from benchmarks.events import listen, percentile


def test_every_listener_hears_every_event_also_beside_one_that_reads_nothing():
    for stuck in (False, True):
        heard = listen(0.5, listeners=3, stuck=stuck)
        assert len(heard.lags) == 3 * 25
        assert min(heard.lags) > 0
        assert heard.server_s >= 0


def test_a_percentile_is_a_value_that_was_measured():
    assert percentile([3.0, 1.0, 2.0], 0.99) == 3.0
    assert percentile([3.0, 1.0, 2.0], 0.5) == 2.0

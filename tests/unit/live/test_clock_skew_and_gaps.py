"""A venue's clock is known to within what the network allows; outages lie between frames."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.live.spoken_venue import START_MS, at

from forcedflow.live.clock_skew import Exchange, estimate_skew, measure_skew
from forcedflow.live.gap_watch import GapWatch, Outage
from forcedflow.live.health import ConnectionWatch
from forcedflow.store.feed_gaps import FeedGap, append_gap, read_gaps
from forcedflow.venues.websocket import SUCCEEDED

TRADES = frozenset({"trades"})

ways = st.tuples(st.integers(10_000, 300_000_000), st.integers(10_000, 300_000_000))


@given(skew_ns=st.integers(-(10**11), 10**11), delays=st.lists(ways, min_size=1, max_size=8))
@settings(deadline=None)
def test_the_true_skew_lies_within_the_stated_error(skew_ns, delays):
    ours_ns, exchanges = START_MS * 1_000_000 + 123_456, []
    for there_ns, back_ns in delays:
        server_ms = (ours_ns + there_ns + skew_ns) // 1_000_000
        heard_ns = ours_ns + there_ns + back_ns
        exchanges.append(Exchange(ours_ns, server_ms, heard_ns))
        ours_ns = heard_ns + 1
    skew = estimate_skew(exchanges)
    assert abs(skew.offset_ms - skew_ns / 1e6) <= skew.error_ms + 1e-6
    assert skew.error_ms == pytest.approx(min(map(sum, delays)) / 2e6 + 0.5)


def test_a_skew_of_seconds_is_measured_to_within_five_milliseconds_over_a_jittery_line():
    clock = SimpleNamespace(ns=START_MS * 1_000_000)
    delays_ms = iter([40, 3, 90, 4, 25, 31, 2, 3, 18, 70])

    def server_time_ms(_):
        clock.ns += next(delays_ms) * 1_000_000
        answer = (clock.ns + 2_345_600_000) // 1_000_000
        clock.ns += next(delays_ms) * 1_000_000
        return answer

    venue = SimpleNamespace(server_time_ms=server_time_ms)
    skew = measure_skew(venue, None, lambda: clock.ns)
    assert skew.offset_ms == pytest.approx(2_345.6, abs=5)
    assert skew.error_ms <= 5


def test_a_skew_needs_an_exchange():
    with pytest.raises(ValueError, match="at least one"):
        estimate_skew([])


def test_an_outage_begins_with_the_last_message_and_ends_with_the_next_sign_of_life():
    watch = GapWatch({"market": TRADES})
    frames = [at(0, "opened"), at(5), at(9), at(70, "closed", b"no byte for 60 s")]
    assert [watch.see(frame) for frame in frames] == [None] * 4
    assert watch.see(at(80, "closed", b"cannot connect")) is None
    reason = "no byte for 60 s"
    expected = Outage("market", TRADES, START_MS + 9, START_MS + 95, reason)
    assert watch.see(at(95, "opened")) == expected
    assert watch.end(START_MS + 200) == ()


def test_a_connection_that_is_followed_by_its_successor_is_no_outage():
    watch = GapWatch({"market": TRADES})
    frames = [at(0, "opened"), at(5), at(6, "closed", SUCCEEDED.encode()), at(7, "opened")]
    assert [watch.see(frame) for frame in frames] == [None] * 4


def test_messages_given_up_for_want_of_memory_are_an_outage_until_the_next():
    watch = GapWatch({"market": TRADES})
    for frame in (at(0, "opened"), at(5), at(6, "closed", b"dropped")):
        assert watch.see(frame) is None
    assert watch.see(at(8)) == Outage("market", TRADES, START_MS + 5, START_MS + 8, "dropped")


def test_a_question_of_a_readers_own_that_fails_is_no_outage():
    watch = GapWatch({"market": TRADES})
    assert watch.see(at(1, "closed", b"timeout", connection="rest:depth")) is None
    assert watch.end(START_MS + 9) == ()


def test_a_feed_that_never_came_up_is_an_outage_from_the_first_attempt():
    watch = GapWatch({"market": TRADES})
    assert watch.see(at(3, "closed", b"refused")) is None
    assert watch.end(START_MS + 9) == (
        Outage("market", TRADES, START_MS + 3, START_MS + 9, "refused"),
    )


def test_a_clock_set_back_does_not_turn_an_outage_around():
    watch = GapWatch({"market": TRADES})
    watch.see(at(100))
    watch.see(at(101, "closed", b"lost"))
    outage = watch.see(at(50, "opened"))
    assert outage.start_ms == outage.end_ms == START_MS + 100


def test_the_rate_settles_at_what_comes():
    watch = ConnectionWatch("market")
    for second in range(100):
        for number in range(50):
            watch.see(at(second * 1_000 + number * 20), None)
        watch.tick((START_MS + second * 1_000) * 1_000_000)
    health = watch.health((START_MS + 100_000) * 1_000_000, 0)
    assert health.rate_per_s == pytest.approx(50, rel=0.01)
    assert health.messages == 5_000
    assert health.age_s == pytest.approx(0.02)


def test_a_connection_that_said_nothing_has_no_age_and_no_lag():
    health = ConnectionWatch("market").health(START_MS * 1_000_000, 0)
    assert (health.connected, health.age_s, health.lag_p50_ms) == (False, None, None)


def test_gaps_written_down_after_a_killed_writer_are_all_read(tmp_path):
    gap = FeedGap("spoken", "market", ("trades",), ("BTC/USDT:USDT",), 1, 2, "lost", repaired=False)
    assert read_gaps(tmp_path, "spoken") == ()
    append_gap(tmp_path, gap)
    (path,) = tmp_path.rglob("gaps.jsonl")
    path.write_bytes(path.read_bytes() + b'{"venue":"spo')
    assert read_gaps(tmp_path, "spoken") == (gap,)
    append_gap(tmp_path, gap)
    assert read_gaps(tmp_path, "spoken") == (gap, gap)

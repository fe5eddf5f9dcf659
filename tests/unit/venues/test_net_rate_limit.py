"""No window holds more than our share, whoever asks and however heavily."""

from __future__ import annotations

import itertools
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forcedflow.venues.connector import RateLimit
from forcedflow.venues.rate_limit import RateLimiter


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self):
        self.now = 1000.0
        self.slept = []

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        assert seconds > 0
        self.slept.append(seconds)
        self.now += seconds


def limiter(weight=10, window_s=1.0, **options):
    clock = Clock()
    limit = RateLimit(weight, window_s, options.pop("concurrent", 4))
    return RateLimiter(limit, clock=clock, sleep=clock.sleep, **options), clock


@settings(deadline=None)
@given(
    weights=st.lists(st.integers(1, 30), max_size=40),
    gaps=st.lists(st.floats(0, 2), min_size=40, max_size=40),
)
def test_no_window_holds_more_than_our_share(weights, gaps):
    limited, clock = limiter(share=0.8)
    started = []
    for weight, gap in zip(weights, gaps, strict=False):
        clock.now += gap
        with limited.permit(weight):
            started.append((clock.now, min(weight, 8)))
    for (first, _), n in zip(started, itertools.count()):
        inside = [w for time, w in started[n:] if time < first + 1.0 - 1e-9]
        assert sum(inside) <= 8


def test_requests_within_the_limit_do_not_wait():
    limited, clock = limiter(share=1.0)
    for _ in range(10):
        with limited.permit(1):
            pass
    assert clock.slept == []
    with limited.permit(1):
        assert clock.slept == pytest.approx([1.0])


def test_a_pause_holds_even_who_had_its_turn_and_a_longer_one_wins():
    limited, clock = limiter()
    limited.pause(5.0)
    limited.pause(2.0)
    assert limited.paused_s == 5.0
    with limited.permit(1):
        assert clock.now == 1005.0
    assert limited.paused_s == 0.0


def test_a_pause_prolonged_while_waiting_is_waited_out():
    clock = Clock()
    prolonged = iter([3.0])

    def sleep(seconds):
        clock.sleep(seconds)
        for more in prolonged:
            limited.pause(more)

    limited = RateLimiter(RateLimit(10, 1.0), clock=clock, sleep=sleep)
    limited.pause(1.0)
    limited.wait_for_pause()
    assert clock.slept == [1.0, 3.0]


def test_no_more_are_under_way_at_once_than_allowed():
    limited = RateLimiter(RateLimit(1000, 1.0, concurrent=2))
    lock, both = threading.Lock(), threading.Barrier(2)
    under_way, most = 0, 0

    def ask():
        nonlocal under_way, most
        with limited.permit(1):
            with lock:
                under_way += 1
                most = max(most, under_way)
            both.wait(timeout=5)
            with lock:
                under_way -= 1

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 2


@pytest.mark.parametrize("share", [0.0, -1.0, 1.1])
def test_a_share_is_a_part_of_the_whole(share):
    with pytest.raises(ValueError, match="share"):
        RateLimiter(RateLimit(10, 1.0), share=share)

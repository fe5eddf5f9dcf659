"""A cascade: five thousand messages in one second, and every row of them in the lake."""

from __future__ import annotations

import time

from tests.venues.fakes import promises
from tests.venues.fakes.facts import Position
from tests.venues.faults import fault
from tests.venues.market_day import (
    POSITION,
    TRADE,
    Day,
    assert_liquidations,
    assert_true_books,
)
from tests.venues.recording import Recording, assert_rows, fake_exchange

FRAMES = 5_000


@fault("burst")
def test_a_burst_is_recorded_to_the_last_row(venue, tmp_path):
    now_ms = time.time_ns() // 1_000_000
    # Neighbours differ in time, so that each is a message of its own everywhere.
    times_ms = [now_ms - 999 + number % 1_000 for number in range(FRAMES)]
    with fake_exchange(venue) as fake:
        day = Day(fake, now_ms)
        day.open()
        prints = promises.TERMS[venue].prints_liquidations
        tables = ["trades", *(["liquidations"] if prints else [])]
        tables += ["order_book"] if promises.TERMS[venue].prints_books else []
        tables += ["positions"] if venue == "hyperliquid" else []
        with Recording(tmp_path, fake, tables=tables) as run:
            run.wait_for(fake, *tables)
            day.start_book(run)
            if venue == "hyperliquid":
                # Everyone trades in one block, so that the first round asks for all of them.
                fake.publish(day.tape.positions(now_ms))
                day.tell(day.tape.trades([now_ms - 1_000] * 6))
            said = fake.said
            burst = day.tape.liquidations if prints else day.tape.trades
            day.tell(burst(times_ms))
            assert fake.said - said == FRAMES
            day.tell([*day.book(3), *day.tape.trades([now_ms])])
            run.settle()
            if venue == "hyperliquid":
                _trade_until_positions_are_kept(run, day)
    assert_rows(run.rows("trades", fake), promises.trades(venue, day.told), *TRADE)
    assert_liquidations(run, fake, day.told)
    assert_true_books(run, fake)
    positions = [fact for fact in fake.history if isinstance(fact, Position)]
    assert_rows(run.rows("positions", fake), promises.positions(positions), *POSITION)
    health = run.venue(fake)
    assert [(c.refused, c.dropped, c.reconnects) for c in health.connections] == [
        (0, 0, 0) for _ in health.connections
    ]
    assert not health.gaps


def _trade_until_positions_are_kept(run: Recording, day: Day) -> None:
    def kept() -> bool:
        # Time passes with messages: a round of accounts goes on as they come.
        day.tell(day.tape.trades([day.now_ms]))
        time.sleep(0.05)
        return run.venue(day.fake).rows.get("positions", 0) > 0

    run.wait_until(kept, "positions in the lake")

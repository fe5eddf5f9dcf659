"""What was recorded of a venue, read again from its raw messages: the same rows, to the last."""

from __future__ import annotations

import time

import polars as pl
import pytest
from tests.venues.market_day import Day
from tests.venues.recording import Recording, fake_exchange

from forcedflow.settings import Settings
from forcedflow.store.raw_log import list_runs, raw_folder
from forcedflow.tables import TABLES
from forcedflow.venues.network import connect_venue
from forcedflow.venues.replay import replay_run

TOLD = ("trades", "liquidations", "klines", "open_interest", "funding", "order_book")


def told_again(venue: str, root) -> dict[str, pl.DataFrame]:
    problems: list[object] = []
    (run,) = list_runs(raw_folder(root), problems.append)
    parts: dict[str, list[pl.DataFrame]] = {}
    connector = connect_venue(venue, Settings()).connector
    for rows in replay_run(connector, run, problems.append, problems.append):
        for table, frame in rows.items():
            parts.setdefault(table, []).append(frame)
    assert problems == []
    return {table: pl.concat(frames) for table, frames in parts.items()}


@pytest.mark.parametrize("venue", ["bitget", "okx"])
def test_raw_messages_read_again_give_the_rows_that_were_written(venue, tmp_path):
    with fake_exchange(venue) as fake:
        day = Day(fake, time.time_ns() // 1_000_000)
        day.open()
        with Recording(tmp_path, fake, tables=TOLD, polls_every_s=0.5) as run:
            run.wait_for(fake, *TOLD)
            day.start_book(run)
            day.tell(day.stretch())
            fake.publish(day.book(1), unsaid=True)  # a gap, which an answer over HTTP heals
            kept = run.venue(fake).rows["order_book"]
            run.wait_until(
                lambda: day.tell(day.book(1)) or run.venue(fake).rows["order_book"] > kept + 100,
                "book after the gap",
            )
            run.settle()
    again = told_again(venue, run.lake.root)
    assert set(again) >= set(TOLD)
    for table, frame in again.items():
        key = list(TABLES[table].key)
        # The lake keeps the best of each key, and of equals the last.
        best = frame.sort("precedence", maintain_order=True).unique(
            key, keep="last", maintain_order=True
        )
        held = run.lake.read(table, venue=venue).select(best.columns)
        assert held.sort(key).equals(best.sort(key)), table

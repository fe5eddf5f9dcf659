"""Fetching: every piece once, in order, gaps and failures told apart, whatever interrupts it."""

from __future__ import annotations

import hashlib
import random
import threading
import time
from types import SimpleNamespace

import pytest

from forcedflow.errors import (
    BlockedError,
    FrameError,
    NotThereError,
    RateLimitedError,
    UsageError,
    VenueError,
)
from forcedflow.instruments import Instrument
from forcedflow.store import Lake, Receipt
from forcedflow.venues.base import PRECEDENCE_REST, Capabilities
from forcedflow.venues.connector import Piece, RateLimit
from forcedflow.venues.fetch import fetch
from forcedflow.venues.fetch_report import Gap, join_gaps
from forcedflow.venues.row_buffer import RowBuffer

DAY_MS = 86_400_000
START_MS = 1_767_225_600_000  # 2026-01-01
SYMBOL = "BTC/USDT:USDT"


def funding(day, rate=0.0001):
    rows = RowBuffer("testing")
    moment = START_MS + day * DAY_MS
    rows.add(
        "funding",
        SYMBOL,
        moment,
        moment,
        "settled",
        rate,
        8.0,
        source="testing:funding",
        precedence=PRECEDENCE_REST,
    )
    return rows.take()


class Web:
    """An `Http` of made answers: bytes, or an error to raise. Remembers who asked for what."""

    def __init__(self, answers=None, delay_s=0.0):
        self.answers = dict(answers or {})
        self.delay_s = delay_s
        self.asked = []

    def get(self, url, params=None, *, weight=1):
        assert (params, weight) == (None, 1)
        self.asked.append(url)
        if self.delay_s:
            time.sleep(self.delay_s * random.random())  # noqa: S311 - a delay, no secret
        answer = self.answers.get(url, b"rows")
        if isinstance(answer, Exception):
            raise answer
        return answer

    def post(self, url, body, *, weight=1):
        assert body == {}
        return self.get(url, weight=weight)


class Venue:
    """A connector whose pieces are given as a function of who asks."""

    name = "testing"
    capabilities = Capabilities(
        kinds=("linear",),
        backfilled=frozenset({"funding", "trades"}),
        streamed=frozenset(),
        liquidations="none",
        public_positions=False,
    )
    rate_limit = RateLimit(1000, 60.0, concurrent=3)

    def __init__(self, pieces, listing=None):
        self.make, self.listing = pieces, listing
        self.asked_for = []

    def instruments(self, http):
        if self.listing is not None:
            http.get(self.listing)
        return (Instrument(self.name, "BTC", "USDT", "USDT", 0.1),)

    def pieces(self, http, tables, instrument, start_ms, end_ms, now_ms, interval_ms):
        self.asked_for.append((tables, instrument, start_ms, end_ms, now_ms, interval_ms))
        return self.make(http)


def piece(http, day, *, rows=None, host="rest", url=None, instead=(), **options):
    """Return a piece that asks for one address and then gives the rows of one day."""
    address = url or f"http://{host}/{day}"

    def read():
        http.get(address)
        return funding(day) if rows is None else rows

    return Piece(
        name=options.pop("name", f"{host}/{day:02}"),
        tables=frozenset({"funding"}),
        start_ms=START_MS + day * DAY_MS,
        end_ms=START_MS + (day + 1) * DAY_MS,
        read=read,
        host=host,
        instead=instead,
        **options,
    )


def days(count, **options):
    return lambda http: tuple(piece(http, day, **options) for day in range(count))


@pytest.fixture
def lake(tmp_path):
    return Lake(tmp_path / "lake", create=True)


def bring(lake, venue, web, *, tables=("funding",), symbols=("BTCUSDT",), **options):
    return fetch(
        lake,
        venue,
        web,
        tables,
        symbols,
        START_MS,
        START_MS + 400 * DAY_MS,
        300_000,
        now_ms=lambda: START_MS + 1000 * DAY_MS,
        **options,
    )


def test_rows_of_every_piece_are_in_the_lake_and_counted(lake):
    web = Web(delay_s=0.003)
    report = bring(lake, Venue(days(40)), web)
    assert (report.read, report.held, report.gaps, report.failures) == (40, 0, (), ())
    assert report.tables["funding"].added == 40
    assert report.received_bytes == 40 * len(b"rows")
    assert lake.read("funding")["event_time"].dt.epoch("ms").to_list() == [
        START_MS + day * DAY_MS for day in range(40)
    ]


def test_what_was_read_is_not_asked_for_again(lake):
    bring(lake, Venue(days(5)), Web())
    again = Web()
    report = bring(lake, Venue(days(7)), again)
    assert (report.read, report.held) == (2, 5)
    assert sorted(again.asked) == ["http://rest/5", "http://rest/6"]


def test_what_may_still_change_is_asked_for_every_time(lake):
    for _ in range(2):
        web = Web()
        report = bring(lake, Venue(days(2, lasting=False)), web)
        assert (report.read, report.held) == (2, 0)
        assert len(web.asked) == 2
    assert report.tables["funding"].unchanged == 2


def test_a_file_imported_by_hand_is_not_downloaded_and_a_changed_one_is(lake):
    content = hashlib.sha256(b"content").hexdigest()
    lake.write({}, [Receipt(content, "binance-vision", "the file", "file.zip", 0)])

    def venue(checksum):
        said = {"remembered_as": ("binance-vision", "the file"), "fingerprint": lambda: checksum}
        return Venue(days(1, **said))

    untouched, changed = Web(), Web()
    assert bring(lake, venue(content), untouched).held == 1
    assert untouched.asked == []
    assert bring(lake, venue("ab" * 32), changed).read == 1
    assert changed.asked == ["http://rest/0"]


def test_of_equal_rows_the_later_piece_of_the_plan_stays_whoever_answers_first(lake):
    def pieces(http):
        slow = threading.Event()

        def first():
            assert slow.wait(10)
            return funding(0, 0.1)

        def second():
            slow.set()
            return funding(0, 0.2)

        at = START_MS, START_MS + DAY_MS
        assert http is not None
        return (
            Piece("a", frozenset({"funding"}), *at, first),
            Piece("b", frozenset({"funding"}), *at, second),
        )

    bring(lake, Venue(pieces), Web())
    assert lake.read("funding")["funding_rate"].to_list() == [0.2]


def gone(*urls):
    return {url: NotThereError("testing", url) for url in urls}


def test_where_a_file_is_missing_what_stands_in_for_it_is_asked_for(lake):
    def month(http):
        inner = tuple(
            piece(http, day, host="archive", instead=(piece(http, day),)) for day in range(31)
        )
        return (
            piece(http, 0, host="archive", url="http://archive/month", instead=inner, name="m"),
        )

    web = Web(gone("http://archive/month", "http://archive/7"))
    report = bring(lake, Venue(month), web)
    assert (report.read, report.gaps) == (31, ())
    assert [url for url in web.asked if "rest" in url] == ["http://rest/7"]


def test_what_nobody_holds_is_a_gap_under_the_name_of_the_file_that_is_missing(lake):
    def pieces(http):
        return tuple(
            piece(http, day, host="archive", instead=(piece(http, day),), name=f"folder/{day}.zip")
            for day in range(4)
        )

    web = Web(gone(*(f"http://{host}/{day}" for host in ("archive", "rest") for day in (1, 2))))
    report = bring(lake, Venue(pieces), web)
    (gap,) = report.gaps
    assert gap == Gap("folder", ("funding",), START_MS + DAY_MS, START_MS + 3 * DAY_MS, "not there")
    assert (report.read, report.failures) == (2, ())


def test_what_stands_in_for_several_files_is_asked_for_once_and_missed_by_each(lake):
    def pieces(http):
        return tuple(
            piece(http, 0, host="archive", url=f"http://archive/{kind}", name=f"{kind}/0.zip",
                  instead=(piece(http, 0),))
            for kind in ("last", "mark", "index")
        )  # fmt: skip

    missing = gone("http://archive/last", "http://archive/mark", "http://archive/index")
    served = Web(missing)
    assert bring(lake, Venue(pieces), served).gaps == ()
    assert served.asked.count("http://rest/0") == 1
    other = Lake(lake.root.with_name("other"), create=True)
    report = bring(other, Venue(pieces), Web(missing | gone("http://rest/0")))
    assert sorted(gap.name for gap in report.gaps) == ["index/0.zip", "last/0.zip", "mark/0.zip"]


def test_an_answer_without_rows_is_a_gap_and_asked_for_again(lake):
    report = bring(lake, Venue(days(1, rows={})), Web())
    assert [gap.reason for gap in report.gaps] == ["answered without rows"]
    assert not report.read
    again = Web()
    assert bring(lake, Venue(days(1)), again).read == 1


def test_a_failure_of_one_piece_is_told_and_the_others_go_on(lake):
    web = Web({"http://rest/1": VenueError("testing", "broken"), "http://rest/2": FrameError(
        "testing", "funding", "is no number", b"x")})  # fmt: skip
    report = bring(lake, Venue(days(5)), web)
    assert report.read == 3
    assert {failure.name: failure.error.exit_code for failure in report.failures} == {
        "rest/01": 4,
        "rest/02": 5,
    }
    healed = bring(lake, Venue(days(5)), Web())
    assert (healed.read, healed.held, healed.failures) == (2, 3, ())


def test_a_host_that_refuses_us_is_said_once_and_the_archive_goes_on(lake):
    def pieces(http):
        return tuple(
            piece(http, day, host="archive", instead=(piece(http, day),)) for day in range(30)
        )

    refused = {f"http://rest/{day}": BlockedError("testing", "refused") for day in range(30)}
    missing = gone(*(f"http://archive/{day}" for day in range(20, 30)))
    web = Web({"http://rest/list": BlockedError("testing", "refused")} | refused | missing)
    venue = Venue(pieces, listing="http://rest/list")
    report = bring(lake, venue, web)
    assert report.refusals == ("testing: refused",)
    assert (report.read, report.failures) == (20, ())
    (gap,) = report.gaps
    assert (gap.start_ms, gap.end_ms) == (START_MS + 20 * DAY_MS, START_MS + 30 * DAY_MS)
    assert gap.reason == "rest refuses this address"
    assert [url for url in web.asked if "rest" in url] == ["http://rest/list"]
    # Nobody told us the contract; its name is what was typed.
    assert venue.asked_for[0][1] == Instrument("testing", "BTC", "USDT", "USDT")


def test_a_long_pause_ends_the_asking_of_that_host(lake):
    pause = RateLimitedError("testing", "come back in an hour", 3600.0)
    report = bring(lake, Venue(days(40)), Web({"http://rest/2": pause}), concurrency=1)
    assert report.read == 2
    assert [failure.error for failure in report.failures] == [pause]
    (gap,) = report.gaps
    assert gap.reason == "rest asks for a long pause"
    assert gap.end_ms == START_MS + 40 * DAY_MS


def test_a_host_that_keeps_failing_is_left_alone(lake):
    web = Web({f"http://rest/{day}": VenueError("testing", "down") for day in range(100)})
    report = bring(lake, Venue(days(100)), web)
    assert 8 <= len(web.asked) <= 10  # three threads may be asking when the eighth fails
    assert len(report.failures) == len(web.asked)
    assert "8 times in a row" in report.refusals[0]
    assert not report.found


def test_a_list_of_contracts_that_cannot_be_had_is_a_failure_and_pieces_are_read(lake):
    web = Web({"http://other/list": VenueError("testing", "down")})
    report = bring(lake, Venue(days(2), listing="http://other/list"), web)
    assert [failure.name for failure in report.failures] == ["list of contracts"]
    assert report.read == 2


def test_a_symbol_that_is_not_listed_is_refused_with_what_is_near(lake):
    with pytest.raises(UsageError, match=r"does not list 'BTC/USDC:USDC'\nhint: it lists BTC/USDT"):
        bring(lake, Venue(days(1)), Web(), symbols=("BTCUSDC",))
    with pytest.raises(UsageError, match="does not list 'DOGE/USDT:USDT'"):
        bring(lake, Venue(days(1)), Web(), symbols=("DOGEUSDT",))


def test_a_table_that_is_not_given_and_an_empty_span_are_refused(lake):
    with pytest.raises(UsageError, match=r"the past of positions\nhint: it gives that of funding"):
        bring(lake, Venue(days(1)), Web(), tables=("funding", "positions"))
    with pytest.raises(UsageError, match="span is empty"):
        fetch(lake, Venue(days(1)), Web(), ["funding"], ["BTC"], 5, 5, 300_000)


def test_an_interruption_keeps_what_was_read_before_it(lake):
    stop = SimpleNamespace(after=7)

    def interrupt(progress):
        if progress.done >= stop.after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bring(lake, Venue(days(40)), Web(), on_progress=interrupt)
    held = lake.read("funding").height
    assert 7 <= held < 40
    report = bring(lake, Venue(days(40)), Web())
    assert (report.held, report.read) == (held, 40 - held)
    assert lake.read("funding").height == 40


def test_progress_counts_pieces_and_bytes_and_ends_at_the_whole(lake):
    seen = []

    def month(http):
        inner = tuple(piece(http, day) for day in range(1, 6))
        return (piece(http, 0, host="archive", instead=inner), piece(http, 9))

    bring(lake, Venue(month), Web(gone("http://archive/0")), on_progress=seen.append)
    assert (seen[0].done, seen[0].total) == (0, 2)
    assert (seen[-1].done, seen[-1].total) == (7, 7)
    assert seen[-1].received_bytes == 6 * len(b"rows")
    assert [s.done for s in seen] == sorted(s.done for s in seen)


def test_of_large_pieces_few_are_held_at_once(lake):
    lock, under_way, most = threading.Lock(), set(), []

    def large(http, day):
        def read():
            with lock:
                under_way.add(day)
                most.append(len(under_way))
            http.get(f"http://rest/{day}")
            with lock:
                under_way.discard(day)
            return funding(day)

        at = START_MS + day * DAY_MS
        return Piece(f"trades/{day:02}", frozenset({"trades"}), at, at + DAY_MS, read)

    venue = Venue(lambda http: tuple(large(http, day) for day in range(12)))
    report = bring(lake, venue, Web(delay_s=0.002), tables=("trades",))
    assert report.read == 12
    assert max(most) == 1


def test_a_table_of_which_there_is_nothing_to_ask_is_a_gap(lake):
    report = bring(lake, Venue(days(1)), Web(), tables=("funding", "trades"))
    assert report.gaps == (
        Gap(
            SYMBOL,
            ("trades",),
            START_MS,
            START_MS + 400 * DAY_MS,
            "the venue tells nothing of that span",
        ),
    )


def test_gaps_that_touch_are_one_and_others_stay_apart():
    def gap(name, first, last, reason="absent", tables=("klines",)):
        return Gap(name, tables, first, last, reason)

    missing = [
        gap("a/2", 1, 2),
        gap("a/1", 0, 1),
        gap("a/9", 5, 6),
        gap("b/1", 0, 1),
        gap("a/3", 2, 3, "refused"),
        gap("alone", 7, 8, tables=("funding",)),
    ]
    assert join_gaps(missing, 0, 9) == (
        gap("a", 0, 2),
        gap("b/1", 0, 1),
        gap("a/3", 2, 3, "refused"),
        gap("a/9", 5, 6),
        gap("alone", 7, 8, tables=("funding",)),
    )


def test_only_what_was_asked_for_can_be_a_gap():
    month = Gap("month", ("funding",), 0, 30, "absent")
    before = Gap("before", ("klines",), 0, 10, "absent")
    assert join_gaps([month, before], 10, 20) == (Gap("month", ("funding",), 10, 20, "absent"),)

"""A connector's past, asked for piece by piece, and connectors by name."""

from __future__ import annotations

import polars as pl
import pytest

from forcedflow.errors import BlockedError, NotThereError, UsageError
from forcedflow.instruments import Instrument
from forcedflow.settings import Settings, VenueSettings
from forcedflow.venues.base import PRECEDENCE_REST, Capabilities, Venue
from forcedflow.venues.connector import Endpoints, Piece, RateLimit
from forcedflow.venues.network import (
    CONNECTORS,
    NetworkVenue,
    connect_venue,
    read_piece,
    register_venues,
)
from forcedflow.venues.registry import VenueRegistry
from forcedflow.venues.row_buffer import RowBuffer

BTC = Instrument("past", "BTC", "USDT", "USDT", 0.1)
ETH = Instrument("past", "ETH", "USDT", "USDT", 0.01)
OPEN_INTEREST, FUNDING = "open_interest", "funding"
HOUR_MS = 3_600_000
NOW_MS = 100 * HOUR_MS


def rows_of(*times, symbol=BTC.symbol, lag_ms=0):
    buffer = RowBuffer("past")
    for time_ms in times:
        buffer.add(
            OPEN_INTEREST,
            symbol,
            time_ms,
            time_ms + lag_ms,
            1.0,
            None,
            source="past:rest",
            precedence=PRECEDENCE_REST,
        )
    return buffer.take()


def piece(name, start_ms, read, instead=()):
    return Piece(
        name, frozenset({OPEN_INTEREST}), start_ms, start_ms + HOUR_MS, read, instead=instead
    )


def missing():
    raise NotThereError("past", "not there")


class PastConnector:
    name = "past"
    capabilities = Capabilities(
        ("linear",), frozenset({OPEN_INTEREST, FUNDING}), frozenset(), "none", False
    )
    endpoints = Endpoints("http://localhost", "ws://localhost")
    rate_limit = RateLimit(100, 1.0)

    def __init__(self, *pieces):
        self._pieces, self.asked, self.planned = pieces, 0, []

    def instruments(self, _http):
        self.asked += 1
        return (BTC, ETH)

    def server_time_ms(self, _http):
        return NOW_MS

    def pieces(self, http, tables, instrument, start_ms, end_ms, now_ms, interval_ms):
        self.planned.append((http, tables, instrument, start_ms, end_ms, now_ms, interval_ms))
        return self._pieces

    def feeds(self, *_):
        return (), ()

    def reader(self, _instruments):
        raise AssertionError("nothing is followed here")


def venue_of(*pieces):
    return NetworkVenue(PastConnector(*pieces), object(), now_ms=lambda: NOW_MS)


def times_of(batches):
    return [
        int(t.timestamp() * 1000) for rows in batches for t in rows[OPEN_INTEREST]["event_time"]
    ]


def test_pieces_are_read_in_the_order_of_time_and_cut_to_what_became_known():
    venue = venue_of(
        piece("b", 2 * HOUR_MS, lambda: rows_of(2 * HOUR_MS, 3 * HOUR_MS - 1, 3 * HOUR_MS)),
        piece("a", HOUR_MS, lambda: rows_of(HOUR_MS - 1, HOUR_MS, HOUR_MS + 1)),
    )
    found = venue.backfill([OPEN_INTEREST], BTC.symbol, HOUR_MS, 3 * HOUR_MS)
    assert times_of(found) == [HOUR_MS, HOUR_MS + 1, 2 * HOUR_MS, 3 * HOUR_MS - 1]


def test_a_row_belongs_to_the_span_in_which_it_became_known():
    lag_ms = 300_000
    venue = venue_of(piece("a", 0, lambda: rows_of(HOUR_MS - 1, HOUR_MS, lag_ms=lag_ms)))
    start_ms = HOUR_MS + lag_ms
    found = venue.backfill([OPEN_INTEREST], BTC.symbol, start_ms, 2 * HOUR_MS)
    assert times_of(found) == [HOUR_MS]
    (planned,) = venue.connector.planned
    assert planned[3] <= HOUR_MS


def test_what_stands_in_for_a_missing_piece_is_read_and_a_gap_is_left_out():
    days = (
        piece("day 1", 0, lambda: rows_of(1)),
        piece("day 2", 0, missing),
        piece("day 3", 0, missing, instead=(piece("tail", 0, lambda: rows_of(3)),)),
    )
    venue = venue_of(piece("month", 0, missing, days))
    assert times_of(venue.backfill([OPEN_INTEREST], BTC.symbol, 0, HOUR_MS)) == [1, 3]
    assert list(read_piece(piece("none", 0, missing))) == []


def test_other_tables_and_symbols_of_a_file_are_left_out():
    mixed = rows_of(1)
    mixed[OPEN_INTEREST] = pl.concat(
        [mixed[OPEN_INTEREST], rows_of(2, symbol=ETH.symbol)[OPEN_INTEREST]]
    )
    venue = venue_of(piece("a", 0, lambda: mixed))
    assert times_of(venue.backfill([OPEN_INTEREST], BTC.symbol, 0, HOUR_MS)) == [1]
    assert list(venue.backfill([FUNDING], BTC.symbol, 0, HOUR_MS)) == []


def test_a_refusal_is_not_taken_for_a_gap():
    def refuse():
        raise BlockedError("past", "not from here")

    venue = venue_of(piece("a", 0, refuse))
    with pytest.raises(BlockedError):
        list(venue.backfill([OPEN_INTEREST], BTC.symbol, 0, HOUR_MS))


def test_nothing_is_planned_beyond_now_and_bars_are_of_five_minutes():
    venue = venue_of()
    assert venue.pieces([OPEN_INTEREST], BTC.symbol, 0, 2 * NOW_MS) == ()
    assert venue.connector.planned == [
        (venue.http, [OPEN_INTEREST], BTC, 0, NOW_MS, NOW_MS, 300_000)
    ]


def test_the_contracts_are_asked_for_once_and_found_by_symbol():
    venue = venue_of()
    assert isinstance(venue, Venue)
    assert venue.instruments() == venue.instruments() == (BTC, ETH)
    assert venue.instrument(ETH.symbol) is ETH
    assert venue.connector.asked == 1
    with pytest.raises(UsageError, match="does not list"):
        venue.instrument("DOGE/USDT:USDT")


def test_what_cannot_be_asked_for_is_refused_before_anything_is_read():
    venue = venue_of(piece("a", 0, missing))
    with pytest.raises(UsageError, match="does not give trades"):
        venue.backfill(["trades"], BTC.symbol, 0, 1)
    assert venue.connector.planned == []


@pytest.mark.parametrize("name", sorted(CONNECTORS))
def test_every_connector_is_found_by_its_name_and_asked_where_the_settings_say(name):
    plain = connect_venue(name, Settings())
    assert plain.name == plain.connector.name == name
    own = VenueSettings(
        rest="http://localhost:1", others={"mirror": "http://localhost:2"}, proxy="http://own:1"
    )
    settings = Settings(proxy="http://everyone:1", venues={name: own})
    venue = connect_venue(name, settings)
    there = venue.connector.endpoints
    assert there.rest == "http://localhost:1"
    assert there.stream == plain.connector.endpoints.stream
    assert there.others == {**plain.connector.endpoints.others, "mirror": "http://localhost:2"}
    assert (venue.proxy, plain.proxy) == ("http://own:1", None)
    for each in (plain, venue):
        each.http.close()


def test_one_proxy_serves_every_venue_that_names_none():
    venue = connect_venue("binance", Settings(proxy="http://everyone:1"))
    assert venue.proxy == "http://everyone:1"
    venue.http.close()


def test_a_registry_gets_every_venue_and_connects_none():
    registry = VenueRegistry()
    register_venues(registry, Settings(proxy="socks5://x:1"))
    assert registry.names == tuple(sorted(CONNECTORS))
    with pytest.raises(UsageError, match="proxy"):
        registry.find("binance")


def test_an_unknown_venue_is_refused_with_those_that_are_known():
    with pytest.raises(UsageError, match=", ".join(sorted(CONNECTORS))):
        connect_venue("ftx", Settings())


def refused():
    raise BlockedError("past", "451")


class Refusing(PastConnector):
    def instruments(self, _http):
        refused()


def test_an_archive_is_read_though_the_venue_refuses_this_address(caplog):
    days = (
        piece("day 1", 0, lambda: rows_of(1)),
        piece("day 2", HOUR_MS, missing, instead=(piece("tail", HOUR_MS, refused),)),
        piece("day 3", 2 * HOUR_MS, refused, instead=(piece("mirror", 0, lambda: rows_of(3)),)),
    )
    venue = NetworkVenue(Refusing(*days), object(), now_ms=lambda: NOW_MS)
    assert times_of(venue.backfill([OPEN_INTEREST], BTC.symbol, 0, NOW_MS)) == [1, 3]
    assert venue.connector.planned[0][2].symbol == BTC.symbol
    assert ("day 2" in caplog.text, "day 3" in caplog.text) == (True, False)


def test_a_venue_of_which_every_host_refuses_this_address_is_an_error():
    venue = NetworkVenue(Refusing(piece("day", 0, refused)), object(), now_ms=lambda: NOW_MS)
    with pytest.raises(BlockedError):
        list(venue.backfill([OPEN_INTEREST], BTC.symbol, 0, NOW_MS))
    with pytest.raises(UsageError, match="does not give trades"):
        venue.backfill(["trades"], BTC.symbol, 0, NOW_MS)

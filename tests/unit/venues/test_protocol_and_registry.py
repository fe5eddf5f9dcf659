"""What may be relied on of any venue, and finding one by its name."""

from __future__ import annotations

import pytest

from forcedflow.errors import UsageError
from forcedflow.instruments import parse_symbol
from forcedflow.venues.base import Capabilities, Venue, refuse_unknown
from forcedflow.venues.registry import VenueRegistry


class Silent:
    """A venue that lists one contract and never says anything."""

    name = "silent"
    capabilities = Capabilities(
        kinds=("linear",),
        backfilled=frozenset({"klines", "open_interest"}),
        streamed=frozenset({"klines"}),
        liquidations="none",
        public_positions=False,
    )

    def instruments(self):
        return (parse_symbol("BTC", self.name),)

    def backfill(self, tables, symbol, start_ms, end_ms):
        del start_ms, end_ms
        refuse_unknown(self, tables, symbol, self.capabilities.backfilled)
        return iter(())

    async def stream(self, tables, symbol):
        refuse_unknown(self, tables, symbol, self.capabilities.streamed)
        for rows in ():
            yield rows


def test_a_class_with_the_right_methods_is_a_venue_without_inheriting():
    assert isinstance(Silent(), Venue)
    assert not isinstance(object(), Venue)


def test_a_capability_names_declared_tables_alone():
    with pytest.raises(ValueError, match="no such tables: candles"):
        Capabilities(("linear",), frozenset({"candles"}), frozenset(), "none", False)


def test_what_a_venue_does_not_give_is_refused_by_naming_what_it_does():
    with pytest.raises(UsageError, match=r"silent does not give trades\nhint: it gives klines"):
        Silent().backfill(["klines", "trades"], "BTC/USDT:USDT", 0, 1)


def test_a_symbol_that_is_not_listed_is_refused_by_naming_those_that_are():
    with pytest.raises(UsageError, match=r"does not list 'ETH/USDT:USDT'\nhint: BTC/USDT:USDT"):
        Silent().backfill(["klines"], "ETH/USDT:USDT", 0, 1)


def test_a_venue_is_connected_when_it_is_first_found_and_once():
    connected = []
    registry = VenueRegistry()
    registry.register("silent", lambda: connected.append(1) or Silent())
    assert (registry.names, connected) == (("silent",), [])
    assert registry.find("silent") is registry.find("silent")
    assert connected == [1]


def test_an_unknown_venue_is_refused_by_naming_the_known_ones():
    registry = VenueRegistry()
    for name in ("b", "a"):
        registry.register(name, Silent)
    with pytest.raises(UsageError, match="no venue 'nowhere'\nhint: one of a, b"):
        registry.find("nowhere")


def test_a_name_is_taken_once():
    registry = VenueRegistry()
    registry.register("silent", Silent)
    with pytest.raises(ValueError, match="'silent' is registered already"):
        registry.register("silent", Silent)


def test_a_venue_that_calls_itself_otherwise_is_refused():
    registry = VenueRegistry()
    registry.register("loud", Silent)
    with pytest.raises(ValueError, match="registered as 'loud', calls itself 'silent'"):
        registry.find("loud")


def test_a_fresh_registry_knows_nobody():
    assert VenueRegistry().names == ()

"""One name for a contract on every venue, there and back."""

from __future__ import annotations

import pytest

from forcedflow.errors import UsageError
from forcedflow.instruments import VENUES, Instrument, parse_symbol


@pytest.mark.parametrize(
    ("venue", "venue_symbol", "symbol"),
    [
        ("binance", "BTCUSDT", "BTC/USDT:USDT"),
        ("binance", "BTCUSDC", "BTC/USDC:USDC"),
        ("binance", "BTCUSD_PERP", "BTC/USD:BTC"),
        ("binance", "1000PEPEUSDT", "1000PEPE/USDT:USDT"),
        ("bybit", "ETHUSDT", "ETH/USDT:USDT"),
        ("bybit", "ETHPERP", "ETH/USDC:USDC"),
        ("bybit", "ETHUSD", "ETH/USD:ETH"),
        ("okx", "SOL-USDT-SWAP", "SOL/USDT:USDT"),
        ("okx", "SOL-USD-SWAP", "SOL/USD:SOL"),
        ("okx", "SOL-USDT", "SOL/USDT"),
        ("gate", "DOGE_USDT", "DOGE/USDT:USDT"),
        ("gate", "BTC_USD", "BTC/USD:BTC"),
        ("kucoin", "XBTUSDTM", "BTC/USDT:USDT"),
        ("kucoin", "ETHUSDTM", "ETH/USDT:USDT"),
        ("mexc", "BTC_USDT", "BTC/USDT:USDT"),
        ("bitget", "BTCUSDT", "BTC/USDT:USDT"),
        ("sandbox", "SIMUSDT", "SIM/USDT:USDT"),
        ("sandbox-sampled", "SIMUSDT", "SIM/USDT:USDT"),
        ("sandbox-dark", "SIMUSDT", "SIM/USDT:USDT"),
        ("hyperliquid", "kPEPE", "kPEPE/USDC:USDC"),
    ],
)
def test_a_venues_own_name_is_understood_and_given_back(venue, venue_symbol, symbol):
    instrument = parse_symbol(venue_symbol, venue)
    assert instrument.symbol == symbol
    assert instrument.venue == venue
    assert instrument.venue_symbol == venue_symbol
    assert parse_symbol(symbol, venue) == instrument


@pytest.mark.parametrize("venue", VENUES)
def test_a_bare_coin_is_the_venues_main_linear_perpetual(venue):
    instrument = parse_symbol(" BTC ", venue)
    assert instrument.kind == "linear"
    assert instrument.base == "BTC"
    assert parse_symbol(instrument.venue_symbol, venue) == instrument


def test_small_letters_mean_the_same_coin_and_contract():
    assert parse_symbol("btc") == parse_symbol("BTC")
    assert parse_symbol("btcusdt") == parse_symbol("BTCUSDT")
    assert parse_symbol("eth-usdt-swap", "okx") == parse_symbol("ETH-USDT-SWAP", "okx")
    assert parse_symbol("btc/usdt:usdt") == parse_symbol("BTC/USDT:USDT")
    assert parse_symbol("kPEPE/USDC:USDC", "hyperliquid").base == "kPEPE"
    for name in ("btc", "btc/usdc:usdc"):
        assert parse_symbol(name, "hyperliquid").symbol == "BTC/USDC:USDC"


@pytest.mark.parametrize("venue", ["okx", "gate", "kucoin", "mexc", "bitget"])
def test_the_joined_name_is_understood_of_venues_that_write_another(venue):
    assert parse_symbol("BTCUSDT", venue) == parse_symbol("BTC/USDT:USDT", venue)


@pytest.mark.parametrize(
    ("symbol", "kind"),
    [("BTC/USDT:USDT", "linear"), ("BTC/USD:BTC", "inverse"), ("BTC/USDT", "spot")],
)
def test_the_kind_follows_from_what_it_settles_in(symbol, kind):
    assert parse_symbol(symbol).kind == kind


@pytest.mark.parametrize("text", ["", "BTC USDT", "BTC/USDT:", "BTC//USDT", "-", "BTC:USDT"])
def test_what_is_no_symbol_is_refused_with_examples(text):
    with pytest.raises(UsageError, match=r"is no symbol that binance uses\nhint: write BTC"):
        parse_symbol(text)


def test_ticks_and_contract_sizes_are_left_to_the_venue():
    assert parse_symbol("BTC") == Instrument("binance", "BTC", "USDT", "USDT", None, 1.0)

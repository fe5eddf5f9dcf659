"""One exchange as ccxt knows it: our HTTP client asks, ccxt words the question and the answer.

In:  an exchange's id and where it answers.   Out: answers of ccxt's methods as JSON, and contracts.
Imports ccxt when it is made, never before: it takes seconds and a hundred megabytes.

ccxt's own transport is left out over HTTP. So limits, pauses, repetitions, the proxy and the
counting of bytes are those of every other venue.
"""

from __future__ import annotations

import importlib
import re
import threading
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from forcedflow.errors import (
    BlockedError,
    ForcedflowError,
    FrameError,
    NotThereError,
    RateLimitedError,
    UsageError,
    VenueError,
)
from forcedflow.instruments import Instrument
from forcedflow.venues.base import UNDECODABLE
from forcedflow.venues.ccxt_bridge.spec import OWN, venue_name
from forcedflow.venues.connector import Endpoints, Http, RateLimit

# ccxt would space requests evenly; so many at once are as many as soon after another.
_REQUESTS_A_WINDOW: Final = 10
_SHORTEST_WINDOW_S: Final = 2.0
# ccxt counts requests in fractions, our limiter in whole numbers.
_UNITS_A_REQUEST: Final = 10
_DEFAULT_SPACING_MS: Final = 1000.0
# So many trades of a symbol may come between two of our turns before the oldest are lost.
_TRADES_HELD: Final = 10_000
_ROOT: Final = re.compile(r"^(?P<scheme>https?|wss?)://[^/]+")


class CcxtExchange:
    """ccxt's description of one exchange, spoken over our own HTTP client. Thread-safe.

    Parameters
    ----------
    exchange : str
        ccxt's id, such as ``bingx``.
    endpoints : Endpoints, optional
        Where it answers, if elsewhere than ccxt says; an empty root leaves what ccxt says.

    Raises
    ------
    UsageError
        If ccxt is not installed, does not know the exchange, or it has a connector of its own.
    """

    def __init__(self, exchange: str, endpoints: Endpoints | None = None) -> None:
        if exchange in OWN:
            raise UsageError(
                f"{exchange} needs no bridge\nhint: write {OWN[exchange]} as the venue"
            )
        self.id: Final = exchange
        self.venue: Final = venue_name(exchange)
        self.endpoints: Final = endpoints or Endpoints(rest="", stream="")
        self._ccxt: Final = _import_ccxt()
        known = getattr(self._ccxt, exchange, None) if exchange in self._ccxt.exchanges else None
        if known is None:
            raise UsageError(
                f"ccxt {self._ccxt.__version__} knows no exchange {exchange!r}\n"
                "hint: docs/venues/ccxt.md says how venues are named"
            )
        self._asking: Final = threading.local()
        self._lock: Final = threading.Lock()
        self._dialect: Final = _spoken(known, self.venue, self._asking)({"enableRateLimit": True})
        self._redirect(self._dialect.urls)
        self._dialect.has["fetchCurrencies"] = False  # nothing of it is needed, much of it private
        self._contracts: tuple[Instrument, ...] | None = None
        pro = getattr(importlib.import_module("ccxt.pro"), exchange, None)
        self._pro: Final = pro
        self.has: Final[Mapping[str, object]] = dict(self._dialect.has)
        self.streams: Final[Mapping[str, object]] = {} if pro is None else dict(pro().has)
        self.bars: Final[Mapping[str, object]] = dict(self._dialect.timeframes or {})

    @property
    def rate_limit(self) -> RateLimit:
        """How fast ccxt says that it may be asked."""
        spacing_s = float(self._dialect.rateLimit or _DEFAULT_SPACING_MS) / 1000
        window_s = max(_SHORTEST_WINDOW_S, _REQUESTS_A_WINDOW * spacing_s)
        weight = int(_UNITS_A_REQUEST * window_s / spacing_s)
        return RateLimit(weight=weight, window_s=window_s, concurrent=2)

    def instruments(self, http: Http) -> tuple[Instrument, ...]:
        """Return the linear perpetuals that are traded, asked for once.

        Left out are contracts whose size ccxt does not tell, and names that are no coins.

        Raises
        ------
        VenueError
            If the exchange refuses.
        FrameError
            If its reply is not what ccxt expects.
        """
        with self._lock:
            if self._contracts is None:
                self._call(http, "load_markets", (), {})
                markets = self._dialect.markets.values()
                found = (_instrument(self.venue, market, self._tick_of) for market in markets)
                self._contracts = tuple(one for one in found if one is not None)
            return self._contracts

    def ask(self, http: Http, method: str, *arguments: object, **named: object) -> bytes:
        """Return the answer of one of ccxt's methods, as JSON.

        Raises
        ------
        VenueError
            If the exchange refuses; `BlockedError`, `RateLimitedError` and `NotThereError` where it
            is one of these.
        FrameError
            If its reply is not what ccxt expects.
        """
        self.instruments(http)
        return encode(self._call(http, method, arguments, named))

    def takes_end(self, method: str) -> bool:
        """Return whether a method of ccxt's takes the end of a span.

        Its own description alone says so. An exchange that is sent what it does not know may refuse
        the question.
        """
        described = "fetch_ohlcv" if method.endswith("_ohlcv") else method
        return "params.until" in (getattr(type(self._dialect), described).__doc__ or "")

    def follow(self, proxy: str | None) -> Any:
        """Return ccxt's streaming client of the exchange, which knows the contracts already.

        Raises
        ------
        UsageError
            If ccxt does not follow the exchange.
        """
        if self._pro is None or self._dialect.markets is None:
            raise UsageError(f"{self.venue} cannot be followed before its contracts are known")
        client = self._pro(
            {
                "enableRateLimit": True,
                "newUpdates": True,
                # Equal fills of one moment are fills all the same.
                "options": {
                    "tradesLimit": _TRADES_HELD,
                    "watchTrades": {"ignoreDuplicates": False},
                    "watchTradesForSymbols": {"ignoreDuplicates": False},
                },
            }
        )
        self._redirect(client.urls)
        if proxy is not None:
            client.httpsProxy = client.wssProxy = proxy
        client.set_markets_from_exchange(self._dialect)
        return client

    def error_of(self, error: Exception) -> VenueError | None:
        """Return what an error of ccxt's is here, or None where it is none of ccxt's."""
        if not isinstance(error, self._ccxt.BaseError):
            return None
        problem = " ".join(str(error).split())[:300] or type(error).__name__
        if isinstance(error, self._ccxt.PermissionDenied):
            return BlockedError(self.venue, problem)
        if isinstance(error, self._ccxt.RateLimitExceeded):
            return RateLimitedError(self.venue, problem, self.rate_limit.window_s)
        if isinstance(error, self._ccxt.BadSymbol):
            return NotThereError(self.venue, problem)
        return VenueError(self.venue, problem)

    def _call(
        self, http: Http, method: str, arguments: tuple[object, ...], named: dict[str, object]
    ) -> Any:
        self._asking.http = http
        try:
            return getattr(self._dialect, method)(*arguments, **named)
        except ForcedflowError:
            raise
        except Exception as error:
            known = self.error_of(error)
            if known is not None:
                raise known from error
            # ccxt takes a reply of another shape apart until something gives way.
            problem = f"ccxt cannot read the reply: {type(error).__name__}: {error}"
            raise FrameError(self.venue, method, problem, b"") from error
        finally:
            self._asking.http = None

    def _redirect(self, urls: dict[str, Any]) -> None:
        if self.endpoints.rest or self.endpoints.stream:
            urls["api"] = _redirected(urls["api"], self.endpoints)

    def _tick_of(self, market: Mapping[str, Any]) -> float | None:
        price = market["precision"]["price"]
        if price is None:
            return None
        mode = self._dialect.precisionMode
        if mode == self._ccxt.TICK_SIZE:
            return float(price) if price > 0 else None
        if mode == self._ccxt.DECIMAL_PLACES:
            return float(10.0 ** -int(price))
        return None  # significant digits are no tick


def encode(value: object) -> bytes:
    """Return a value of ccxt's as JSON; numbers of its own kind become text."""
    return msgspec.json.encode(value, enc_hook=str)


def _import_ccxt() -> Any:
    try:
        return importlib.import_module("ccxt")
    except ImportError as error:
        raise UsageError(
            f"venues by way of ccxt need {error.name}\nhint: pip install 'forcedflow[ccxt]'"
        ) from error


def _spoken(known: Any, venue: str, asking: threading.local) -> Any:
    """Return ccxt's class of an exchange with our client in place of its transport."""

    def throttle(_self: object, cost: float | None = None) -> None:
        asking.cost = cost or 1.0  # our limiter waits

    def fetch(
        self: Any,
        url: str,
        method: str = "GET",
        headers: object = None,
        body: str | bytes | None = None,
    ) -> Any:
        weight = max(1, round(_UNITS_A_REQUEST * getattr(asking, "cost", 1.0)))
        raw = _send(asking.http, venue, url, method, body, weight)
        text = raw.decode(errors="replace")
        reply = self.parse_json(text)
        self.handle_errors(200, "OK", url, method, {}, text, reply, headers or {}, body)
        if reply is None:
            raise FrameError(venue, url.partition("?")[0], "no JSON", raw)
        return reply

    return type(known.__name__, (known,), {"throttle": throttle, "fetch": fetch})


def _send(
    http: Http, venue: str, url: str, method: str, body: str | bytes | None, weight: int
) -> bytes:
    if method == "GET":
        return http.get(url, weight=weight)
    try:
        said = msgspec.json.decode(body or b"{}", type=dict[str, object])
    except UNDECODABLE as error:
        problem = f"{method} {url.partition('?')[0]}: only questions in JSON are asked"
        raise VenueError(venue, problem) from error
    if method != "POST":
        raise VenueError(venue, f"{method} is no way to ask for market data")
    return http.post(url, said, weight=weight)


def _redirected(urls: Any, endpoints: Endpoints) -> Any:
    if isinstance(urls, dict):
        return {name: _redirected(one, endpoints) for name, one in urls.items()}
    if not isinstance(urls, str) or (matched := _ROOT.match(urls)) is None:
        return urls
    root = endpoints.stream if matched["scheme"].startswith("ws") else endpoints.rest
    return root.rstrip("/") + urls[matched.end() :] if root else urls


def _instrument(venue: str, market: Mapping[str, Any], tick_of: Any) -> Instrument | None:
    is_linear = market.get("swap") is True and market.get("linear") is True
    size = market.get("contractSize")
    if not is_linear or market.get("active") is False or not size:
        return None
    found = Instrument(
        venue,
        market["base"],
        market["quote"],
        market["settle"],
        tick_size=tick_of(market),
        contract_size=float(size),
    )
    is_named = found.base.isalnum() and found.symbol == market["symbol"] and found.kind == "linear"
    return found if is_named else None

"""The reader of Binance: frames of its streams and polls to rows, in the order in which they came.

In:  frames.   Out: rows of declared tables, and requests for what a gap has cost.
Free of sockets and of the clock: time is what frames carry, so a replay gives the same rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from forcedflow.instruments import Instrument
from forcedflow.store.raw_log import Frame
from forcedflow.units import MINUTE_MS
from forcedflow.venues.base import PRECEDENCE_STREAM
from forcedflow.venues.binance import (
    parse_brackets,
    parse_current,
    parse_history,
    parse_statistics,
)
from forcedflow.venues.binance.bars import add_bar, problem_of
from forcedflow.venues.binance.contract import Contract, contract_of
from forcedflow.venues.binance.decoding import refuse, to_ms
from forcedflow.venues.binance.depth_sync import DepthSync
from forcedflow.venues.binance.parse_stream import (
    AggTrade,
    ContractInfo,
    DepthUpdate,
    ForceOrder,
    Kline,
    MarkPrice,
    belongs_to,
    parse_event,
)
from forcedflow.venues.binance.rest import RATIO_ENDPOINTS
from forcedflow.venues.binance.spec import (
    COMPLETENESS,
    DEFAULT_FUNDING_HOURS,
    INTERVAL_MS,
    NAME,
    Market,
)
from forcedflow.venues.binance.stream import depth_request, funding_request, premium_request
from forcedflow.venues.connector import Endpoints, Request
from forcedflow.venues.row_buffer import RowBuffer

_NOTHING: Final[tuple[Request, ...]] = ()


class BinanceReader:
    """Implements `forcedflow.venues.connector.Reader`.

    Parameters
    ----------
    instruments : sequence of Instrument
        Messages about others give no rows.
    endpoints : Endpoints
        Where the requests it hands back go.
    """

    def __init__(self, instruments: Sequence[Instrument], endpoints: Endpoints) -> None:
        contracts = [contract_of(instrument) for instrument in instruments]
        self._endpoints: Final = endpoints
        # BTCUSDT is a perpetual and a spot pair; the connection tells which.
        self._spot: Final = {each.name: each for each in contracts if each.market == "spot"}
        self._futures: Final = {each.name: each for each in contracts if each.market != "spot"}
        self._books: Final = {name: DepthSync(each) for name, each in self._futures.items()}
        self._books_on: Final[dict[str, set[str]]] = {}
        self._mark_prices: Final[dict[str, float]] = {}
        self._funding_minute: Final[dict[str, int]] = {}
        self._adjusted_hours: Final[dict[str, dict[str, float]]] = {}
        self._asked_hours: Final[set[Market]] = set()
        # Of what is polled with overlap: the last event that became a row.
        self._newest: Final[dict[str, int]] = {}
        self._handlers: Final[Mapping[type, Callable[..., Sequence[Request]]]] = {
            AggTrade: self._trade,
            Kline: self._kline,
            MarkPrice: self._mark_price,
            DepthUpdate: self._depth_update,
            ContractInfo: self._contract_info,
        }

    @property
    def gaps(self) -> int:
        """Return how often the sequence of a book broke."""
        return sum(book.gaps for book in self._books.values())

    def read(self, frame: Frame, rows: RowBuffer) -> Sequence[Request]:
        """Add a frame's rows, and return what must be asked for because of it.

        Raises
        ------
        FrameError
            If it cannot be read; the reader stays usable and ``rows`` has nothing of the frame.
        """
        if frame.kind == "message":
            event = parse_event(frame.raw)
            if event is None:
                return _NOTHING
            if isinstance(event, ForceOrder):
                return self._force_order(event, rows)
            on_spot = frame.connection.startswith("spot")
            contract = (self._spot if on_spot else self._futures).get(event.name)
            if contract is None or not belongs_to(event.st, coin_margined=contract.market == "cm"):
                return _NOTHING
            return self._handlers[type(event)](event, contract, frame, rows)
        if frame.kind == "response":
            return self._response(frame, rows)
        for name in self._books_on.pop(frame.connection, ()):
            self._books[name].forget()
        return _NOTHING

    def _force_order(self, event: ForceOrder, rows: RowBuffer) -> Sequence[Request]:
        order = event.order
        contract = self._futures.get(order.name)
        st = order.st or event.st
        if contract is None or not belongs_to(st, coin_margined=contract.market == "cm"):
            return _NOTHING
        # An order that has not filled yet has closed nothing and has no price.
        if not (order.filled and order.average_price):
            return _NOTHING
        price = order.average_price
        rows.add(
            "liquidations",
            contract.symbol,
            order.time,
            order.time,
            # The order closes the position: a sale liquidates a long.
            "long" if order.side == "SELL" else "short",
            price,
            "fill",
            contract.coins(order.filled, price),
            contract.usd(order.filled, price),
            "",
            COMPLETENESS,
            source=f"{NAME}:forceOrder",
            precedence=PRECEDENCE_STREAM,
        )
        return _NOTHING

    def _trade(
        self, event: AggTrade, contract: Contract, _frame: Frame, rows: RowBuffer
    ) -> Sequence[Request]:
        time_ms = to_ms(event.time)
        rows.add(
            "trades",
            contract.symbol,
            time_ms,
            time_ms,
            str(event.trade_id),
            event.price,
            contract.coins(event.quantity, event.price),
            "sell" if event.buyer_is_maker else "buy",
            source=f"{NAME}:aggTrade",
            precedence=PRECEDENCE_STREAM,
        )
        return _NOTHING

    def _kline(
        self, event: Kline, contract: Contract, frame: Frame, rows: RowBuffer
    ) -> Sequence[Request]:
        bar = event.bar
        if not bar.closed:
            return _NOTHING
        interval_ms = INTERVAL_MS.get(bar.interval)
        if interval_ms is None:
            refuse("kline", f"{bar.interval!r} is no bar length that was asked for", frame.raw)
        prices = (bar.open, bar.high, bar.low, bar.close)
        if problem := problem_of(prices):
            refuse("kline", problem, frame.raw)
        add_bar(
            rows,
            contract,
            "spot" if contract.market == "spot" else "last",
            interval_ms,
            to_ms(bar.open_time),
            prices,
            (bar.volume, bar.quote_volume, bar.taker_buy, bar.taker_buy_quote, bar.count),
            source=f"{NAME}:kline",
            precedence=PRECEDENCE_STREAM,
        )
        return _NOTHING

    def _mark_price(
        self, event: MarkPrice, contract: Contract, frame: Frame, rows: RowBuffer
    ) -> Sequence[Request]:
        """Remember the mark price; keep the first funding estimate of each minute."""
        minute = event.time // MINUTE_MS
        if event.funding_rate and minute > self._funding_minute.get(contract.name, -1):
            rate = parse_current.to_rate(event.funding_rate)
            if rate is None:
                refuse("markPriceUpdate", "its funding rate is no rate", frame.raw)
            self._funding_minute[contract.name] = minute
            rows.add(
                "funding",
                contract.symbol,
                event.time,
                event.time,
                "predicted",
                rate,
                self._interval_hours(contract),
                source=f"{NAME}:markPrice",
                precedence=PRECEDENCE_STREAM,
            )
        self._mark_prices[contract.name] = event.price
        if contract.market in self._asked_hours:
            return _NOTHING
        # The poll for the intervals may be an hour away.
        self._asked_hours.add(contract.market)
        return (funding_request(self._endpoints, contract.market),)

    def _depth_update(
        self, event: DepthUpdate, contract: Contract, frame: Frame, rows: RowBuffer
    ) -> Sequence[Request]:
        self._books_on.setdefault(frame.connection, set()).add(contract.name)
        if self._books[contract.name].update(event, rows):
            return (depth_request(self._endpoints, contract),)
        return _NOTHING

    def _contract_info(
        self, event: ContractInfo, contract: Contract, frame: Frame, rows: RowBuffer
    ) -> Sequence[Request]:
        parse_brackets.add_pushed_brackets(event.brackets, rows, contract, frame.raw, event.time)
        return _NOTHING

    def _response(self, frame: Frame, rows: RowBuffer) -> Sequence[Request]:
        """Read the answer to a poll or to a request of ours, by the name that `stream` gave it."""
        raw, received_ms = frame.raw, frame.received_ms
        _, market, endpoint, *of = frame.connection.split(":")
        if endpoint == "fundingInfo":
            self._adjusted_hours[market] = parse_current.parse_funding_intervals(raw)
            return _NOTHING
        if endpoint == "brackets":
            parse_brackets.parse_web_brackets(raw, rows, self._futures, received_ms)
            return _NOTHING
        contract = self._futures.get(of[0])
        if contract is None:
            return _NOTHING
        match endpoint:
            case "depth":
                if self._books[contract.name].replace(parse_current.parse_depth(raw), rows):
                    return (depth_request(self._endpoints, contract),)
            case "openInterest":
                mark_price = self._mark_prices.get(contract.name)
                parse_current.parse_open_interest(raw, rows, contract, mark_price, received_ms)
                if mark_price is None:
                    return (premium_request(self._endpoints, contract),)
            case "premiumIndex":
                hours = self._interval_hours(contract)
                price = parse_current.parse_premium_index(raw, rows, contract, hours, received_ms)
                # A streamed price that came meanwhile is the newer one.
                self._mark_prices.setdefault(contract.name, price)
            case "markPriceKlines" | "indexPriceKlines":
                self._newest[frame.connection] = parse_history.parse_recent_klines(
                    raw,
                    rows,
                    contract,
                    "mark" if endpoint == "markPriceKlines" else "index",
                    INTERVAL_MS[of[1]],
                    after_ms=self._newest.get(frame.connection, 0),
                    received_ms=received_ms,
                )
            case _:
                self._ratios(frame, endpoint, contract, rows)
        return _NOTHING

    def _ratios(self, frame: Frame, endpoint: str, contract: Contract, rows: RowBuffer) -> None:
        for kind, known in RATIO_ENDPOINTS[contract.market].items():
            if known == endpoint:
                self._newest[frame.connection] = parse_statistics.parse_ratios(
                    frame.raw,
                    rows,
                    contract,
                    kind,
                    after_ms=self._newest.get(frame.connection, 0),
                    received_ms=frame.received_ms,
                )

    def _interval_hours(self, contract: Contract) -> float | None:
        adjusted = self._adjusted_hours.get(contract.market)
        return None if adjusted is None else adjusted.get(contract.name, DEFAULT_FUNDING_HOURS)

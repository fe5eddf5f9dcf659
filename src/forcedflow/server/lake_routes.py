"""Endpoints of what the lake holds: markets, series, coverage, venues, calendar.

In:  requests.   Out: what `forcedflow.answers` says, as bytes.
Free of any computing of their own.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from forcedflow.answers import calendar, coverage, markets, series, venues, whales
from forcedflow.answers.instrument import choose_instrument
from forcedflow.answers.times import parse_duration
from forcedflow.econ_calendar.funding_stamps import USUAL_INTERVAL_HOURS
from forcedflow.errors import UsageError
from forcedflow.instruments import parse_symbol
from forcedflow.playbook.checklist import ORDER_USD
from forcedflow.positions.whales import MOST
from forcedflow.server.parameters import At, Range, Symbol, Usd, Venue
from forcedflow.server.reply import JSON, Replies
from forcedflow.units import DAY_MS

_LONGEST_CALENDAR_MS = 732 * DAY_MS


def lake_routes(replies: Replies) -> APIRouter:
    """Return the endpoints of what is held."""
    routes, desk, lake = APIRouter(tags=["lake"]), replies.desk, replies.desk.lake

    @routes.get("/markets", responses=JSON, response_class=Response)
    async def market_list(request: Request, at: At = None) -> Response:
        """Return the markets held, and from when to when."""
        at_ms = desk.moment(at)
        return await replies.json(request, (at_ms,), lambda: markets.ask(lake, at_ms))

    @routes.get("/series", responses=JSON, response_class=Response)
    async def series_columns(
        request: Request,
        symbol: Symbol,
        venue: Venue = "binance",
        at: At = None,
        range_: Range = "7d",
        step: Annotated[str, Query(pattern=r"^[0-9]{1,4}[mhd]$")] = "5m",
        names: Annotated[
            str,
            Query(
                description=f"By commas, of {', '.join(series.NAMES)}; all by default.",
                max_length=120,
                pattern=r"^([a-z_]+(,[a-z_]+)*)?$",
            ),
        ] = "",
    ) -> Response:
        """Return candles, open interest, funding, liquidations and flows over time."""
        at_ms, span_ms, step_ms = desk.moment(at), parse_duration(range_), parse_duration(step)
        chosen = tuple(dict.fromkeys(name for name in names.split(",") if name))
        series.check(chosen, span_ms, step_ms)
        return await replies.json(
            request,
            (symbol, venue, at_ms, span_ms, step_ms, chosen),
            lambda: series.ask(
                lake,
                choose_instrument(lake, symbol, venue),
                at_ms,
                span_ms=span_ms,
                step_ms=step_ms,
                names=chosen,
            ),
        )

    @routes.get("/coverage", responses=JSON, response_class=Response)
    async def coverage_rows(
        request: Request,
        symbols: Annotated[
            str,
            Query(
                description="By commas; all by default.",
                max_length=400,
                pattern=r"^([A-Za-z0-9/:_\-]+(,[A-Za-z0-9/:_\-]+)*)?$",
            ),
        ] = "",
        venue: Annotated[
            str | None,
            Query(
                description="By commas; all by default.",
                min_length=1,
                max_length=200,
                pattern=r"^[A-Za-z0-9_\-]+(,[A-Za-z0-9_\-]+)*$",
            ),
        ] = None,
    ) -> Response:
        """Return what is held now, its gaps and what each feed is worth."""
        chosen = tuple(name for name in symbols.split(",") if name)
        return await replies.json(
            request, (chosen, venue), lambda: coverage.ask(lake, chosen, venue), slow=True
        )

    @routes.get("/venues", responses=JSON, response_class=Response)
    async def venue_conditions(
        request: Request, symbol: Symbol, order: Usd = ORDER_USD, at: At = None
    ) -> Response:
        """Return where to trade: depth, slippage, fees, leverage and feeds of every venue."""
        at_ms, base = desk.moment(at), parse_symbol(symbol).base
        return await replies.json(
            request, (base, order, at_ms), lambda: venues.ask(lake, base, order, at_ms)
        )

    @routes.get("/whales", responses=JSON, response_class=Response)
    async def whale_positions(
        request: Request,
        symbol: Symbol,
        venue: Venue = "hyperliquid",
        at: At = None,
        most: Annotated[
            int, Query(ge=1, le=whales.MOST_LISTED, description="At most so many.")
        ] = MOST,
    ) -> Response:
        """Return the largest published positions and where the venue would close them."""
        at_ms = desk.moment(at)
        return await replies.json(
            request,
            (symbol, venue, at_ms, most),
            lambda: whales.ask(lake, choose_instrument(lake, symbol, venue), at_ms, most),
        )

    @routes.get("/calendar", responses=JSON, response_class=Response)
    async def calendar_events(
        request: Request,
        at: At = None,
        from_: Annotated[
            str | None, Query(alias="from", min_length=4, max_length=40, description="Inclusive.")
        ] = None,
        to: Annotated[
            str | None, Query(min_length=4, max_length=40, description="Exclusive.")
        ] = None,
        venue: Annotated[
            str, Query(description=f"One of {', '.join(USUAL_INTERVAL_HOURS)}.", max_length=40)
        ] = "binance",
    ) -> Response:
        """Return scheduled events as known at the moment, and what is missing."""
        at_ms = desk.moment(at)
        from_ms = at_ms if from_ is None else desk.moment(from_)
        to_ms = from_ms + calendar.SHOWN_MS if to is None else desk.moment(to)
        if to_ms - from_ms > _LONGEST_CALENDAR_MS:
            raise UsageError("the calendar shows two years at most")
        return await replies.json(
            request,
            (at_ms, from_ms, to_ms, venue),
            lambda: calendar.ask(lake, at_ms, from_ms, to_ms, venue),
        )

    return routes

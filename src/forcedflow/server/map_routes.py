"""Endpoints of the map: heatmap, zones, ladder, what-if, cascade, CoinGlass's shapes.

In:  requests.   Out: what `forcedflow.answers` says, as bytes.
Free of any computing of their own.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from forcedflow.answers import cascade, coinglass, heatmap, joint, ladder, max_pain, whatif, zones
from forcedflow.answers.instrument import choose_instrument
from forcedflow.answers.model import read_map
from forcedflow.answers.move import parse_move
from forcedflow.answers.times import parse_duration
from forcedflow.errors import UsageError
from forcedflow.positions.max_pain import REACH
from forcedflow.server.answer_cache import Answer
from forcedflow.server.parameters import (
    At,
    Model,
    Move,
    OptionalUsd,
    Price,
    Range,
    Scenarios,
    Symbol,
    Venue,
    Venues,
)
from forcedflow.server.reply import JSON, Replies, other
from forcedflow.units import DAY_MS

OCTETS = "application/octet-stream"

_LONGEST_MS = 2 * 366 * DAY_MS

Reach = Annotated[
    float,
    Query(
        ge=ladder.LEAST_REACH,
        le=ladder.MOST_REACH,
        allow_inf_nan=False,
        description="Window on either side of the mark, as a fraction of it.",
    ),
]


def map_routes(replies: Replies) -> APIRouter:  # noqa: C901, PLR0915 - one endpoint after the other
    """Return the endpoints of the map."""
    routes, desk, lake = APIRouter(tags=["map"]), replies.desk, replies.desk.lake

    @routes.get("/heatmap", responses=other(OCTETS), response_class=Response)
    async def heatmap_tile(
        request: Request,
        symbol: Symbol,
        venue: Venues = "binance",
        at: At = None,
        model: Model = None,
        range_: Range = "7d",
        side: Annotated[heatmap.Shown, Query(description="each: two planes.")] = "both",
        tiers: Annotated[
            str,
            Query(
                description="Leverage tiers by place, such as 0,1.",
                pattern=r"^([0-4](,[0-4]){0,4})?$",
            ),
        ] = "",
    ) -> Response:
        """Return the picture: length of the header, header in JSON, one byte a cell.

        Of several venues it is what stands on all of them, on the first one's axes.
        """
        at_ms, span_ms = desk.moment(at), _span(range_)
        chosen = tuple(sorted({int(tier) for tier in tiers.split(",") if tier}))

        def make() -> Answer:
            if "," in venue:
                found = joint.choose_instruments(lake, symbol, venue)
                maps = joint.read_maps(lake, found, at_ms, model, picture_span_ms=span_ms)
                return Answer(heatmap.pack(*joint.tile(maps, side, chosen)), OCTETS)
            instrument = choose_instrument(lake, symbol, venue)
            mapped = read_map(lake, instrument, at_ms, model, picture_span_ms=span_ms)
            return Answer(heatmap.pack(*heatmap.tile(mapped, side, chosen)), OCTETS)

        asked = (symbol, venue, at_ms, model, span_ms, side, chosen)
        return await replies.bytes(request, asked, make)

    @routes.get("/heatmap.json", responses=JSON, response_class=Response)
    async def heatmap_json(
        request: Request,
        symbol: Symbol,
        venue: Venue = "binance",
        at: At = None,
        model: Model = None,
        range_: Range = "7d",
    ) -> Response:
        """Return what ``forcedflow heatmap --json`` prints."""
        at_ms, span_ms = desk.moment(at), _span(range_)
        return await replies.json(
            request,
            (symbol, venue, at_ms, model, span_ms),
            lambda: heatmap.ask(
                lake, choose_instrument(lake, symbol, venue), at_ms, span_ms, model
            ),
        )

    @routes.get("/zones", responses=JSON, response_class=Response)
    async def zone_list(
        request: Request,
        symbol: Symbol,
        venue: Venues = "binance",
        at: At = None,
        model: Model = None,
    ) -> Response:
        """Return the clusters of estimated liquidations around the price, of venues together."""
        at_ms = desk.moment(at)

        def make() -> dict[str, Any]:
            if "," in venue:
                found = joint.choose_instruments(lake, symbol, venue)
                return joint.zones(joint.read_maps(lake, found, at_ms, model))
            return zones.ask(lake, choose_instrument(lake, symbol, venue), at_ms, model)

        return await replies.json(request, (symbol, venue, at_ms, model), make)

    @routes.get("/ladder", responses=JSON, response_class=Response)
    async def ladder_profile(
        request: Request,
        symbol: Symbol,
        venue: Venues = "binance",
        at: At = None,
        model: Model = None,
        reach: Reach = 0.10,
        bins: Annotated[int, Query(ge=ladder.LEAST_BINS, le=ladder.MOST_BINS)] = 120,
    ) -> Response:
        """Return how much stands at every price, by side and leverage tier, of venues together."""
        at_ms = desk.moment(at)

        def make() -> dict[str, Any]:
            if "," in venue:
                found = joint.choose_instruments(lake, symbol, venue)
                maps = joint.read_maps(lake, found, at_ms, model)
                return joint.ladder(maps, reach=reach, bins=bins)
            instrument = choose_instrument(lake, symbol, venue)
            return ladder.ask(lake, instrument, at_ms, reach=reach, bins=bins, model=model)

        return await replies.json(request, (symbol, venue, at_ms, model, reach, bins), make)

    @routes.get("/maxpain", responses=JSON, response_class=Response)
    async def max_pain_prices(
        request: Request,
        symbol: Symbol,
        venue: Venue = "binance",
        at: At = None,
        model: Model = None,
        reach: Annotated[
            float,
            Query(
                ge=max_pain.LEAST_REACH,
                le=max_pain.MOST_REACH,
                allow_inf_nan=False,
                description="Window on either side of the mark, as a fraction of it.",
            ),
        ] = REACH,
    ) -> Response:
        """Return around which price of either side the most would be closed."""
        at_ms = desk.moment(at)
        return await replies.json(
            request,
            (symbol, venue, at_ms, model, reach),
            lambda: max_pain.ask(
                lake, choose_instrument(lake, symbol, venue), at_ms, reach=reach, model=model
            ),
        )

    @routes.get("/whatif", responses=JSON, response_class=Response)
    async def what_if(
        request: Request,
        symbol: Symbol,
        venue: Venue = "binance",
        at: At = None,
        model: Model = None,
        to: Price = None,
        move: Move = None,
    ) -> Response:
        """Return what would be liquidated on the way to a price; state a price or a move."""
        fraction = None if move is None else parse_move(move, "move")
        whatif.check(to, fraction)
        at_ms = desk.moment(at)
        return await replies.json(
            request,
            (symbol, venue, at_ms, model, to, fraction),
            lambda: whatif.ask(
                lake,
                choose_instrument(lake, symbol, venue),
                at_ms,
                to=to,
                move=fraction,
                model=model,
            ),
        )

    @routes.get("/cascade", responses=JSON, response_class=Response)
    async def dominoes(
        request: Request,
        symbol: Symbol,
        venue: Venues = "binance",
        at: At = None,
        model: Model = None,
        shock: Move = None,
        from_price: Price = None,
        order: Annotated[
            float | None,
            Query(ge=-1e12, le=1e12, allow_inf_nan=False, description="Negative sells. [USD]"),
        ] = None,
        scenarios: Scenarios = 2_000,
        horizon: Annotated[str, Query(pattern=r"^[0-9]{1,6}[smhd]$")] = "4h",
        seed: Annotated[int, Query(ge=0, le=2**31 - 1)] = 1,
        depth_usd: OptionalUsd = None,
    ) -> Response:
        """Return which cluster would fall next, how far, how likely; state one start at most."""
        options = cascade.CascadeOptions(
            shock=None if shock is None else parse_move(shock, "shock"),
            from_price=from_price,
            order=order,
            scenarios=scenarios,
            horizon_ms=parse_duration(horizon),
            seed=seed,
            depth_usd=depth_usd,
            model=model,
        )
        names = venue.split(",")
        if len(set(names)) < len(names):
            raise UsageError(f"{venue!r} names a venue twice")
        at_ms = desk.moment(at)
        return await replies.json(
            request,
            (symbol, venue, at_ms, options),
            lambda: cascade.ask(
                lake, [choose_instrument(lake, symbol, name) for name in names], at_ms, options
            ),
        )

    @routes.get("/coinglass/heatmap", responses=JSON, response_class=Response)
    async def coinglass_heatmap(
        request: Request,
        symbol: Symbol,
        venue: Venue = "binance",
        at: At = None,
        model: Model = None,
        range_: Range = "24h",
    ) -> Response:
        """Return the heatmap in CoinGlass's shape."""
        at_ms, span_ms = desk.moment(at), _span(range_)
        return await replies.json(
            request,
            (symbol, venue, at_ms, model, span_ms),
            lambda: coinglass.ask_heatmap(
                lake, choose_instrument(lake, symbol, venue), at_ms, span_ms, model
            ),
        )

    @routes.get("/coinglass/map", responses=JSON, response_class=Response)
    async def coinglass_map(
        request: Request,
        symbol: Symbol,
        venue: Venue = "binance",
        at: At = None,
        model: Model = None,
        reach: Reach = 0.25,
    ) -> Response:
        """Return what stands at every price in CoinGlass's shape."""
        at_ms = desk.moment(at)
        return await replies.json(
            request,
            (symbol, venue, at_ms, model, reach),
            lambda: coinglass.ask_map(
                lake, choose_instrument(lake, symbol, venue), at_ms, reach, model
            ),
        )

    return routes


def _span(text: str) -> int:
    span_ms = parse_duration(text)
    if span_ms > _LONGEST_MS:
        raise UsageError("a picture spans two years at most\nhint: range=1y")
    return span_ms

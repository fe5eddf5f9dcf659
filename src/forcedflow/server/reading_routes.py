"""Endpoints of what is read off a market: signals, checklist, playbook, records, scan.

In:  requests.   Out: what `forcedflow.answers` says, as bytes.
Free of any computing of their own.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Query, Request, Response

from forcedflow.answers import (
    checklist,
    forecast,
    forecast_course,
    playbook,
    scan,
    scorecard,
    signals,
)
from forcedflow.answers.instrument import choose_instrument
from forcedflow.answers.times import parse_duration
from forcedflow.errors import UsageError
from forcedflow.playbook.checklist import ORDER_USD
from forcedflow.playbook.playbook import Playbook
from forcedflow.report.playbook_markdown import to_markdown
from forcedflow.server.answer_cache import Answer
from forcedflow.server.parameters import (
    At,
    Model,
    OptionalUsd,
    Percent,
    Price,
    Range,
    Scenarios,
    SideOf,
    Symbol,
    Usd,
    Venue,
)
from forcedflow.server.reply import JSON, Replies, other
from forcedflow.server.schemas import ErrorBody

_NO_PAGE: dict[int | str, dict[str, Any]] = {
    501: {"model": ErrorBody, "description": "The extra report is not installed."}
}
_NEEDED = ("matplotlib", "jinja2", "weasyprint", "pypdfium2")

_DRAWING = threading.Lock()
"""The libraries that lay pages out keep state of their own: one page at a time."""


class MissingExtraError(Exception):
    """What was asked for needs an extra that is not installed."""


def reading_routes(replies: Replies) -> APIRouter:
    """Return the endpoints of readings."""
    routes, desk, lake = APIRouter(tags=["readings"]), replies.desk, replies.desk.lake

    @routes.get("/signals", responses=JSON, response_class=Response)
    async def signal_readings(
        request: Request,
        symbol: Symbol,
        venue: Venue = "binance",
        at: At = None,
        model: Model = None,
    ) -> Response:
        """Return which of eight reasons for a cascade hold, and which are unknown."""
        at_ms = desk.moment(at)
        return await replies.json(
            request,
            (symbol, venue, at_ms, model),
            lambda: signals.ask(lake, choose_instrument(lake, symbol, venue), at_ms, model),
            slow=True,
        )

    @routes.get("/checklist", responses=JSON, response_class=Response)
    async def checklist_lines(
        request: Request,
        symbol: Symbol,
        venue: Venue = "binance",
        at: At = None,
        model: Model = None,
        side: SideOf = None,
        equity: OptionalUsd = None,
        risk: Percent = None,
        order: Usd = ORDER_USD,
        scenarios: Scenarios = 2_000,
    ) -> Response:
        """Return eleven questions with their answers; equity and risk go together."""
        options = checklist.ChecklistOptions(side, equity, risk, order, scenarios, model)
        at_ms = desk.moment(at)
        return await replies.json(
            request,
            (symbol, venue, at_ms, options),
            lambda: checklist.ask(lake, choose_instrument(lake, symbol, venue), at_ms, options),
            slow=True,
        )

    @routes.get("/forecast", responses=JSON, response_class=Response)
    async def told_ahead(
        request: Request, symbol: Symbol, venue: Venue = "binance", at: At = None
    ) -> Response:
        """Return how likely a cascade is and how large, hours ahead, beside its baseline."""
        at_ms = desk.moment(at)
        return await replies.json(
            request,
            (symbol, venue, at_ms),
            lambda: forecast.ask(lake, choose_instrument(lake, symbol, venue), at_ms),
            slow=True,
        )

    @routes.get("/forecast/course", responses=JSON, response_class=Response)
    async def told_over_time(
        request: Request,
        symbol: Symbol,
        venue: Venue = "binance",
        at: At = None,
        range_: Range = "7d",
        event: Annotated[
            str | None,
            Query(
                description="Whose chances; by default the first that the model tells of.",
                max_length=40,
                pattern=r"^[A-Za-z0-9 ]+$",
            ),
        ] = None,
    ) -> Response:
        """Return what was told ahead at every hour of a span of up to thirty days."""
        at_ms, span_ms = desk.moment(at), parse_duration(range_)
        return await replies.json(
            request,
            (symbol, venue, at_ms, span_ms, event),
            lambda: forecast_course.ask(
                lake, choose_instrument(lake, symbol, venue), at_ms, span_ms, event
            ),
            slow=True,
        )

    @routes.get("/scorecard", responses=JSON, response_class=Response)
    async def records(
        request: Request, symbol: Symbol, venue: Venue = "binance", at: At = None
    ) -> Response:
        """Return the records held of what this market's numbers were worth."""
        at_ms = desk.moment(at)
        return await replies.json(
            request,
            (symbol, venue, at_ms),
            lambda: scorecard.ask(lake, choose_instrument(lake, symbol, venue), at_ms),
        )

    @routes.get("/scan", responses=JSON, response_class=Response)
    async def scan_markets(
        request: Request,
        symbols: Annotated[
            str,
            Query(
                description="Symbols by commas; every contract held by default.",
                max_length=400,
                pattern=r"^[A-Za-z0-9/:_\-]*(,[A-Za-z0-9/:_\-]+){0,19}$",
            ),
        ] = "",
        venue: Annotated[
            str | None, Query(min_length=1, max_length=40, pattern=r"^[A-Za-z0-9_\-]+$")
        ] = None,
        by: scan.Order = "loading",
        at: At = None,
    ) -> Response:
        """Return markets beside each other, the most loaded first."""
        at_ms = desk.moment(at)

        def make() -> dict[str, Any]:
            names = [name for name in symbols.split(",") if name]
            chosen = [choose_instrument(lake, name, venue or "binance") for name in names]
            return scan.ask(lake, chosen, at_ms, venue=venue, by=by)

        return await replies.json(request, (symbols, venue, by, at_ms), make, slow=True)

    kept = _Kept()
    for ending, media_type in (
        ("", "application/json"),
        (".html", "text/html"),
        (".pdf", "application/pdf"),
        (".md", "text/markdown"),
    ):
        _add_playbook(routes, replies, kept, ending, media_type)
    return routes


class _Kept:
    """The newest playbooks: who reads the figures often prints the page next."""

    def __init__(self, most: int = 4) -> None:
        self._most = most
        self._kept: OrderedDict[Hashable, Playbook] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], Playbook]) -> Playbook:
        with self._lock:
            found = self._kept.get(key)
        if found is None:
            found = make()
        with self._lock:
            self._kept[key] = found
            self._kept.move_to_end(key)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return found


def _add_playbook(
    routes: APIRouter, replies: Replies, kept: _Kept, ending: str, media_type: str
) -> None:
    desk, lake = replies.desk, replies.desk.lake

    async def page(
        request: Request,
        symbol: Symbol,
        venue: Venue = "binance",
        at: At = None,
        model: Model = None,
        style: Literal["scalp", "intraday", "swing"] = "intraday",
        equity: OptionalUsd = None,
        risk: Percent = None,
        entry: Price = None,
        size: Annotated[
            float | None, Query(gt=0, le=1e12, allow_inf_nan=False, description="[base coins]")
        ] = None,
        side: SideOf = None,
        order: OptionalUsd = None,
        scenarios: Scenarios = 2_000,
    ) -> Response:
        options = playbook.PlaybookOptions(
            style, equity, risk, entry, size, side, order, scenarios, model
        )
        at_ms, write = desk.moment(at), _writer(ending)

        def make() -> Answer:
            instrument = choose_instrument(lake, symbol, venue)
            made = kept.get(
                (instrument, at_ms, options, lake.version()),
                lambda: playbook.read(lake, instrument, at_ms, options),
            )
            return Answer(write(made), media_type)

        return await replies.bytes(request, (symbol, venue, at_ms, options), make, slow=True)

    routes.add_api_route(
        f"/playbook{ending}",
        page,
        methods=["GET"],
        name=f"playbook{ending.replace('.', '_')}",
        summary=f"One market on one page, as {media_type}",
        description="entry, size and side go together, and so do equity and risk.",
        responses=JSON if not ending else other(media_type, _NO_PAGE),
        response_class=Response,
    )


def _writer(ending: str) -> Callable[[Playbook], bytes]:
    """Return what writes a page, before anything is read."""
    if not ending:
        return _to_json
    if ending == ".md":
        return lambda made: to_markdown(made).encode()
    try:
        from forcedflow.report import playbook_html  # noqa: PLC0415 - needs an extra of its own
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in _NEEDED:
            raise
        raise MissingExtraError(f"pages need {error.name}") from error
    if ending == ".pdf":
        try:
            playbook_html.check_pango()
        except UsageError as error:
            raise MissingExtraError(str(error)) from error

    def draw(made: Playbook) -> bytes:
        with _DRAWING:
            if ending == ".html":
                return playbook_html.to_html(made).encode()
            return playbook_html.to_pdf(made)

    return draw


def _to_json(made: Playbook) -> bytes:
    return msgspec.json.encode(playbook.answer(made))

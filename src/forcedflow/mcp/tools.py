"""The tools: one per stage, each the JSON that the command of the same name prints.

In:  a lake and a clock; what a model asks.   Out: answers with assumptions, ages, ``simulated``.
Reads the lake; writes nothing, sends nothing, takes no path.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Annotated, Any, Final, Literal, TypeAlias

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations
from pydantic import Field

from forcedflow import __version__
from forcedflow.answers import cascade, checklist, coverage, forecast, scorecard, whatif, zones
from forcedflow.answers.cascade import CascadeOptions
from forcedflow.answers.checklist import ChecklistOptions
from forcedflow.answers.instrument import choose_instrument
from forcedflow.answers.move import parse_move
from forcedflow.answers.times import parse_duration, parse_time
from forcedflow.errors import ForcedflowError
from forcedflow.instruments import Instrument
from forcedflow.mcp import heatmap_summary as summary
from forcedflow.store import Lake

INSTRUCTIONS: Final = (
    "Estimates of where leveraged crypto perpetual positions would be force-closed. Every answer "
    "states its assumptions, the age of its inputs (freshness) and whether it is simulated: say "
    "so when you pass figures on. Notional is an estimate if touched, not a forecast that price "
    "goes there; nothing shows that price is drawn to clusters. Missing data are unknown, not "
    "zero. Educational, never advice; no tool places an order. Start with coverage to see which "
    "markets are held."
)

AT_ONCE: Final = 2
"""Answers that are made at the same time; who comes later waits."""

PATIENCE_S: Final = 120.0
"""How long an answer waits for its turn. [s]"""

_MOST_SCENARIOS: Final = 10_000

Symbol: TypeAlias = Annotated[
    str, Field(description="BTC, BTCUSDT or BTC/USDT:USDT", min_length=1, max_length=40)
]
Venue: TypeAlias = Annotated[
    str, Field(description="venue of the contract, such as binance", max_length=40)
]
At: TypeAlias = Annotated[
    str | None,
    Field(
        description="answer exactly what was known then, such as 2026-02-05T12:00Z; now if absent",
        max_length=40,
    ),
]
Model: TypeAlias = Annotated[
    Literal["prior", "calibrated"] | None,
    Field(description="mixture of the map; what was trained by then if absent, else the prior"),
]
Scenarios: TypeAlias = Annotated[
    int, Field(description="paths simulated", ge=100, le=_MOST_SCENARIOS)
]
Answer: TypeAlias = dict[str, Any]

_READ_ONLY: Final = ToolAnnotations(
    read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False
)


def create_server(lake: Lake, clock: Callable[[], int]) -> MCPServer:
    """Return a server of read-only tools over a lake.

    Parameters
    ----------
    lake : Lake
    clock : callable
        Now, for questions that name no moment. [UTC ms]

    Returns
    -------
    MCPServer
        To be run on stdio or over HTTP.
    """
    server = MCPServer(
        "forcedflow", instructions=INSTRUCTIONS, version=__version__, log_level="WARNING"
    )
    tools = _Tools(lake, clock)
    for tool in (
        tools.heatmap_summary,
        tools.zones,
        tools.whatif,
        tools.checklist,
        tools.cascade,
        tools.forecast,
        tools.scorecard,
        tools.coverage,
    ):
        server.add_tool(tool, annotations=_READ_ONLY, structured_output=True)
    return server


class _Tools:
    """What every tool shares: the lake, the clock, how many are answered at once."""

    def __init__(self, lake: Lake, clock: Callable[[], int]) -> None:
        self._lake, self._clock = lake, clock
        self._turns = threading.Semaphore(AT_ONCE)

    def heatmap_summary(
        self, symbol: Symbol, venue: Venue = "binance", at: At = None, model: Model = None
    ) -> Answer:
        """Sum estimated liquidations around the price: within distances, and the top clusters.

        USD that would be force-closed if touched, longs below and shorts above the mark, with
        ranges; the three largest clusters of each side.
        """
        return self._ask(
            lambda: summary.ask(self._lake, self._market(symbol, venue), self._at(at), model)
        )

    def zones(
        self, symbol: Symbol, venue: Venue = "binance", at: At = None, model: Model = None
    ) -> Answer:
        """List all clusters of estimated liquidations, nearest first.

        Each with borders, densest price, USD with a range, distance in percent and in standard
        deviations of 24 h, age and share of open interest.
        """
        return self._ask(
            lambda: zones.ask(self._lake, self._market(symbol, venue), self._at(at), model)
        )

    def whatif(
        self,
        symbol: Symbol,
        move: Annotated[
            str | None, Field(description="move of the mark, such as -3%", max_length=20)
        ] = None,
        to: Annotated[float | None, Field(description="or the price it goes to", gt=0)] = None,
        venue: Venue = "binance",
        at: At = None,
        model: Model = None,
    ) -> Answer:
        """Estimate what would be liquidated on the way of the mark to a price, longs and shorts.

        State either a move or a price.
        """

        def ask() -> Answer:
            fraction = None if move is None else parse_move(move)
            whatif.check(to, fraction)
            market, at_ms = self._market(symbol, venue), self._at(at)
            return whatif.ask(self._lake, market, at_ms, to=to, move=fraction, model=model)

        return self._ask(ask)

    def checklist(
        self,
        symbol: Symbol,
        venue: Venue = "binance",
        at: At = None,
        model: Model = None,
        side: Annotated[
            Literal["long", "short"] | None, Field(description="side of the position thought of")
        ] = None,
        order: Annotated[
            float, Field(description="order in USD that slippage is asked for", gt=0)
        ] = 100_000.0,
        scenarios: Scenarios = 1_000,
    ) -> Answer:
        """Answer eleven questions a trader asks before acting, with figure, rule, age and record.

        Unknowns stay unknown. Takes some seconds.
        """
        return self._ask(
            lambda: checklist.ask(
                self._lake,
                self._market(symbol, venue),
                self._at(at),
                ChecklistOptions(side=side, order=order, scenarios=scenarios, model=model),
            )
        )

    def cascade(
        self,
        symbol: Symbol,
        venue: Venue = "binance",
        at: At = None,
        model: Model = None,
        shock: Annotated[
            str | None,
            Field(
                description="move that comes first for other reasons, such as -2%", max_length=20
            ),
        ] = None,
        horizon: Annotated[str, Field(description="such as 4h, at most 2d", max_length=10)] = "4h",
        scenarios: Scenarios = 2_000,
    ) -> Answer:
        """Walk which cluster would fall next down and up, how far, and in how many scenarios.

        Shares of simulated scenarios, not calibrated probabilities. Takes some seconds.
        """

        def ask() -> Answer:
            options = CascadeOptions(
                shock=None if shock is None else parse_move(shock, "shock"),
                scenarios=scenarios,
                horizon_ms=parse_duration(horizon),
                model=model,
            )
            return cascade.ask(self._lake, [self._market(symbol, venue)], self._at(at), options)

        return self._ask(ask)

    def forecast(self, symbol: Symbol, venue: Venue = "binance", at: At = None) -> Answer:
        """Tell how likely a cascade is in the coming hours and how large, beside its baselines.

        Each chance with its record; climatology's where ours has not proved reliable lately. Needs
        a model fitted by then.
        """
        return self._ask(
            lambda: forecast.ask(self._lake, self._market(symbol, venue), self._at(at))
        )

    def scorecard(self, symbol: Symbol, venue: Venue = "binance", at: At = None) -> Answer:
        """Say what such numbers were worth on unseen data, beside chance, and what is missing."""
        return self._ask(
            lambda: scorecard.ask(self._lake, self._market(symbol, venue), self._at(at))
        )

    def coverage(
        self,
        symbol: Annotated[
            str | None, Field(description="a coin or a contract; all if absent", max_length=40)
        ] = None,
        venue: Annotated[
            str | None, Field(description="one venue; all if absent", max_length=40)
        ] = None,
    ) -> Answer:
        """List markets and tables held, from when to when, their gaps, what feeds are worth."""
        names = () if symbol is None else (symbol,)
        return self._ask(lambda: coverage.ask(self._lake, names, venue))

    def _ask(self, answer: Callable[[], Answer]) -> Answer:
        if not self._turns.acquire(timeout=PATIENCE_S):
            raise ToolError("busy with other questions; ask again in a minute")
        try:
            return answer()
        except ForcedflowError as error:
            # Written for people, with what to do about it; nothing of the inside is in it.
            raise ToolError(str(error)) from error
        finally:
            self._turns.release()

    def _market(self, symbol: str, venue: str) -> Instrument:
        return choose_instrument(self._lake, symbol, venue)

    def _at(self, at: str | None) -> int:
        return self._clock() if at is None else parse_time(at)

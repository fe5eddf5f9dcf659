"""hummingbot: ask a running ``forcedflow serve`` for clusters and show them in ``status``.

Copy it into hummingbot's ``scripts`` and start it there (of 2026, where scripts and strategies have
one base class). It asks once a minute beside the clock, never within a tick, and trades nothing.
What is too old is not shown as if it were new.
"""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import Any

import aiohttp
from hummingbot.strategy.strategy_v2_base import StrategyV2Base, StrategyV2ConfigBase

ADDRESS = os.environ.get("FORCEDFLOW_ADDRESS", "http://127.0.0.1:8480")
TOKEN = os.environ.get("FORCEDFLOW_TOKEN")
SYMBOL, VENUE = "BTC/USDT:USDT", "binance"
CONNECTOR, PAIR = "binance_perpetual", "BTC-USDT"

EVERY_S = 60.0
STALE_S = 900.0


class LevelsConfig(StrategyV2ConfigBase):
    """What hummingbot wants to know of a script: its file, and the markets that it opens."""

    script_file_name: str = Path(__file__).name

    def update_markets(self, markets: Any) -> Any:
        """Add the market whose clusters are shown."""
        markets[CONNECTOR] = {*markets.get(CONNECTOR, ()), PAIR}
        return markets


class LevelsScript(StrategyV2Base):
    """Shows the nearest clusters; a script of your own would read ``self.zones`` in its tick."""

    def __init__(self, connectors: dict[str, Any], config: LevelsConfig | None = None) -> None:
        super().__init__(connectors, config)
        self.zones: dict[str, Any] | None = None
        self.problem: str | None = None
        self._asked_s = float("-inf")
        self._asking: asyncio.Task[None] | None = None

    def on_tick(self) -> None:
        """Begin to ask where it is time to; a tick itself never waits for an answer."""
        is_asking = self._asking is not None and not self._asking.done()
        if not is_asking and time.monotonic() - self._asked_s >= EVERY_S:
            self._asked_s = time.monotonic()
            self._asking = asyncio.get_running_loop().create_task(self.ask())

    async def ask(self) -> None:
        """Read the clusters, or keep why they could not be read."""
        headers = {"Authorization": f"Bearer {TOKEN}"} if TOKEN else {}
        query = {"symbol": SYMBOL, "venue": VENUE}
        patience = aiohttp.ClientTimeout(total=30)
        try:
            async with (
                aiohttp.ClientSession(headers=headers, timeout=patience) as session,
                session.get(f"{ADDRESS}/api/v1/zones", params=query) as reply,
            ):
                answer = await reply.json()
        # hummingbot runs on Python 3.10 too, where the two timeouts are different classes.
        except (aiohttp.ClientError, asyncio.TimeoutError, ValueError) as error:  # noqa: UP041
            self.problem = f"{ADDRESS}: {error or type(error).__name__}"
            return
        if "error" in answer:
            self.problem = answer["error"]["message"]
            return
        self.zones, self.problem = answer, None

    def format_status(self) -> str:
        """Return what hummingbot's ``status`` shows."""
        lines = [f"forcedflow: {self.problem}"] if self.problem else []
        if self.zones is None:
            return "\n".join(lines) or "forcedflow: not asked yet"
        age_s = self.zones["freshness"]["age_s"]
        stale = " STALE" if age_s > STALE_S else ""
        simulated = "SIMULATED " if self.zones["simulated"] else ""
        lines.append(
            f"{simulated}{self.zones['symbol']} known to {self.zones['known_to']}{stale}, "
            "estimates if touched:"
        )
        lines += [
            f"  {zone['side']:>5}s {zone['low']:,.6g} to {zone['high']:,.6g} "
            f"{zone['distance_pct']:+.2f} %  ${zone['notional_usd'] / 1e6:,.0f}M"
            for zone in self.zones["zones"][:6]
        ]
        return "\n".join(lines)

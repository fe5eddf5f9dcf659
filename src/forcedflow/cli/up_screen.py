"""Markets that are followed, for people: one table of them all.

In:  `MarketUpdate`s.   Out: renderables, lines of text or of JSON on standard output.
Free of the clock: ages are those of the bar close.
"""

from __future__ import annotations

import contextlib
import math
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from forcedflow.cli.options import console, iso_time
from forcedflow.report import palette
from forcedflow.units import SIDES, Side, format_age, format_price, format_usd

if TYPE_CHECKING:
    from forcedflow.instruments import Instrument
    from forcedflow.live.loop import Subscriber
    from forcedflow.live.market_update import MarketUpdate

_BADGES = {
    "LIVE": f"bold {palette.LONG}",
    "PARTIAL": f"bold {palette.WARNING}",
    "STALE": "bold red",
    "REPLAY": "bold cyan",
}
CLAIMS = "clusters are estimates: closed by force if touched, no forecast that they will be"


def markets_table(updates: Sequence[MarketUpdate]) -> Group:
    """Return one line per market, with what is wrong below."""
    simulated = any(update.simulated for update in updates)
    table = Table(
        title="SIMULATED" if simulated else None,
        title_style="bold",
        title_justify="left",
        box=None,
        padding=(0, 1),
    )
    for name in ("market", "badge"):
        table.add_column(name, no_wrap=True)
    for name in ("bar", "OI age", "mark", "cluster below", "cluster above", "loading"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("signals on")
    for update in updates:
        table.add_row(*_cells(update))
    lines: list[Table | Text] = [table]
    for update in updates:
        late = [source.table for source in update.sources if source.is_late]
        if update.problem or late:
            words = update.problem or f"late: {', '.join(late)}"
            lines.append(Text(f"{_name(update)}: {words}", "dim"))
    lines.append(Text(CLAIMS, "dim"))
    return Group(*lines)


def market_line(update: MarketUpdate) -> str:
    """Return one line that says how a market stands."""
    below, above = (_cluster(update, side).plain for side in SIDES)
    simulated = "SIMULATED " if update.simulated else ""
    problem = f"; {update.problem}" if update.problem else ""
    return (
        f"{iso_time(update.at_ms)} {simulated}{update.badge} {_name(update)} {_mark(update)}; "
        f"below {below}; above {above}; loading {_score(update)}{problem}"
    )


def _cells(update: MarketUpdate) -> tuple[Text | str, ...]:
    age = next((one.age_ms for one in update.sources if one.table == "open_interest"), None)
    return (
        _name(update),
        Text(update.badge, _BADGES[update.badge]),
        iso_time(update.at_ms)[11:16],
        "–" if age is None else format_age(age),
        _mark(update),
        *(_cluster(update, side) for side in SIDES),
        _score(update),
        ", ".join(update.loading.on) if update.loading is not None else "",
    )


def _name(update: MarketUpdate) -> str:
    return f"{update.instrument.venue} {update.instrument.symbol}"


def _mark(update: MarketUpdate) -> str:
    if update.mark is None:
        return "–"
    return format_price(update.mark, update.instrument.tick_size)


def _cluster(update: MarketUpdate, side: Side) -> Text:
    zone = update.nearest(side)
    if zone is None:
        return Text("–")
    color = palette.LONG if side == "long" else palette.SHORT
    return Text(f"{zone.distance_pct:+.1f} % {format_usd(zone.notional_usd)}", color)


def _score(update: MarketUpdate) -> str:
    if update.loading is None or math.isnan(update.loading.score):
        return "–"
    return f"{update.loading.score:.0f}"


@contextlib.contextmanager
def shown(*, json: bool) -> Iterator[Subscriber]:
    """Give what shows updates: as a table on a terminal, else as a line each.

    Parameters
    ----------
    json : bool
        Lines of JSON, wherever it is.
    """
    from forcedflow import log

    log.configure(as_json=json)
    if json:
        yield _print_line
        return
    newest: dict[Instrument, MarketUpdate] = {}
    screen = console()
    if not screen.is_terminal:
        said: dict[Instrument, int] = {}

        def say(update: MarketUpdate) -> None:
            # The same bar close is told again once its stages have run.
            if said.get(update.instrument) != update.at_ms:
                said[update.instrument] = update.at_ms
                sys.stdout.write(market_line(update) + "\n")
                sys.stdout.flush()

        yield say
        return
    from rich.live import Live

    with Live(console=screen, auto_refresh=False) as live:
        log.configure()  # within, so that events stand above the table

        def show(update: MarketUpdate) -> None:
            newest[update.instrument] = update
            live.update(markets_table(list(newest.values())), refresh=True)

        yield show
    log.configure()


def _print_line(update: MarketUpdate) -> None:
    from forcedflow.answers import cascade, forecast
    from forcedflow.cascade.cascade import Cascade
    from forcedflow.forecast.forecast import Forecast

    def told(value: object) -> Any:
        match value:
            case Cascade():
                return cascade.answer(value)
            case Forecast():
                return forecast.answer(value)
            case _:
                return None

    print_row(update.row(told))


def print_row(row: dict[str, Any]) -> None:
    """Write one line of JSON."""
    import msgspec

    sys.stdout.write(msgspec.json.encode(row).decode() + "\n")
    sys.stdout.flush()

"""The cascade as text that fits eighty columns: dominoes both ways, criticality, what it rests on.

In:  a `Cascade`.   Out: rich text and a table. [quote per base, USD, %]
Pure: values in, text out; no I/O, no clock.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from datetime import UTC, datetime

from rich.table import Table
from rich.text import Text

from forcedflow.cascade.base_rate import BaseRate
from forcedflow.cascade.cascade import Cascade
from forcedflow.cascade.chain import Chain, Domino
from forcedflow.cascade.hawkes.timing import UNKNOWN
from forcedflow.cascade.montecarlo import LABEL, Probability
from forcedflow.cascade.settlement import Settlement, settle
from forcedflow.depth.curve import Direction
from forcedflow.report import palette
from forcedflow.report.basis import basis_lines
from forcedflow.report.terminal import columns_that_fit
from forcedflow.units import HOUR_MS, format_age, format_pct, format_price, format_usd

_LOUD = f"bold {palette.BACKGROUND} on {palette.WARNING}"
_GAP = 2
_TO_10_90 = 1.2816
_MOST = 8
# Name, whether figures align right, and when the column gives way on a narrow terminal: the first
# first, those of zero never.
_COLUMNS = (
    ("side", False, 0),
    ("trigger", True, 0),
    ("away", True, 0),
    ("forced", True, 3),
    ("10–90 %", True, 2),
    ("slip", True, 1),
    ("stops", True, 4),
    ("reach", True, 0),
    ("alone", True, 0),
)


def directions(cascade: Cascade) -> tuple[Direction, ...]:
    """Return the ways to show: both, unless a move or an order pushes price one way."""
    start = cascade.start
    if start.shock or start.order_usd:
        return (start.direction,) if start.direction else ()
    return ("up", "down")


def depth_warning(cascade: Cascade) -> str | None:
    """Return what to say loudly where no book was seen; None where every one was."""
    unseen = [
        (mapped.market.instrument.venue, curve)
        for mapped, curves in zip(cascade.maps, cascade.depths, strict=True)
        for curve in curves
        if not curve.measured_to > 0
    ]
    if not unseen:
        return None
    venues = ", ".join(dict.fromkeys(venue for venue, _ in unseen))
    times = math.exp(_TO_10_90 * max(curve.log_sd for _, curve in unseen))
    if times > 1:
        return f"{venues}: true depth is 1/{times:.2g} to {times:.2g}× what is taken (10–90 %)"
    return f"{venues}: depth is as stated, not as seen"


def opening(cascade: Cascade, width: int) -> Text:
    """Return how it starts, over which horizon, and a loud line where depth is not measured."""
    text = Text()
    warning = depth_warning(cascade)
    if warning:
        text.append(" DEPTH NOT MEASURED ", _LOUD)
        text.append(_filled(f"\n{warning}" if width < 100 else f" {warning}", width), "bold")
        text.append("\n")
    text.append(_filled(f"if {cascade.start.words(cascade.mark)}:", width), "bold")
    shown = directions(cascade)
    found = settle(cascade.chain(shown[0]).stage, cascade.start) if len(shown) == 1 else None
    if found is not None:
        text.append(f"\n{_filled(settlement_words(cascade, found), width)}")
    return text


def settlement_words(cascade: Cascade, found: Settlement) -> str:
    """Return where the start ends at once."""
    if not found.absorbed:
        return "at once: no depth that is modelled absorbs what it forces"
    tick = cascade.maps[0].market.instrument.tick_size
    return (
        f"at once: to {format_price(found.price, tick)} "
        f"({format_pct(found.price / cascade.mark - 1)}), {format_usd(found.forced_usd)} forced, "
        f"{found.amplification:.2f}× the move without"
    )


def domino_table(cascade: Cascade, width: int) -> Table:
    """Return the dominoes as a ladder is read: the highest price first, the start between.

    Parameters
    ----------
    cascade : Cascade
    width : int
        Characters to fit into; columns are left out where not all fit, never prices and shares.
    """
    shown = directions(cascade)
    rows: list[list[Text | str]] = []
    if "up" in shown:
        rows += [_cells(cascade, domino) for domino in reversed(cascade.up.dominoes[:_MOST])]
    rows.append(_start_cells(cascade))
    if "down" in shown:
        rows += [_cells(cascade, domino) for domino in cascade.down.dominoes[:_MOST]]
    table = Table(box=None, padding=(0, _GAP, 0, 0))
    places = columns_that_fit(_COLUMNS, rows, width, _GAP)
    for place in places:
        name, right, _ = _COLUMNS[place]
        table.add_column(name, justify="right" if right else "left", no_wrap=True)
    for cells in rows:
        table.add_row(*(cells[place] for place in places))
    return table


def legend(cascade: Cascade, width: int) -> Text:
    """Return what the columns mean, and that shares of scenarios are uncalibrated."""
    words = (
        f"reach: share of {scenarios_words(cascade)} within {_hours(cascade.horizon_ms)} "
        f"({LABEL}); alone: the same paths with nothing forced; slip: how far the cluster's own "
        "flow moves price; stops: where price rests, from the mark, once it has come there; open: "
        "no depth that is modelled absorbs it"
    )
    return Text(_filled(words, width), "dim")


def scenarios_words(cascade: Cascade) -> str:
    """Return how many scenarios shares are of, and of how many drawn."""
    left = [cascade.chain(way).simulation.size for way in directions(cascade)]
    if set(left) <= {cascade.scenarios}:
        return f"{cascade.scenarios:,} scenarios"
    counts = " and ".join(f"{n:,}" for n in dict.fromkeys(left))
    return f"{counts} of {cascade.scenarios:,} scenarios"


def summary(cascade: Cascade, width: int) -> Text:
    """Return, for each way: where it stops, how critical it is, what the past says."""
    text = Text()
    for direction in directions(cascade):
        chain = cascade.chain(direction)
        color = palette.LONG if direction == "down" else palette.SHORT
        text.append(f"{direction:<5}", f"bold {color}")
        lines = (
            stop_words(cascade, chain),
            criticality_words(cascade, chain),
            structural_words(chain),
            *bound_words(chain),
            *alternative_words(cascade, chain),
            base_rate_words([r for r in cascade.base_rates if r.direction == direction]),
        )
        body = "\n".join(
            textwrap.fill(line, max(20, width - 5), subsequent_indent="  ") for line in lines
        )
        text.append(textwrap.indent(body, " " * 5)[5:] + "\n")
    timing = UNKNOWN if cascade.timing is None else cascade.timing.words()
    text.append(_filled(f"self-excitation: {timing}", width), "dim")
    return text


def stop_words(cascade: Cascade, chain: Chain) -> str:
    """Return where scenarios end that hit the first domino, with their 10–90 %."""
    stop, ran = chain.stop(), chain.simulation
    if stop is None:
        return f"no scenario of {ran.size:,} hits the first domino"
    who = (
        "all scenarios"
        if stop.n == ran.size
        else f"the {percent(stop.n / ran.size)} that hit the first domino"
    )
    low, middle, high = (edge_price(cascade, chain, price) for price in stop.furthest)
    words = f"farthest price of {who}: {middle} (10–90 %: {low} to {high})"
    if stop.beyond > 0:
        words += f"; {percent(stop.beyond)} of them go beyond what is modelled"
    explained = chain.explained()
    return words if explained is None else f"{words}; {percent(explained)} of the way was forced"


def edge_price(cascade: Cascade, chain: Chain, price: float) -> str:
    """Return a price; where the stage ends there, that it is beyond."""
    stage = chain.stage
    text = format_price(price, cascade.maps[0].market.instrument.tick_size)
    if stage.distance(price) < stage.edges[-1] * (1 - 1e-9):
        return text
    return f"{'below' if chain.direction == 'down' else 'above'} {text}"


def criticality_words(cascade: Cascade, chain: Chain) -> str:
    """Return the branching number's peak and the critical shock."""
    tick = cascade.maps[0].market.instrument.tick_size
    found, stage = chain.criticality, chain.stage
    where = format_price(stage.price(found.peak_distance), tick)
    peak = f"{found.peak:.2f}" if math.isfinite(found.peak) else "without bound"
    words = f"criticality: peak {peak} near {where} (above 1 feeds itself); critical shock "
    if found.critical_shock is None:
        return words + "none within 20 %"
    return words + format_pct(stage.price(found.critical_shock) / stage.mark - 1)


def structural_words(chain: Chain) -> str:
    """Return the structural probabilities by horizon, each beside its null."""
    parts = [
        f"{_hours(at.horizon_ms)} {share_words(at.simulated)} ({share_words(at.volatility_only)})"
        for at in chain.structural
    ]
    return f"P(cascade), {LABEL} (volatility alone): {' · '.join(parts)}"


def bound_words(chain: Chain) -> list[str]:
    """Return what the record took away, where it took anything or should have."""
    bound = chain.simulation.bound
    if bound is None or (bound.held and bound.kept == 1):
        return []
    return [bound.words(chain.direction)]


def alternative_words(cascade: Cascade, chain: Chain) -> list[str]:
    """Return what other behaviour of the books, which nothing known decides, would change."""
    if not chain.alternatives:
        return []
    parts = [f"{share_words(other.structural)} if {other.words}" for other in chain.alternatives]
    return [f"the same over {_hours(cascade.horizon_ms)}: {'; '.join(parts)}"]


def base_rate_words(rates: Sequence[BaseRate]) -> str:
    """Return how many of past small moves grew large, with n and 80 % intervals."""
    if not rates:
        return "no past moves were counted"
    first = rates[0]
    since = datetime.fromtimestamp(first.from_ms / 1000, UTC).strftime("%Y-%m-%d")
    parts = []
    for rate in rates:
        if not rate.n:
            parts.append(f"within {_hours(rate.within_ms)} none seen")
            continue
        interval = rate.interval()
        spread = "" if interval is None else f" ({100 * interval[0]:.0f}–{100 * interval[1]:.0f} %)"
        parts.append(f"within {_hours(rate.within_ms)} {rate.grew} of {rate.n}{spread}")
    verb = "falls" if first.direction == "down" else "rises"
    return (
        f"past {verb} of {100 * first.small:.0f} % that grew to {100 * first.large:.0f} % in "
        f"{_hours(first.followed_ms)}: {', '.join(parts)}, since {since}"
    )


def basis(cascade: Cascade, width: int) -> Text:
    """Return what it rests on, one part per line."""
    text = Text()
    for part in cascade_basis(cascade):
        text.append(_filled(f"· {part}", width) + "\n", "dim")
    text.rstrip()
    return text


def cascade_basis(cascade: Cascade) -> tuple[str, ...]:
    """Return what the chains rest on, then what the maps do; what venues share is said once."""
    chains = [cascade.chain(direction) for direction in directions(cascade)]
    forced: list[tuple[str, str]] = []
    depth: list[tuple[str, str]] = []
    for chain in chains:
        side = "longs" if chain.direction == "down" else "shorts"
        for note in chain.stage.notes:
            venue, _, said = note.partition(": ")
            flow, _, source = said.partition("; depth: ")
            forced.append((f"{venue} {side}", flow))
            depth.append((f"{venue} depth {chain.direction}", source))
    maps = [
        (mapped.market.instrument.venue, line)
        for mapped in cascade.maps
        for line in basis_lines(mapped)
    ]
    return (
        *_grouped(forced, "forced flow: ", len(forced)),
        *_grouped(depth, "depth: ", len(depth)),
        (
            f"{chains[0].stage.reaching:.0%} of forced flow reaches the book, assumed; "
            f"{cascade.rules.source}"
        ),
        (
            f"paths: past bars sized to today's volatility, {cascade.history.ranged_share:.0%} of "
            "them with lows or highs beyond closes; makers leave as volatility rises "
            f"(ω {cascade.resilience.omega:g})"
        ),
        *_grouped(maps, "", len(cascade.maps)),
    )


def _grouped(said: list[tuple[str, str]], of_all: str, everyone: int) -> list[str]:
    """Return each text once, with those it is of, or what it is of where that is everyone."""
    speakers: dict[str, list[str]] = {}
    for name, text in said:
        speakers.setdefault(text, []).append(name)
    return [
        f"{of_all if len(names) == everyone else ', '.join(names) + ': '}{text}"
        for text, names in speakers.items()
    ]


def stops_at(domino: Domino) -> str:
    """Return where price rests after a domino, from the mark; ``open`` where nothing absorbs it."""
    return format_pct(domino.cumulative_move_pct / 100) if domino.absorbed else "open"


def _cells(cascade: Cascade, domino: Domino) -> list[Text | str]:
    tick = cascade.maps[0].market.instrument.tick_size
    return [
        Text(domino.side, palette.LONG if domino.side == "long" else palette.SHORT),
        format_price(domino.trigger_price, tick),
        format_pct(domino.trigger_price / cascade.mark - 1),
        format_usd(domino.notional_usd),
        f"{format_usd(domino.notional_usd_low)}–{format_usd(domino.notional_usd_high)}",
        f"{domino.slippage_pct:.2f} %",
        stops_at(domino),
        share_words(domino.p_reach),
        share_words(domino.p_reach_volatility_only),
    ]


def _start_cells(cascade: Cascade) -> list[Text | str]:
    tick = cascade.maps[0].market.instrument.tick_size
    here = cascade.down.stage.mark
    name = "mark" if here == cascade.mark else "start"
    away = "" if here == cascade.mark else format_pct(here / cascade.mark - 1)
    cells: list[Text | str] = [Text(name, "bold"), Text(format_price(here, tick), "bold"), away]
    return cells + [""] * (len(_COLUMNS) - len(cells))


def share_words(probability: Probability) -> str:
    """Return a share of scenarios; where none hit, what that many could not have missed."""
    if probability.value == 0 and probability.n:
        return f"<{percent(1 / probability.n)}"
    return percent(probability.value)


def percent(value: float) -> str:
    """Return a share as percent, two digits of it."""
    hundredths = 100.0 * value
    if 0 < hundredths < 0.095:
        return f"{hundredths:.2f} %"
    return f"{hundredths:.1f} %" if hundredths < 9.95 else f"{hundredths:.0f} %"


def _hours(ms: int) -> str:
    return f"{ms / HOUR_MS:g} h" if ms >= HOUR_MS else format_age(ms)


def _filled(words: str, width: int) -> str:
    return textwrap.fill(words, max(20, width), break_on_hyphens=False)

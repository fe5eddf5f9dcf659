"""``forcedflow playbook``: one printable page about one market at one moment.

In:  a symbol, a venue, a style, a moment; the user's equity, risk and position where stated.
Out: the page as PDF, HTML, PNG, Markdown or JSON; a saved template of the choices.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from forcedflow.cli.options import (
    choose_instrument,
    iso_time,
    open_lake,
    parse_moment,
    print_json,
)
from forcedflow.cli.playbook_template import Choices, read_template, save_template
from forcedflow.errors import UsageError

if TYPE_CHECKING:
    from forcedflow.playbook.playbook import Playbook
    from forcedflow.playbook.situation import Situation
    from forcedflow.units import Side

_ORDER_USD = 100_000.0
_DEFAULTS = Choices(venue="binance", style="intraday", order=_ORDER_USD)
_LEAST_SCENARIOS, _MOST_SCENARIOS = 100, 100_000
_ENDINGS = (".pdf", ".html", ".md", ".png", ".json")
_NEEDED = ("matplotlib", "jinja2", "weasyprint", "pypdfium2")


def run(
    symbol: str,
    *,
    venue: str | None = None,
    style: Literal["scalp", "intraday", "swing"] | None = None,
    equity: float | None = None,
    risk: float | None = None,
    entry: float | None = None,
    size: float | None = None,
    side: Literal["long", "short"] | None = None,
    order: float | None = None,
    at: str | None = None,
    model: str | None = None,
    scenarios: int = 2_000,
    save: str | None = None,
    template: str | None = None,
    lake: Path | None = None,
    out: Path | None = None,
    json: bool = False,
) -> int:
    """Put everything known of a market on one printable page, with what would make it void.

    Parameters
    ----------
    symbol
        BTC, BTCUSDT or BTC/USDT:USDT.
    venue
        Venue of the contract; binance by default.
    style
        scalp looks an hour ahead, intraday four hours, swing a day; intraday by default.
    equity
        What you trade with in USD; with --risk it gives the loss and the position it allows.
    risk
        Share of the equity that may be lost, in percent.
    entry
        Price of a position you think of; with --size and --side it gives its liquidation prices.
    size
        Its size in coins.
    side
        Its side: long or short.
    order
        Size in USD that slippage and costs are of; 100000 by default, or that of the position.
    at
        Use exactly what was known then, such as 2026-02-05T12:00Z; now by default.
    model
        prior, calibrated, or the file of a trained map; by default what was trained by then, for
        this venue or else for another of the same coin, else the prior.
    scenarios
        Paths of the cascade to simulate, 100 to 100000.
    save
        Keep venue, style, equity, risk, order and model under this name.
    template
        Begin with the choices kept under this name; what is stated beside it wins.
    lake
        Folder of the lake; the setting by default.
    out
        File to write; its ending decides the format (.pdf .html .md .png .json).
    json
        Print as JSON.
    """
    from forcedflow.cli import checklist as asked

    write = None if out is None else _writer(out)
    chosen = _choose(Choices(venue, style, equity, risk, order, model), template)
    stated = _stated_position(entry, size, side)
    order_usd = _ORDER_USD if chosen.order is None else chosen.order
    if order is None and stated is not None:
        order_usd = stated[1] * stated[2]
    _refuse(chosen, order_usd, scenarios)
    at_ms = parse_moment(at)
    held = open_lake(lake)
    instrument = choose_instrument(held, symbol, chosen.venue or "")
    situation = asked.read(held, instrument, at_ms, chosen.model, scenarios, order_usd)
    playbook = make(situation, chosen, order_usd, stated)
    if save is not None:
        sys.stderr.write(f"wrote {save_template(save, chosen)}\n")
    if write is not None and out is not None:
        try:
            out.write_bytes(write(playbook))
        except OSError as error:
            raise UsageError(f"{out}: cannot be written: {error.strerror or error}") from error
        sys.stderr.write(f"wrote {out}\n")
    elif json:
        print_json(answer(playbook))
    else:
        from forcedflow.report.playbook_markdown import to_markdown

        sys.stdout.write(to_markdown(playbook))
    return 0


def make(
    situation: Situation,
    chosen: Choices,
    order_usd: float,
    stated: tuple[Side, float, float] | None = None,
) -> Playbook:
    """Return the playbook of a situation, its heatmap painted.

    Parameters
    ----------
    situation : Situation
    chosen : Choices
        With a style.
    order_usd : float
        Size that costs are of. [USD]
    stated : tuple, optional
        The user's position: side, entry, size. [quote per base, base coins]
    """
    from forcedflow.pipeline import build_map
    from forcedflow.playbook.checklist import fill
    from forcedflow.playbook.leg_reading import read_second_leg
    from forcedflow.playbook.playbook import build_playbook
    from forcedflow.playbook.position import plan_position
    from forcedflow.playbook.styles import STYLES

    style = STYLES[chosen.style or "intraday"]
    old = situation.mapped
    # The same market, mixture and moment: the same map, and its picture besides.
    mapped = build_map(old.market, picture_span_ms=style.picture_span_ms, trained=old.trained)
    situation = replace(situation, mapped=mapped)
    position = None if stated is None else plan_position(situation, style, *stated)
    side = None if stated is None else stated[0]
    record = situation.leg_record
    return build_playbook(
        situation,
        style,
        fill(situation, chosen.equity, chosen.risk, side, order_usd),
        read_second_leg(
            situation,
            past=None if record is None else record.past,
            size_usd=order_usd,
            liquidations=situation.liquidations,
        ),
        position,
    )


def answer(playbook: Playbook) -> dict[str, Any]:
    """Return the page's figures with everything needed to judge them."""
    from forcedflow.cli.checklist import answer as checklist_answer

    situation, leg = playbook.situation, playbook.leg
    cascade = situation.cascade
    return {
        **checklist_answer(playbook.checklist),
        "style": {
            "name": playbook.style.name,
            "horizon_ms": playbook.style.horizon_ms,
            "invalidation_sigma": playbook.style.invalidation_sigma,
            "buffer_sigma": playbook.style.buffer_sigma,
            "confirmation": playbook.style.confirmation,
        },
        "no_trade": playbook.no_trade,
        "reason": playbook.reason,
        "plans": {plan.direction: plan.row() for plan in playbook.plans},
        "rules": [rule.row() for rule in playbook.rules],
        "leverage": {cap.side: cap.row() for cap in playbook.caps},
        "position": None if playbook.position is None else playbook.position.row(),
        "regime": playbook.regime.row(),
        "signals": [reading.row() for reading in situation.readings],
        "loading": playbook.loading.row(),
        "pressure_gauge": _known(playbook.gauge),
        "crowding": _known(playbook.crowding),
        "zones": [zone.row() for zone in situation.zones],
        "dominoes": None
        if cascade is None
        else [domino.row() for way in (cascade.down, cascade.up) for domino in way.dominoes],
        "second_leg": {
            "state": leg.state,
            "is_open": leg.is_open,
            "since_ignition_ms": leg.since_ignition_ms,
            "share_bottomed": leg.share_bottomed,
            "n_past": leg.n_past,
            "past_of": leg.past_of,
            "no_trade": leg.verdict.no_trade,
            "reason": leg.verdict.reason,
            "size_usd": leg.size_usd,
        },
        "base_rates": None
        if cascade is None
        else [
            {
                "direction": rate.direction,
                "small_pct": 100 * rate.small,
                "large_pct": 100 * rate.large,
                "within_ms": rate.within_ms,
                "n": rate.n,
                "grew": rate.grew,
                "interval_80": rate.interval(),
            }
            for rate in cascade.base_rates
        ],
        "missing_levels": list(playbook.missing),
        "input_age_s": {
            name: None if age is None else age / 1000
            for name, age in situation.features.input_age_ms.items()
        },
        "at": iso_time(situation.at_ms),
        "words": "educational and analytical, not advice; places no orders",
    }


def _choose(stated: Choices, template: str | None) -> Choices:
    """Return what was stated, else what the template holds, else the defaults."""
    import msgspec

    kept = Choices() if template is None else read_template(template)
    chosen = {}
    for field in Choices.__struct_fields__:
        values = [getattr(source, field) for source in (stated, kept, _DEFAULTS)]
        chosen[field] = next((value for value in values if value is not None), None)
    return msgspec.convert(chosen, Choices)


def _refuse(chosen: Choices, order_usd: float, scenarios: int) -> None:
    """Refuse what cannot be answered before anything is read."""
    if (chosen.equity is None) != (chosen.risk is None):
        raise UsageError("--equity and --risk go together\nhint: --equity 10000 --risk 1")
    if chosen.equity is not None and not 0 < chosen.equity < math.inf:
        raise UsageError(f"{chosen.equity:g} USD is no equity\nhint: --equity 10000")
    if chosen.risk is not None and not 0 < chosen.risk <= 100:
        raise UsageError(f"{chosen.risk:g} % is no share of the equity\nhint: --risk 1")
    if not 0 < order_usd < math.inf:
        raise UsageError(f"{order_usd:g} USD is no order\nhint: --order 100000")
    if not _LEAST_SCENARIOS <= scenarios <= _MOST_SCENARIOS:
        raise UsageError(f"--scenarios is from {_LEAST_SCENARIOS} to {_MOST_SCENARIOS}")


def _stated_position(
    entry: float | None, size: float | None, side: Side | None
) -> tuple[Side, float, float] | None:
    if entry is None and size is None and side is None:
        return None
    if entry is None or size is None or side is None:
        raise UsageError(
            "--entry, --size and --side go together\nhint: --entry 70000 --size 0.5 --side long"
        )
    for name, figure in (("--entry", entry), ("--size", size)):
        if not 0 < figure < math.inf:
            raise UsageError(f"{name} {figure:g} is not positive\nhint: --entry 70000 --size 0.5")
    return side, entry, size


def _writer(out: Path) -> Callable[[Playbook], bytes]:
    """Return what makes a file of an ending, before anything is read."""
    if not out.parent.is_dir():
        raise UsageError(f"{out}: the folder {out.parent} does not exist")
    if out.is_dir():
        raise UsageError(f"{out} is a folder\nhint: --out {out / 'plan.pdf'}")
    ending = out.suffix.lower()
    if ending not in _ENDINGS:
        known = " ".join(_ENDINGS)
        raise UsageError(f"{out}: unknown ending {out.suffix!r}\nhint: one of {known}")
    if ending == ".json":
        return _to_json
    if ending == ".md":
        return _to_markdown
    try:
        from forcedflow.report import playbook_html
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in _NEEDED:
            raise
        raise UsageError(
            f"pages need {error.name}\nhint: pip install 'forcedflow[report]'"
        ) from error
    if ending == ".html":
        return lambda playbook: playbook_html.to_html(playbook).encode()
    playbook_html.check_pango()
    return playbook_html.to_pdf if ending == ".pdf" else playbook_html.to_png


def _to_json(playbook: Playbook) -> bytes:
    import msgspec

    return msgspec.json.encode(answer(playbook)) + b"\n"


def _to_markdown(playbook: Playbook) -> bytes:
    from forcedflow.report.playbook_markdown import to_markdown

    return to_markdown(playbook).encode()


def _known(value: float) -> float | None:
    return float(f"{value:.6g}") if math.isfinite(value) else None

"""``forcedflow checklist``: eleven questions about one market at one moment.

In:  a symbol, a venue, a moment; the user's side, equity, risk and order size where stated.
Out: the answers with their evidence, as text, Markdown or JSON.
"""

from __future__ import annotations

import math
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from forcedflow.cli.model import choose_model, follow_feed
from forcedflow.cli.options import (
    choose_instrument,
    console,
    iso_time,
    open_lake,
    parse_moment,
    print_json,
)
from forcedflow.errors import UsageError

if TYPE_CHECKING:
    from forcedflow.instruments import Instrument
    from forcedflow.playbook.checklist import Checklist
    from forcedflow.playbook.past_legs import PastLegs
    from forcedflow.playbook.record import Scored
    from forcedflow.playbook.situation import Situation
    from forcedflow.store import Lake

_LEAST_SCENARIOS, _MOST_SCENARIOS = 100, 100_000


def run(
    symbol: str,
    *,
    venue: str = "binance",
    at: str | None = None,
    side: Literal["long", "short"] | None = None,
    equity: float | None = None,
    risk: float | None = None,
    order: float = 100_000.0,
    scenarios: int = 2_000,
    model: str | None = None,
    lake: Path | None = None,
    out: Path | None = None,
    markdown: bool = False,
    json: bool = False,
) -> int:
    """Answer eleven questions about a market, each with its figure, its rule and its age.

    Parameters
    ----------
    symbol
        BTC, BTCUSDT or BTC/USDT:USDT.
    venue
        Venue of the contract.
    at
        Use exactly what was known then, such as 2026-02-05T12:00Z; now by default.
    side
        Side of the position you think of; by default the way at risk is read off the signals.
    equity
        What you trade with in USD; with --risk it gives the loss and the position it allows.
    risk
        Share of the equity that may be lost, in percent.
    order
        Size in USD that slippage is asked for.
    scenarios
        Paths of the cascade to simulate, 100 to 100000.
    model
        prior, calibrated, or the file of a trained map; by default what was trained by then, for
        this venue or else for another of the same coin, else the prior.
    lake
        Folder of the lake; the setting by default.
    out
        File to write; its ending decides the format (.md .json).
    markdown
        Print as Markdown.
    json
        Print as JSON.
    """
    _refuse(equity, risk, order, scenarios)
    ending = _ending(out)
    if markdown and json:
        raise UsageError("state one format\nhint: --markdown or --json")
    at_ms = parse_moment(at)
    held = open_lake(lake)
    instrument = choose_instrument(held, symbol, venue)
    situation = read(held, instrument, at_ms, model, scenarios, order)

    from forcedflow.playbook.checklist import fill

    checklist = fill(situation, equity, risk, side, order)
    if out is not None:
        _write(checklist, out, ending)
    elif json:
        print_json(answer(checklist))
    elif markdown:
        from forcedflow.report.checklist_markdown import checklist_markdown

        sys.stdout.write(checklist_markdown(checklist))
    else:
        from forcedflow.report.checklist_terminal import checklist_page

        screen = console()
        screen.print(checklist_page(checklist, screen.width))
    return 0


def read(
    held: Lake,
    instrument: Instrument,
    at_ms: int,
    model: str | None,
    scenarios: int,
    order_usd: float,
) -> Situation:
    """Return the situation, with the weights that ``--model`` means or that were lent.

    Raises
    ------
    NoDataError
        If no open interest was known by then, or the weights asked for were not trained by then.
    """
    from forcedflow.asof.situation import lent_trained, read_situation
    from forcedflow.evaluate.signal_record import record_words
    from forcedflow.store.signal_record import newest_record

    record = newest_record(held.root, instrument.venue, instrument.symbol, at_ms)
    if model is None:
        trained = lent_trained(held, instrument, at_ms)
    else:
        trained = choose_model(held, instrument, model, at_ms)
    if trained is not None:
        trained = follow_feed(held, instrument, trained, at_ms)
    return read_situation(
        held,
        instrument,
        at_ms,
        trained=trained,
        scenarios=scenarios,
        order_usd=order_usd,
        signal_records=None if record is None else record_words(record),
    )


def answer(checklist: Checklist) -> dict[str, Any]:
    """Return the lines with everything needed to judge them."""
    from forcedflow.playbook.checklist import RULES

    situation = checklist.situation
    mapped = situation.mapped
    return {
        "symbol": mapped.market.instrument.symbol,
        "venue": mapped.market.instrument.venue,
        "simulated": situation.simulated,
        "at": iso_time(situation.at_ms),
        "known_to": iso_time(mapped.known_ms),
        "mark_price": mapped.mark,
        "way_at_risk": {"direction": checklist.way.direction, "why": checklist.way.why},
        "checklist": checklist.row(),
        "unknown": list(checklist.unknown),
        "reasons": dict(situation.reasons),
        "records": _records(situation),
        "assumptions": {
            "estimate": "every verdict is the outcome of its stated rule; none foretells price",
            "rules": {key: dict(rules) for key, rules in RULES.items()},
            "order_usd": checklist.order_usd,
            "simulated": situation.simulated,
            "map": mapped.assumptions(),
            "signals_map": "stated prior: weights trained last week cannot say what was large last "
            "month",
        },
        "freshness": mapped.freshness(),
    }


def _records(situation: Situation) -> dict[str, Any]:
    """Return what plans and regimes came to; None where no record was over by then."""
    from forcedflow.playbook.regime import read_regime
    from forcedflow.report.record_words import leg_record_words, regime_record_words

    legs, regimes = situation.leg_record, situation.regime_record
    regime = read_regime(situation.features).regime
    return {
        "second_leg": None
        if legs is None
        else {
            "words": leg_record_words(legs),
            **_scored(legs.scored),
            **_rate(legs.past),
        },
        "regime": None
        if regimes is None
        else {
            "words": regime_record_words(regimes, regime),
            **_scored(regimes.scored),
            "rates": [asdict(rate) for rate in regimes.of(regime)],
        },
    }


def _scored(scored: Scored) -> dict[str, Any]:
    return {
        "symbols": list(scored.symbols),
        "from": iso_time(scored.from_ms),
        "to": iso_time(scored.to_ms),
        "simulated": scored.simulated,
    }


def _rate(past: PastLegs) -> dict[str, Any]:
    rate = past.net_rate()
    known = math.isfinite(rate.low_bps)
    return {
        "net_bps": round(rate.mean_bps, 2) if rate.n else None,
        "interval_95_bps": [round(rate.low_bps, 2), round(rate.high_bps, 2)] if known else None,
        "n": rate.n,
        "n_days": rate.n_days,
        "size_usd": past.size_usd,
    }


def _refuse(equity: float | None, risk: float | None, order: float, scenarios: int) -> None:
    """Refuse what cannot be answered before anything is read."""
    if (equity is None) != (risk is None):
        raise UsageError("--equity and --risk go together\nhint: --equity 10000 --risk 1")
    if equity is not None and not 0 < equity < math.inf:
        raise UsageError(f"{equity:g} USD is no equity\nhint: --equity 10000")
    if risk is not None and not 0 < risk <= 100:
        raise UsageError(f"{risk:g} % is no share of the equity\nhint: --risk 1")
    if not 0 < order < math.inf:
        raise UsageError(f"{order:g} USD is no order\nhint: --order 100000")
    if not _LEAST_SCENARIOS <= scenarios <= _MOST_SCENARIOS:
        raise UsageError(f"--scenarios is from {_LEAST_SCENARIOS} to {_MOST_SCENARIOS}")


def _ending(out: Path | None) -> str:
    if out is None:
        return ""
    if not out.parent.is_dir():
        raise UsageError(f"{out}: the folder {out.parent} does not exist")
    if out.is_dir():
        raise UsageError(f"{out} is a folder\nhint: --out {out / 'checklist.md'}")
    ending = out.suffix.lower()
    if ending not in {".md", ".json"}:
        raise UsageError(f"{out}: unknown ending {out.suffix!r}\nhint: one of .md .json")
    return ending


def _write(checklist: Checklist, out: Path, ending: str) -> None:
    if ending == ".json":
        import msgspec

        text = msgspec.json.encode(answer(checklist)).decode() + "\n"
    else:
        from forcedflow.report.checklist_markdown import checklist_markdown

        text = checklist_markdown(checklist)
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{out}: cannot be written: {error.strerror or error}") from error
    sys.stderr.write(f"wrote {out}\n")

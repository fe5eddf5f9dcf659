"""Liquidation prices: from an entry price to the mark price that force-closes a position.

In:  entry prices, sizes, margins, maintenance rates or brackets.   Out: prices.
Pure: NumPy in, NumPy out; no I/O, no clock, no global state.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from forcedflow.margin.bankruptcy import bankruptcy_notional
from forcedflow.margin.brackets import BracketSchedule
from forcedflow.margin.position import (
    FloatArray,
    Position,
    SideLike,
    position_of,
    require,
    require_finite,
    require_rate,
    side_sign,
)
from forcedflow.margin.rules import MaintenanceValue, MarginRule, PerpetualKind

_Indices: TypeAlias = npt.NDArray[np.int64]


def liquidation_price(
    entry: npt.ArrayLike,
    size: npt.ArrayLike,
    margin: npt.ArrayLike,
    side: SideLike,
    *,
    mmr: npt.ArrayLike,
    maintenance_amount: npt.ArrayLike = 0.0,
    fee: npt.ArrayLike = 0.0,
    funding_paid: npt.ArrayLike = 0.0,
    kind: PerpetualKind = "linear",
    maintenance_value: MaintenanceValue = "mark",
) -> FloatArray:
    r"""Return the mark price at which equity no longer covers maintenance margin.

    .. math:: P_{linear} = \frac{m - F + c - s q E}{q (\mu + f) - s q}, \qquad
              P_{inverse} = \frac{Q (s + \mu + f)}{m - F + c + s Q / E}

    with the side ``s`` = ±1. With ``maintenance_value="entry"`` maintenance is a constant, taken on
    the value at entry, and the fee is taken on the value at the bankruptcy price:

    .. math:: P_{linear} = E - s (m - F - \mu q E + c - f q P_{bankruptcy}) / q

    Parameters
    ----------
    entry : array_like
        Average entry price ``E``. [quote per base]
    size : array_like
        Base coins ``q`` (linear) or quote contracts ``Q`` (inverse).
    margin : array_like
        Margin ``m`` behind the position: isolated margin with top-ups, or `cross_margin`.
        [quote if linear, base if inverse]
    side : {"long", "short"} or array of these
        Side of the position.
    mmr : array_like
        Maintenance margin rate ``μ`` of the bracket that holds *at the liquidation price*. [1]
    maintenance_amount : array_like
        Maintenance amount ``c`` of that bracket. [as margin]
    fee : array_like
        Closing fee rate ``f``, where the venue reserves it. [1]
    funding_paid : array_like
        Cumulative funding ``F`` the position has paid out of its margin. [as margin]
    kind : {"linear", "inverse"}
        Kind of contract.
    maintenance_value : {"mark", "entry"}
        Value that maintenance margin is taken on.

    Returns
    -------
    ndarray, broadcast shape
        Mark price; NaN where no positive price solves the equation. It lies on the winning side of
        the entry where the margin is already too small at entry. [quote per base]

    Raises
    ------
    ValueError
        If an entry price or size is not positive, a rate is not in [0, 1), or a name is unknown.

    Notes
    -----
    Ignores the venue's rounding to ticks, partial liquidation and later changes of the margin.

    References
    ----------
    .. [1] Binance, "How to Calculate Liquidation Price of USDⓈ-M Futures Contracts".
    .. [2] Bybit, "Liquidation Price (USDT Contract)" and "Isolated Mode (UTA)".

    Examples
    --------
    >>> liquidation_price([100.0], size=1.0, margin=10.0, side="long", mmr=0.01).round(4)
    array([90.9091])
    """
    position = position_of(entry, size, side, kind)
    equity = require_finite("margin", margin) - require_finite("funding_paid", funding_paid)
    rate, amount = (
        require_rate("mmr", mmr),
        require_finite("maintenance_amount", maintenance_amount),
    )
    fee_rate = require_rate("fee", fee)
    if maintenance_value == "mark":
        notional = _notional_on_mark(position, equity, rate + fee_rate, amount)
        return position.price_at(notional, _solvable(position, rate + fee_rate))
    if maintenance_value != "entry":
        raise ValueError(
            f"maintenance_value must be 'mark' or 'entry', found {maintenance_value!r}"
        )
    notional = _notional_on_entry(position, equity, rate, amount, fee_rate)
    return position.price_at(notional, _solvable(position, fee_rate))


def liquidation_price_by_brackets(
    entry: npt.ArrayLike,
    size: npt.ArrayLike,
    margin: npt.ArrayLike,
    side: SideLike,
    schedule: BracketSchedule,
    rule: MarginRule,
    *,
    fee: npt.ArrayLike | None = None,
    funding_paid: npt.ArrayLike = 0.0,
) -> FloatArray:
    """Return liquidation prices with the bracket that holds at each of them.

    Parameters
    ----------
    entry, size, margin, side, funding_paid
        As in `liquidation_price`.
    schedule : BracketSchedule
        Brackets, in quote coins for linear contracts and base coins for inverse ones.
    rule : MarginRule
        The venue's rule: kind of contract, maintenance value, fee, tiering.
    fee : array_like, optional
        The account's own fee rate in place of the rule's. [1]

    Returns
    -------
    ndarray, broadcast shape
        Mark price; NaN where no positive price solves the equation. [quote per base]

    Raises
    ------
    ValueError
        If the schedule is measured in the wrong coin, or is partial and the notional at entry or
        at the liquidation price lies above its last cap. Also as in `liquidation_price`.

    Notes
    -----
    Every bracket gives one price; the answer is the first bracket that holds its own, walking
    from the entry towards loss (towards profit, where margin is already too small at entry). Where
    margin is continuous there is exactly one. Where it jumps at a border (flat tiering), a position
    may be covered on one side and uncovered on the other; it is then liquidated at the border, and
    that price is returned.

    Examples
    --------
    >>> from forcedflow.margin import rule_for, schedule_from_rows
    >>> rows = [(50e3, 0.004, 125), (250e3, 0.005, 100), (1e6, 0.01, 50)]
    >>> schedule = schedule_from_rows("binance", "BTC/USDT:USDT", 0, rows, source="example")
    >>> rule = rule_for("binance", "linear", 0)
    >>> sizes = [1.0, 4.0, 20.0]
    >>> margins = [2_500.0, 10_000.0, 50_000.0]
    >>> liquidation_price_by_brackets(50e3, sizes, margins, "long", schedule, rule).round(2)
    array([47690.76, 47726.13, 47914.14])
    """
    needed = "quote" if rule.kind == "linear" else "base"
    if schedule.unit != needed:
        raise ValueError(
            f"{schedule.name}: {rule.kind} contracts need brackets in {needed} coins, "
            f"found {schedule.unit}"
        )
    used = schedule.flat() if rule.tiering == "flat" else schedule
    position = position_of(entry, size, side, rule.kind)
    equity = require_finite("margin", margin) - require_finite("funding_paid", funding_paid)
    fee_rate = require_rate("fee", rule.fee_rate if fee is None else fee)
    rates = np.array([bracket.maintenance_margin_rate for bracket in used.brackets])
    amounts = np.array([bracket.maintenance_amount for bracket in used.brackets])
    _refuse_beyond(used, position.notional_at_entry)
    if rule.maintenance_value == "entry":
        held = _bracket_at(used, position.notional_at_entry)
        notional = _notional_on_entry(position, equity, rates[held], amounts[held], fee_rate)
        return position.price_at(notional, _solvable(position, fee_rate))
    if float(rates.max() + fee_rate.max()) >= 1:
        raise ValueError(f"{used.name}: maintenance and fee rates reach 1; no price solves that")
    notional = _walk(used, position, equity, rates, amounts, fee_rate)
    _refuse_beyond(used, notional)
    return position.price_at(notional, np.True_)


def cross_margin(
    wallet_balance: npt.ArrayLike,
    other_maintenance: npt.ArrayLike = 0.0,
    other_unrealized_pnl: npt.ArrayLike = 0.0,
) -> FloatArray:
    """Return the margin that a cross account puts behind one of its positions.

    Parameters
    ----------
    wallet_balance : array_like
        Balance without unrealized profit. [margin coins]
    other_maintenance : array_like
        Maintenance margin of all *other* positions. [margin coins]
    other_unrealized_pnl : array_like
        Unrealized profit of all *other* positions. [margin coins]

    Returns
    -------
    ndarray, broadcast shape
        ``WB - TMM1 + UPNL1``; the other positions are held at their present mark. [margin coins]

    References
    ----------
    .. [1] Binance, "How to Calculate Liquidation Price of USDⓈ-M Futures Contracts".
    """
    balance = require_finite("wallet_balance", wallet_balance)
    reserved = require_finite("other_maintenance", other_maintenance)
    return np.asarray(
        balance - reserved + require_finite("other_unrealized_pnl", other_unrealized_pnl)
    )


def funding_shift(
    size: npt.ArrayLike, side: SideLike, *, mmr: npt.ArrayLike, fee: npt.ArrayLike = 0.0
) -> FloatArray:
    r"""Return how far a linear liquidation price moves per unit of funding paid.

    .. math:: dP/dF = 1 / (q (s - \mu - f))

    Positive for longs and negative for shorts. As shorts receive what longs pay, a positive funding
    rate moves both sides' prices up.

    Returns
    -------
    ndarray, broadcast shape
        Shift. [quote per base, per quote paid]

    Raises
    ------
    ValueError
        If a size is not positive, or a rate is not in [0, 1).

    Examples
    --------
    >>> funding_shift([2.0], "long", mmr=0.005).round(6)
    array([0.502513])
    """
    coins = require("size", size, above=0.0)
    drag = require_rate("mmr", mmr) + require_rate("fee", fee)
    return np.asarray(1.0 / (coins * (side_sign(side) - drag)), dtype=np.float64)


def fresh_isolated_offset(
    leverage: npt.ArrayLike, mmr: npt.ArrayLike, fee: npt.ArrayLike, side: SideLike
) -> FloatArray:
    r"""Return liquidation price over entry price of a linear position just opened, isolated.

    .. math:: long: (1 - 1/L) / (1 - \mu - f), \qquad short: (1 + 1/L) / (1 + \mu + f)

    Parameters
    ----------
    leverage : array_like
        Leverage at entry ``L``, at least 1. [×]
    mmr : array_like
        Maintenance margin rate ``μ`` of the bracket. [1]
    fee : array_like
        Closing fee rate ``f`` that the venue reserves. [1]
    side : {"long", "short"} or array of these
        Side of the position.

    Returns
    -------
    ndarray, broadcast shape
        Ratio, below 1 for longs and above 1 for shorts; NaN for a long at leverage 1, which no
        positive price liquidates. [1]

    Raises
    ------
    ValueError
        If ``mmr + fee >= 1 / leverage``: the position would be liquidated at entry. Or if leverage
        is below 1, or a rate is not in [0, 1).

    Notes
    -----
    The first bracket's form: without maintenance amount, funding or opening fee.

    Examples
    --------
    >>> fresh_isolated_offset([10.0, 100.0], 0.005, 0.0, "long").round(6)
    array([0.904523, 0.994975])
    """
    times = np.asarray(leverage, dtype=np.float64)
    if not ((times >= 1) & np.isfinite(times)).all():
        raise ValueError(f"leverage must be at least 1, found {leverage!r}")
    drag = require_rate("mmr", mmr) + require_rate("fee", fee)
    if (drag >= 1.0 / times).any():
        raise ValueError(
            f"maintenance and fee rates of {np.max(drag):g} against an initial margin of "
            f"{np.min(1.0 / times):g}: the position would be liquidated at entry"
        )
    sign = side_sign(side)
    ratio = (1.0 - sign / times) / (1.0 - sign * drag)
    return np.asarray(np.where(ratio > 0, ratio, np.nan), dtype=np.float64)


def _notional_on_mark(
    position: Position, equity: FloatArray, drag: FloatArray, amount: FloatArray
) -> FloatArray:
    # Solves equity + d·(n - n_entry) = n·drag - amount. Where drag = d there is no root; the
    # infinity that comes out is screened by _solvable.
    d = position.direction
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray((equity + amount - d * position.notional_at_entry) / (drag - d))


def _notional_on_entry(
    position: Position, equity: FloatArray, rate: FloatArray, amount: FloatArray, fee: FloatArray
) -> FloatArray:
    value = position.notional_at_entry
    closing_fee = fee * bankruptcy_notional(position, equity, fee)
    maintenance = rate * value - amount + closing_fee
    return np.asarray(value + position.direction * (maintenance - equity))


def _solvable(position: Position, drag: FloatArray) -> npt.NDArray[np.bool_]:
    # A position that loses as n falls is only ever uncovered if each unit lost frees less than
    # one unit of maintenance; the other direction always has its root.
    return np.asarray((position.direction < 0) | (drag < 1))


def _bracket_at(schedule: BracketSchedule, notional: FloatArray) -> _Indices:
    caps = [bracket.notional_cap for bracket in schedule.brackets[:-1]]
    return np.asarray(np.searchsorted(caps, notional, side="left"), dtype=np.int64)


def _walk(
    schedule: BracketSchedule,
    position: Position,
    equity: FloatArray,
    rates: FloatArray,
    amounts: FloatArray,
    fee: FloatArray,
) -> FloatArray:
    # One root per bracket on a last axis; then the first bracket that holds its own root, walking
    # from the entry towards loss, or towards profit where margin is already too small at entry.
    position, equity, fee = _broadcast(position, equity, fee)
    each = Position(
        position.size[..., None],
        position.notional_at_entry[..., None],
        position.direction[..., None],
        position.kind,
    )
    roots = _notional_on_mark(each, equity[..., None], rates + fee[..., None], amounts)
    floors = np.array([bracket.notional_floor for bracket in schedule.brackets])
    caps = np.array([*floors[1:], np.inf])

    at_entry = _bracket_at(schedule, position.notional_at_entry)
    maintenance = position.notional_at_entry * (rates[at_entry] + fee) - amounts[at_entry]
    falling = (position.direction > 0) == (equity >= maintenance)
    index, start = np.arange(rates.size), at_entry[..., None]

    # Margin that jumps at a border (flat tiering) can leave a position covered on one side of it
    # and uncovered on the other: clipping a root to its bracket puts the answer on the border.
    reached_down = (index <= start) & (roots > floors)
    down = rates.size - 1 - np.argmax(reached_down[..., ::-1], axis=-1)
    down = np.where(reached_down.any(axis=-1), down, 0)
    up = np.argmax((index >= start) & (roots <= caps), axis=-1)

    found = np.where(falling, down, up)
    root = np.take_along_axis(roots, found[..., None], axis=-1)[..., 0]
    clipped = np.where(falling, np.minimum(root, caps[found]), np.maximum(root, floors[found]))
    return np.asarray(clipped, dtype=np.float64)


def _broadcast(
    position: Position, equity: FloatArray, fee: FloatArray
) -> tuple[Position, FloatArray, FloatArray]:
    size, value, direction, equity, fee = np.broadcast_arrays(
        position.size, position.notional_at_entry, position.direction, equity, fee
    )
    return Position(size, value, direction, position.kind), equity, fee


def _refuse_beyond(schedule: BracketSchedule, notional: FloatArray) -> None:
    if schedule.partial and (notional > schedule.last_cap).any():
        raise ValueError(schedule.beyond_message(float(np.max(notional))))

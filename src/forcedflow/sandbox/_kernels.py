"""The market's one loop, compiled: a minute at a time, a second at a time inside bursts.

In:  the market's state, which is changed in place, and an output block of many minutes.
Out: the block filled; how many minutes were run before its event list was full.
Free of everything but arrays. Its readable twin is ``tests/reference/sandbox.py``.

A minute, in this order: the value moves; planned closes and new opens are gathered and traded at
one price per venue, moved by what they take from the book; the mark follows; what the mark or the
price has crossed is liquidated or stopped in waves, each wave moving the price that the next one
sees; funding every eight hours. Market makers are the other side of every trade.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

# Cascades emerge from the books; a wave is a second, and no minute has more than sixty.
WAVES = 60


@njit(cache=True, nogil=True)
def _unlink(head: Any, nxt: Any, prv: Any, place: Any, i: int) -> None:
    # ``head`` is one list's heads by bin; ``place`` is the trader's bin, -1 when in no list.
    b = place[i]
    if b < 0:
        return
    if prv[i] >= 0:
        nxt[prv[i]] = nxt[i]
    else:
        head[b] = nxt[i]
    if nxt[i] >= 0:
        prv[nxt[i]] = prv[i]
    place[i] = -1


@njit(cache=True, nogil=True)
def _link(head: Any, nxt: Any, prv: Any, place: Any, i: int, b: int) -> None:
    nxt[i] = head[b]
    prv[i] = -1
    if head[b] >= 0:
        prv[head[b]] = i
    head[b] = i
    place[i] = b


@njit(cache=True, nogil=True)
def _bracket(venues: Any, v: int, notional: float) -> int:
    b = 0
    while notional > venues.bracket_cap[v, b]:
        b += 1
    return b


@njit(cache=True, nogil=True)
def _equity(traders: Any, venues: Any, i: int, mark: float) -> float:
    q = traders.position[i]
    paid = q * (venues.funding_paid[traders.venue[i]] - traders.funding_at[i])
    return traders.margin[i] - paid + q * (mark - traders.entry[i])


@njit(cache=True, nogil=True)
def _maintenance(traders: Any, venues: Any, i: int, mark: float) -> float:
    v = traders.venue[i]
    notional = abs(traders.position[i]) * mark
    b = _bracket(venues, v, notional)
    return notional * venues.bracket_rate[v, b] - venues.bracket_amount[v, b]


@njit(cache=True, nogil=True)
def liquidation_ticks(traders: Any, venues: Any, i: int) -> float:
    """Mark price at which equity meets maintenance; the bracket is found at that price."""
    v, q = traders.venue[i], traders.position[i]
    size, sign = abs(q), 1.0 if q > 0 else -1.0
    margin = traders.margin[i] - q * (venues.funding_paid[v] - traders.funding_at[i])
    price = float(traders.entry[i])
    for _ in range(4):
        b = _bracket(venues, v, size * max(price, 0.0))
        rate = venues.bracket_rate[v, b]
        price = (margin + venues.bracket_amount[v, b] - q * traders.entry[i]) / (
            size * (rate - sign)
        )
    return price


@njit(cache=True, nogil=True)
def _index_level(traders: Any, venues: Any, queues: Any, i: int, bin_ticks: float) -> None:
    # Bins are of the liquidation price less funding paid so far: funding moves all levels alike.
    v = traders.venue[i]
    side = 0 if traders.position[i] > 0 else 1
    level = liquidation_ticks(traders, venues, i) - venues.funding_paid[v]
    n = queues.level_head.shape[2]
    b = min(max(int(level / bin_ticks), 0), n - 1)
    _link(queues.level_head[v, side], queues.level_next, queues.level_prev, queues.level_bin, i, b)
    if side == 0:
        queues.top[v] = max(queues.top[v], b)
    else:
        queues.bottom[v] = min(queues.bottom[v], b)


@njit(cache=True, nogil=True)
def _unlevel(traders: Any, queues: Any, i: int) -> None:
    # By the side still held: call before the position changes.
    v = traders.venue[i]
    side = 0 if traders.position[i] > 0 else 1
    _unlink(queues.level_head[v, side], queues.level_next, queues.level_prev, queues.level_bin, i)


@njit(cache=True, nogil=True)
def _level_anew(traders: Any, venues: Any, queues: Any, bin_ticks: float) -> None:
    """Move every open position to the bin of its level as funding has left it."""
    for i in range(traders.position.size):
        if traders.position[i] != 0:
            v = traders.venue[i]
            level = liquidation_ticks(traders, venues, i) - venues.funding_paid[v]
            if int(level / bin_ticks) != queues.level_bin[i]:
                _unlevel(traders, queues, i)
                _index_level(traders, venues, queues, i, bin_ticks)


@njit(cache=True, nogil=True)
def _index_stop(traders: Any, queues: Any, i: int, bin_ticks: float) -> None:
    v = traders.venue[i]
    side = 0 if traders.position[i] > 0 else 1
    n = queues.stop_head.shape[2]
    b = min(max(int(traders.stop[i] / bin_ticks), 0), n - 1)
    _link(queues.stop_head[v, side], queues.stop_next, queues.stop_prev, queues.stop_bin, i, b)
    if side == 0:
        queues.stop_top[v] = max(queues.stop_top[v], b)
    else:
        queues.stop_bottom[v] = min(queues.stop_bottom[v], b)


@njit(cache=True, nogil=True)
def _forget(traders: Any, queues: Any, i: int) -> None:
    # Out of every list, back to the idle pool.
    v = traders.venue[i]
    side = 0 if traders.position[i] > 0 else 1
    _unlink(queues.due_head, queues.due_next, queues.due_prev, queues.due_at, i)
    _unlevel(traders, queues, i)
    _unlink(queues.stop_head[v, side], queues.stop_next, queues.stop_prev, queues.stop_bin, i)
    place = queues.idle_count[v]
    queues.idle[v, place] = i
    queues.idle_place[i] = place
    queues.idle_count[v] = place + 1


@njit(cache=True, nogil=True)
def _trade(venues: Any, traders: Any, i: int, change: int, tick: int) -> None:
    # The maker takes the other side; fee apart. Positions and cash move by the same integers.
    v = traders.venue[i]
    before = traders.position[i]
    after = before + change
    venues.long_open[v] += max(after, 0) - max(before, 0)
    venues.short_open[v] += max(-after, 0) - max(-before, 0)
    venues.long_accounts[v] += (1 if after > 0 else 0) - (1 if before > 0 else 0)
    venues.short_accounts[v] += (1 if after < 0 else 0) - (1 if before < 0 else 0)
    venues.maker_position[v] -= change
    venues.maker_cash[v] += change * tick


@njit(cache=True, nogil=True)
def _settle(venues: Any, traders: Any, i: int, tick: int, fee_rate: float) -> int:
    # Close everything at ``tick``; what is left of the margin, which may be negative.
    v, q = traders.venue[i], traders.position[i]
    paid = q * (venues.funding_paid[v] - traders.funding_at[i])
    # Funding is the maker's gain where it is the trader's loss.
    venues.maker_cash[v] += paid
    fee = int(abs(q) * tick * fee_rate)
    venues.fees[v] += fee
    left = traders.margin[i] - paid + q * (tick - traders.entry[i]) - fee
    # Cash at entry was never exchanged: the maker's book holds it as q · entry.
    _trade(venues, traders, i, -q, tick)
    traders.position[i] = 0
    traders.margin[i] = 0
    return left


@njit(cache=True, nogil=True)
def _emit(
    out: Any,
    traders: Any,
    venues: Any,
    i: int,
    ms: int,
    mark: float,
    bankrupt: float,
    caused: bool,
) -> int:
    """Write down the position as its trigger found it; amount and price follow from the order."""
    n = out.n_events[0]
    if n == out.event_ms.size:
        # Unchecked, the next write would be into somebody else's memory.
        raise ValueError("more liquidations in one minute than a block has room for")
    v, q = traders.venue[i], traders.position[i]
    out.event_position[n] = q
    out.event_entry[n] = traders.entry[i]
    out.event_margin[n] = traders.margin[i] - q * (venues.funding_paid[v] - traders.funding_at[i])
    out.event_ms[n] = ms
    out.event_venue[n] = v
    out.event_mark[n] = mark
    out.event_bankruptcy[n] = bankrupt
    out.event_caused[n] = caused
    out.event_trader[n] = i
    out.n_events[0] = n + 1
    return n


@njit(cache=True, nogil=True)
def _liquidate(
    venues: Any, traders: Any, queues: Any, habits: Any, i: int, mark: float, tick: int, bins: float
) -> int:
    """Reduce to the bracket below where there is one and equity allows it, else close.

    Returns the signed contracts that go to the market.
    """
    v, q = traders.venue[i], traders.position[i]
    size, sign = abs(q), 1 if q > 0 else -1
    b = _bracket(venues, v, size * mark)
    equity = _equity(traders, venues, i, float(tick))
    if b > 0 and equity > 0.0:
        keep = int(venues.bracket_cap[v, b - 1] / mark)
        cut = size - keep
        if 0 < cut < size:
            paid = sign * cut * (venues.funding_paid[v] - traders.funding_at[i])
            fee = int(cut * tick * venues.fee_rate[v])
            venues.fees[v] += fee
            venues.maker_cash[v] += paid
            gain = sign * cut * (tick - traders.entry[i])
            _unlevel(traders, queues, i)
            _trade(venues, traders, i, -sign * cut, tick)
            traders.position[i] = sign * keep
            traders.margin[i] += gain - paid - fee
            _index_level(traders, venues, queues, i, bins)
            return sign * cut
    _forget(traders, queues, i)
    left = _settle(venues, traders, i, tick, venues.fee_rate[v])
    # What is left pays the fund up to half a percent of the position; the rest goes home.
    to_fund = min(left, int(size * tick * habits.liquidation_fee)) if left > 0 else left
    venues.insurance[v] += to_fund
    venues.withdrawals[v] += left - to_fund
    return q


@njit(cache=True, nogil=True)
def _deleverage(
    venues: Any, traders: Any, queues: Any, rng: Any, i: int, bankrupt: int, bins: float
) -> bool:
    """Close ``i`` at its bankruptcy price against the other side's winners; False if none found.

    Winners are ranked by profit times leverage among a sample of the venue's traders.
    """
    v, q = traders.venue[i], traders.position[i]
    n = traders.venue.size
    wanted = abs(q)
    sign = 1 if q > 0 else -1
    chosen = np.empty(16, dtype=np.int64)
    found, held = 0, 0
    for _ in range(16):
        best, best_rank = -1, 0.0
        for _ in range(48):
            j = int(rng.random() * n)
            if traders.venue[j] != v or traders.position[j] * sign >= 0:
                continue
            taken = False
            for c in range(found):
                taken = taken or chosen[c] == j
            if taken:
                continue
            gain = traders.position[j] * (bankrupt - traders.entry[j])
            rank = gain / max(traders.margin[j], 1)
            if gain > 0 and rank > best_rank:
                best, best_rank = j, rank
        if best < 0:
            break
        chosen[found] = best
        found += 1
        held += abs(traders.position[best])
        if held >= wanted:
            break
    if held < wanted:
        return False
    rest = wanted
    for c in range(found):
        j = chosen[c]
        cut = min(rest, abs(traders.position[j]))
        rest -= cut
        if cut == abs(traders.position[j]):
            _forget(traders, queues, j)
            venues.withdrawals[v] += _settle(venues, traders, j, bankrupt, 0.0)
        else:
            part = -sign * cut
            paid = part * (venues.funding_paid[v] - traders.funding_at[j])
            venues.maker_cash[v] += paid
            _trade(venues, traders, j, -part, bankrupt)
            traders.position[j] -= part
            traders.margin[j] += part * (bankrupt - traders.entry[j]) - paid
            _unlevel(traders, queues, j)
            _index_level(traders, venues, queues, j, bins)
    _forget(traders, queues, i)
    # A rounding of the bankruptcy price stays with the fund.
    venues.insurance[v] += _settle(venues, traders, i, bankrupt, 0.0)
    return True


@njit(cache=True, nogil=True)
def _bankruptcy_tick(traders: Any, venues: Any, i: int) -> int:
    v, q = traders.venue[i], traders.position[i]
    margin = traders.margin[i] - q * (venues.funding_paid[v] - traders.funding_at[i])
    price = traders.entry[i] - margin / q
    return max(1, int(np.ceil(price)) if q > 0 else int(np.floor(price)))


@njit(cache=True, nogil=True)
def _open(
    venues: Any,
    traders: Any,
    queues: Any,
    world: Any,
    habits: Any,
    rng: Any,
    i: int,
    side: int,
    tick: int,
    bins: float,
) -> None:
    """Enter a position at ``tick``: leverage, margin, fee, stop and planned close."""
    v = traders.venue[i]
    notional = traders.size_usd[i] * np.exp(0.5 * rng.standard_normal()) / habits.money
    b = _bracket(venues, v, notional)
    wanted = max(1.2, traders.leverage[i] * np.exp(world.appetite[0]))
    if not traders.cross[i] and wanted >= 8.0:
        # An isolated position's leverage is picked on a slider: round numbers.
        wanted = habits.round_leverage[np.argmin(np.abs(np.log(habits.round_leverage / wanted)))]
    leverage = min(wanted, venues.bracket_leverage[v, b])
    size = max(1, int(notional / tick))
    q = size if side > 0 else -size
    margin = int(size * tick / leverage)
    if traders.cross[i]:
        # The wallet behind a cross position: effective leverage is anywhere below the set one.
        margin = int(margin * (1.0 + 2.5 * rng.random()))
    fee = int(size * tick * venues.fee_rate[v])
    venues.deposits[v] += margin + fee
    venues.fees[v] += fee
    _trade(venues, traders, i, q, tick)
    traders.position[i] = q
    traders.entry[i] = tick
    traders.margin[i] = margin
    traders.funding_at[i] = venues.funding_paid[v]
    traders.opened[i] = world.minute[0]
    traders.topped_up[i] = False
    place = queues.idle_place[i]
    last = queues.idle[v, queues.idle_count[v] - 1]
    queues.idle[v, place] = last
    queues.idle_place[last] = place
    queues.idle_count[v] -= 1
    _index_level(traders, venues, queues, i, bins)
    traders.stop[i] = 0
    if traders.kind[i] < 2 and rng.random() < habits.stop_share:
        # Obvious places: beyond the last day's extreme, or the next round price.
        pick = rng.random()
        if side > 0:
            level = world.day_low[1] if pick < 0.5 else np.floor(tick * 0.985 / 10_000) * 10_000
            stop = int(level * (1.0 - 0.002 * rng.random()))
            far = stop < tick * 0.998
        else:
            level = world.day_high[1] if pick < 0.5 else np.ceil(tick * 1.015 / 10_000) * 10_000
            stop = int(level * (1.0 + 0.002 * rng.random()))
            far = stop > tick * 1.002
        if far and stop > 0:
            traders.stop[i] = stop
            _index_stop(traders, queues, i, bins)
    hold = habits.hold_minutes / leverage * np.exp(habits.hold_sigma * rng.standard_normal())
    if traders.kind[i] >= 2:
        hold *= 6.0
    _plan(queues, world, i, hold)


@njit(cache=True, nogil=True)
def _plan(queues: Any, world: Any, i: int, minutes: float) -> None:
    ring = queues.due_head.size
    ahead = min(max(int(minutes), 2), ring - 2)
    slot = (world.minute[0] + ahead) % ring
    _link(queues.due_head, queues.due_next, queues.due_prev, queues.due_at, i, slot)


@njit(cache=True, nogil=True)
def _gather_closes(
    venues: Any,
    traders: Any,
    queues: Any,
    world: Any,
    habits: Any,
    rng: Any,
    bins: float,
    closes: Any,
) -> int:
    """Who closes this minute. Losers wait longer than winners; some add margin instead."""
    slot = world.minute[0] % queues.due_head.size
    n = 0
    i = queues.due_head[slot]
    while i >= 0:
        following = queues.due_next[i]
        _unlink(queues.due_head, queues.due_next, queues.due_prev, queues.due_at, i)
        v = traders.venue[i]
        equity = _equity(traders, venues, i, venues.mark[v])
        losing = equity < traders.margin[i]
        if losing and rng.random() < habits.loser_delay:
            hurt = equity < 0.5 * traders.margin[i] and not traders.topped_up[i]
            if hurt and rng.random() < habits.top_up_share:
                extra = traders.margin[i] // 2
                _unlevel(traders, queues, i)
                traders.margin[i] += extra
                venues.deposits[v] += extra
                traders.topped_up[i] = True
                _index_level(traders, venues, queues, i, bins)
            held = world.minute[0] - traders.opened[i]
            _plan(queues, world, i, 0.7 * held + 5.0)
        else:
            closes[n] = i
            n += 1
        i = following
    return n


@njit(cache=True, nogil=True)
def _gather_opens(
    venues: Any,
    traders: Any,
    queues: Any,
    world: Any,
    habits: Any,
    rng: Any,
    activity: float,
    opens: Any,
    sides: Any,
    picked: Any,
) -> int:
    """Who opens this minute, and on which side."""
    n = 0
    trend = world.fast_trend[0] + 0.5 * world.slow_trend[0]
    for v in range(venues.price.size):
        both = venues.long_open[v] + venues.short_open[v] + 1
        imbalance = (venues.long_open[v] - venues.short_open[v]) / both
        busy = activity * (1.0 + 0.35 * min(abs(trend), 4.0)) * np.exp(world.fervour[0])
        wanted = rng.poisson(habits.open_rate * queues.idle_count[v] * busy)
        for _ in range(min(wanted, queues.idle_count[v] // 2)):
            i = queues.idle[v, int(rng.random() * queues.idle_count[v])]
            if picked[i] == world.minute[0]:
                continue
            picked[i] = world.minute[0]
            kind = traders.kind[i]
            lean = habits.crowd - habits.balance * imbalance
            if kind == 0:
                lean += habits.trend * trend
            elif kind == 1:
                lean -= 0.6 * habits.trend * trend
            elif kind == 2:
                lean = -60.0 * imbalance
            else:
                lean -= 1.5
            opens[n] = i
            sides[n] = 1 if rng.random() < 1.0 / (1.0 + np.exp(-lean)) else -1
            n += 1
    return n


@njit(cache=True, nogil=True)
def _sweep(
    venues: Any,
    traders: Any,
    queues: Any,
    side: int,
    v: int,
    mark: float,
    bins: float,
    hit: Any,
    n: int,
) -> int:
    """Collect whoever the mark liquidates on one side of a venue; exact test per position."""
    head = queues.level_head[v, side]
    # Levels beyond the index stand in its outermost bins.
    here = min(int(max(mark - venues.funding_paid[v], 0.0) / bins), head.size - 1)
    # Bins know funding to first order, the test knows it exactly. A day of the dearest funding in
    # the dearest bracket moves a level 0.05 % against its bin: two bins, while price has not more
    # than doubled. Then levels are binned anew.
    if side == 0:
        b, stop, step = queues.top[v], max(here - 2, 0), -1
    else:
        b, stop, step = queues.bottom[v], min(here + 2, head.size - 1), 1
    first_live = -1
    while (b >= stop) if side == 0 else (b <= stop):
        i = head[b]
        if i >= 0:
            live = False
            while i >= 0:
                following = queues.level_next[i]
                if _equity(traders, venues, i, mark) <= _maintenance(traders, venues, i, mark):
                    hit[n] = i
                    n += 1
                else:
                    live = True
                i = following
            if live and first_live < 0:
                first_live = b
        b += step
    if side == 0:
        queues.top[v] = max(b, first_live)
    else:
        queues.bottom[v] = b if first_live < 0 else min(b, first_live)
    return n


@njit(cache=True, nogil=True)
def _sweep_stops(
    traders: Any, queues: Any, side: int, v: int, price: float, bins: float, hit: Any, n: int
) -> int:
    head = queues.stop_head[v, side]
    here = min(int(price / bins), head.size - 1)
    if side == 0:
        b, stop, step = queues.stop_top[v], here, -1
    else:
        b, stop, step = queues.stop_bottom[v], here, 1
    first_live = -1
    while (b >= stop) if side == 0 else (b <= stop):
        i = head[b]
        live = False
        while i >= 0:
            following = queues.stop_next[i]
            crossed = price <= traders.stop[i] if side == 0 else price >= traders.stop[i]
            if crossed:
                hit[n] = i
                n += 1
            else:
                live = True
            i = following
        if live and first_live < 0:
            first_live = b
        b += step
    if side == 0:
        queues.stop_top[v] = max(b, first_live)
    else:
        queues.stop_bottom[v] = b if first_live < 0 else min(b, first_live)
    return n


@njit(cache=True, nogil=True)
def _push(venues: Any, flow: Any, depth: Any, forced: Any, arbitrage: float) -> None:
    """Move each venue by what its flow takes from the book; arbitrage draws the venues together."""
    total, common, common_forced = 0.0, 0.0, 0.0
    for v in range(flow.size):
        venues.impact[v] += flow[v] / depth[v]
        venues.forced_impact[v] += forced[v] / depth[v]
        total += depth[v]
    for v in range(flow.size):
        common += venues.impact[v] * depth[v] / total
        common_forced += venues.forced_impact[v] * depth[v] / total
    for v in range(flow.size):
        venues.impact[v] += arbitrage * (common - venues.impact[v])
        venues.forced_impact[v] += arbitrage * (common_forced - venues.forced_impact[v])


@njit(cache=True, nogil=True)
def _common(values: Any, depth: Any) -> float:
    total, common = 0.0, 0.0
    for v in range(values.size):
        common += values[v] * depth[v]
        total += depth[v]
    return common / total


@njit(cache=True, nogil=True)
def _move_value(world: Any, habits: Any, rng: Any, activity: float) -> float:
    """Advance volatility and the value everybody trades around; returns the minute's sigma."""
    world.slow_vol[0] += -habits.slow_rate * world.slow_vol[0] + (
        habits.slow_noise * rng.standard_normal()
    )
    world.fast_vol[0] += -habits.fast_rate * world.fast_vol[0] + (
        habits.fast_noise * rng.standard_normal()
    )
    # Moods that everybody shares: how much leverage is fashionable, how eagerly people open.
    world.appetite[0] += -habits.appetite_rate * world.appetite[0] + (
        habits.appetite_noise * rng.standard_normal()
    )
    world.fervour[0] += -habits.fervour_rate * world.fervour[0] + (
        habits.fervour_noise * rng.standard_normal()
    )
    log_vol = world.slow_vol[0] + world.fast_vol[0] - habits.vol_mean
    sigma = habits.sigma_minute * np.exp(log_vol) * np.sqrt(activity)
    if world.event_left[0] > 0.0:
        fading = world.event_left[0] / habits.event_minutes
        sigma *= 1.0 + (habits.event_vol - 1.0) * fading
        world.event_left[0] -= 1.0
    # Student's t with four degrees of freedom, scaled to unit variance.
    chi = -2.0 * (np.log(1.0 - rng.random()) + np.log(1.0 - rng.random()))
    world.log_value[0] += sigma * rng.standard_normal() / np.sqrt(chi / 4.0) / np.sqrt(2.0)
    if rng.random() < habits.jump_rate:
        world.log_value[0] += habits.jump_size * rng.standard_normal()
    return sigma


@njit(cache=True, nogil=True)
def _burst(
    venues: Any,
    traders: Any,
    queues: Any,
    world: Any,
    habits: Any,
    rng: Any,
    out: Any,
    row: int,
    side: int,
    reach: Any,
    price_reach: Any,
    depth: Any,
    bins: float,
    flow: Any,
    forced: Any,
) -> None:
    """Liquidate and stop out one side in waves until a wave finds nobody.

    ``reach`` and ``price_reach`` are the farthest mark and price of the minute per venue; each wave
    moves them by what it took from the books, and the next wave looks again.
    """
    n_venues = reach.size
    start_s = int(rng.random() * 25)
    start_ms = (world.minute[0] * 60 + start_s) * 1000
    sign = 1 if side == 0 else -1
    slowest, quiet = venues.latency_s.max(), 0
    # What has not ended when the minute does goes on in the next.
    for wave in range(WAVES - start_s):
        any_hit = False
        before = _common(venues.impact, depth)
        for v in range(n_venues):
            flow[v] = 0.0
            forced[v] = 0.0
            if wave % venues.latency_s[v]:
                continue
            n = _sweep(venues, traders, queues, side, v, reach[v], bins, out.hit, 0)
            unforced = reach[v] * np.exp(-venues.forced_impact[v])
            for c in range(n):
                i = out.hit[c]
                mark = reach[v]
                caused = _equity(traders, venues, i, unforced) > _maintenance(
                    traders, venues, i, unforced
                )
                bankrupt = _bankruptcy_tick(traders, venues, i)
                slip = (flow[v] - sign * 0.5 * abs(traders.position[i])) / depth[v]
                tick = max(1, int(price_reach[v] * np.exp(slip)))
                worse = tick < bankrupt if side == 0 else tick > bankrupt
                loss = abs(traders.position[i]) * abs(bankrupt - tick)
                ms = start_ms + wave * 1000 + int(rng.random() * 900)
                event = _emit(out, traders, venues, i, ms, mark, bankrupt, caused)
                if worse and venues.insurance[v] < loss:
                    q = traders.position[i]
                    if _deleverage(venues, traders, queues, rng, i, bankrupt, bins):
                        out.event_amount[event] = q
                        out.event_tick[event] = bankrupt
                        out.deleveraged[row, v] += abs(q)
                        out.forced[row, v, side] += abs(q)
                        out.caused[row, v, side] += abs(q) if caused else 0
                        any_hit = True
                        continue
                sold = _liquidate(venues, traders, queues, habits, i, mark, tick, bins)
                out.event_amount[event] = sold
                out.event_tick[event] = tick
                flow[v] -= sold
                forced[v] -= sold
                out.forced[row, v, side] += abs(sold)
                out.caused[row, v, side] += abs(sold) if caused else 0
                any_hit = True
            n = _sweep_stops(traders, queues, side, v, price_reach[v], bins, out.hit, 0)
            for c in range(n):
                i = out.hit[c]
                if traders.position[i] == 0:
                    continue
                q = traders.position[i]
                tick = max(1, int(price_reach[v] * np.exp((flow[v] - 0.5 * q) / depth[v])))
                left = _leave(venues, traders, queues, i, tick)
                venues.withdrawals[v] += max(left, 0)
                venues.insurance[v] += min(left, 0)
                flow[v] -= q
                any_hit = True
            out.volume[row, v] += int(abs(flow[v]))
            if flow[v] > 0:
                out.taker_buy[row, v] += int(flow[v])
        # A slow venue has not looked yet when the quick ones find nobody.
        quiet = 0 if any_hit else quiet + 1
        if quiet == slowest:
            break
        if quiet > 0:
            continue
        _push(venues, flow, depth, forced, habits.wave_arbitrage)
        moved = _common(venues.impact, depth) - before
        for v in range(n_venues):
            price_reach[v] *= np.exp(moved)
            reach[v] *= np.exp(moved * habits.wave_mark)
            # What is sold at once is gone from the book until the makers come back.
            venues.withdrawal[v] *= np.exp(-0.5 * abs(flow[v]) / (0.01 * depth[v]))
            venues.withdrawal[v] = max(venues.withdrawal[v], 0.3)


@njit(cache=True, nogil=True)
def _leave(venues: Any, traders: Any, queues: Any, i: int, tick: int) -> int:
    """Close by choice at ``tick``; what is left of the margin."""
    _forget(traders, queues, i)
    return _settle(venues, traders, i, tick, venues.fee_rate[traders.venue[i]])


@njit(cache=True, nogil=True)
def _fund(venues: Any, out: Any, row: int) -> None:
    """Every eight hours: rate = mean premium plus the clamped interest term, as venues publish."""
    for v in range(venues.price.size):
        premium = venues.premium_sum[v] / 480.0
        rate = premium + min(max(0.0001 - premium, -0.0005), 0.0005)
        rate = min(max(rate, -0.003), 0.003)
        out.funding_rate[row, v] = rate
        venues.funding_paid[v] += int(np.rint(rate * venues.mark[v]))
        venues.premium_sum[v] = 0.0


@njit(cache=True, nogil=True)
def run(
    venues: Any,
    traders: Any,
    queues: Any,
    world: Any,
    habits: Any,
    rng: Any,
    out: Any,
    minutes: int,
) -> int:
    """Run up to ``minutes`` minutes into ``out``; fewer if its event list would run over."""
    n_venues, bins = venues.price.size, habits.bin_ticks
    flow, forced = np.zeros(n_venues), np.zeros(n_venues)
    depth, reach, price_reach = np.zeros(n_venues), np.zeros(n_venues), np.zeros(n_venues)
    opened, before_mark = np.zeros(n_venues), np.zeros(n_venues)
    for row in range(minutes):
        if out.n_events[0] + 4 * traders.venue.size // 10 > out.event_ms.size:
            return row
        minute = world.minute[0]
        activity = habits.activity[minute % 10_080]
        for e in range(habits.event_minute.size):
            if habits.event_minute[e] == minute:
                world.event_left[0] = habits.event_minutes
        old_spot = world.spot[0]
        sigma = _move_value(world, habits, rng, activity)
        calm = habits.sigma_minute**2
        world.recent_variance[0] += 0.15 * (sigma**2 - world.recent_variance[0])
        thin = np.exp(-habits.withdrawal * max(np.log(world.recent_variance[0] / calm) * 0.5, -1.0))
        for v in range(n_venues):
            venues.withdrawal[v] += habits.refill * (1.0 - venues.withdrawal[v])
            depth[v] = venues.depth[v] * habits.depth_week[minute % 10_080]
            depth[v] *= min(thin, 1.6) * venues.withdrawal[v]
            out.depth[row, v] = depth[v]
            opened[v] = venues.price[v]
            before_mark[v] = venues.mark[v]
            flow[v], forced[v] = 0.0, 0.0
            # Impact fades; part of it stays in the value.
            faded = venues.impact[v] * habits.impact_fade
            venues.impact[v] -= faded
            venues.forced_impact[v] *= 1.0 - habits.impact_fade
            world.log_value[0] += habits.permanent * faded / n_venues
        n_closes = _gather_closes(venues, traders, queues, world, habits, rng, bins, out.closes)
        n_opens = _gather_opens(
            venues, traders, queues, world, habits, rng, activity, out.opens, out.sides, out.picked
        )
        for c in range(n_closes):
            i = out.closes[c]
            flow[traders.venue[i]] -= traders.position[i]
            out.volume[row, traders.venue[i]] += abs(traders.position[i])
            if traders.position[i] < 0:
                out.taker_buy[row, traders.venue[i]] -= traders.position[i]
        for c in range(n_opens):
            i = out.opens[c]
            v = traders.venue[i]
            size = traders.size_usd[i] / habits.money / venues.price[v]
            flow[v] += out.sides[c] * size
        _push(venues, flow, depth, forced, habits.arbitrage)
        common = _common(venues.impact, depth)
        world.spot[0] = np.exp(world.log_value[0] + 0.9 * common)
        for v in range(n_venues):
            both = venues.long_open[v] + venues.short_open[v] + 1
            imbalance = (venues.long_open[v] - venues.short_open[v]) / both
            basis = habits.premium * imbalance * 10.0
            venues.price[v] = np.exp(world.log_value[0] + venues.impact[v] + basis)
            premium = np.log(venues.mark[v] / old_spot)
            premium += (np.log(venues.price[v] / world.spot[0]) - premium) * habits.minute_mark
            venues.mark[v] = world.spot[0] * np.exp(premium)
            venues.premium_sum[v] += np.log(venues.price[v] / world.spot[0])
        for c in range(n_closes):
            i = out.closes[c]
            v = traders.venue[i]
            if traders.position[i] != 0:
                tick = max(1, int(np.rint(venues.price[v])))
                left = _leave(venues, traders, queues, i, tick)
                venues.withdrawals[v] += max(left, 0)
                venues.insurance[v] += min(left, 0)
        for c in range(n_opens):
            i = out.opens[c]
            v = traders.venue[i]
            tick = max(1, int(np.rint(venues.price[v])))
            _open(venues, traders, queues, world, habits, rng, i, out.sides[c], tick, bins)
            out.volume[row, v] += abs(traders.position[i])
            if out.sides[c] > 0:
                out.taker_buy[row, v] += traders.position[i]
        # Extremes of the minute: a Brownian bridge between its ends.
        step = np.log(world.spot[0] / old_spot)
        spread = 2.0 * sigma**2
        up = 0.5 * (step + np.sqrt(step**2 - spread * np.log(1.0 - rng.random())))
        down = 0.5 * (step - np.sqrt(step**2 - spread * np.log(1.0 - rng.random())))
        spot_high, spot_low = old_spot * np.exp(up), old_spot * np.exp(down)
        for side in range(2):
            away = down - step if side == 0 else up - step
            for v in range(n_venues):
                reach[v] = venues.mark[v] * np.exp(away)
                price_reach[v] = venues.price[v] * np.exp(away)
            start = _common(venues.impact, depth)
            _burst(
                venues,
                traders,
                queues,
                world,
                habits,
                rng,
                out,
                row,
                side,
                reach,
                price_reach,
                depth,
                bins,
                flow,
                forced,
            )
            moved = _common(venues.impact, depth) - start
            for v in range(n_venues):
                venues.price[v] *= np.exp(moved)
                venues.mark[v] *= np.exp(moved * habits.wave_mark)
                if side == 0:
                    out.low[row, v] = min(price_reach[v], venues.price[v], opened[v])
                    out.mark_low[row, v] = min(reach[v], venues.mark[v], before_mark[v])
                else:
                    out.high[row, v] = max(price_reach[v], venues.price[v], opened[v])
                    out.mark_high[row, v] = max(reach[v], venues.mark[v], before_mark[v])
            world.spot[0] *= np.exp(0.9 * moved)
        out.spot[row, 0], out.spot[row, 3] = old_spot, world.spot[0]
        out.spot[row, 1] = max(spot_high, old_spot, world.spot[0])
        out.spot[row, 2] = min(spot_low, old_spot, world.spot[0])
        pace = activity * (0.5 + 0.5 * sigma / habits.sigma_minute)
        out.spot_volume[row] = habits.spot_volume * pace * np.exp(0.4 * rng.standard_normal())
        drift = min(max(np.log(world.spot[0] / old_spot) / sigma, -2.5), 2.5)
        for v in range(n_venues):
            out.open[row, v], out.close[row, v] = opened[v], venues.price[v]
            out.low[row, v] = min(out.low[row, v], venues.price[v])
            out.mark_open[row, v], out.mark_close[row, v] = before_mark[v], venues.mark[v]
            out.mark_low[row, v] = min(out.mark_low[row, v], venues.mark[v])
            long_all = venues.long_open[v] + max(venues.maker_position[v], 0)
            out.open_interest[row, v] = long_all
            # Makers and fast traders pass contracts among themselves: volume without a position.
            churn = habits.churn * long_all / 1440.0 * pace * np.exp(0.5 * rng.standard_normal())
            bought = churn * (0.5 + 0.08 * drift)
            out.volume[row, v] += int(churn)
            out.taker_buy[row, v] += int(bought)
            out.accounts[row, v, 0] = venues.long_accounts[v]
            out.accounts[row, v, 1] = venues.short_accounts[v]
            out.funding_rate[row, v] = np.nan
        if (minute + 1) % 480 == 0:
            _fund(venues, out, row)
        if (minute + 1) % 1440 == 0:
            _level_anew(traders, venues, queues, bins)
        moved_z = np.log(world.spot[0] / old_spot) / habits.sigma_minute
        # Moving averages of half an hour and of a day, scaled to unit variance on a random walk.
        world.fast_trend[0] += (7.7 * moved_z - world.fast_trend[0]) / 30.0
        world.slow_trend[0] += (53.7 * moved_z - world.slow_trend[0]) / 1440.0
        if (minute + 1) % 1440 == 0:
            world.day_high[1], world.day_low[1] = world.day_high[0], world.day_low[0]
            world.day_high[0] = world.spot[0]
            world.day_low[0] = world.spot[0]
        world.day_high[0] = max(world.day_high[0], world.spot[0])
        world.day_low[0] = min(world.day_low[0], world.spot[0])
        world.minute[0] += 1
    return minutes

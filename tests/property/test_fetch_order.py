"""Whoever answers first, answers are written in the order of the plan, and few of them wait."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from forcedflow.venues.connector import Piece
from forcedflow.venues.fetch_plan import Plan


def piece(name, instead=(), *, large=False, host="rest"):
    tables = frozenset({"trades" if large else "klines"})
    return Piece(name, tables, 0, 1, dict, instead=tuple(instead), host=host)


@st.composite
def forests(draw):
    """Draw pieces with what stands in for them, two levels deep; names may repeat in the depth."""
    shared = [piece(f"tail-{i}") for i in range(3)]
    found = []
    for month in range(draw(st.integers(0, 12))):
        days = []
        for day in range(draw(st.integers(0, 5))):
            tails = draw(st.lists(st.sampled_from(shared), max_size=2, unique_by=id))
            days.append(piece(f"{month}-{day}", tails, host="archive"))
        found.append(piece(f"{month}", days, large=draw(st.booleans()), host="archive"))
    return found


def in_order(pieces, missing):
    """Return the names that are there, each where it is first met, depth first."""
    met, order = {piece.name for piece in pieces}, []

    def walk(piece):
        if piece.name not in missing:
            order.append(piece.name)
            return
        for other in piece.instead:
            if other.name not in met:
                met.add(other.name)
                walk(other)

    for each in pieces:
        walk(each)
    return order


@given(forests(), st.integers(1, 4), st.data())
@settings(deadline=None, max_examples=200)
def test_answers_are_due_in_the_order_of_the_plan_and_nothing_is_asked_twice(
    pieces, concurrency, data
):
    plan = Plan(pieces, concurrency)
    every = {
        p.name for m in pieces for p in (m, *m.instead, *(t for d in m.instead for t in d.instead))
    }
    missing = data.draw(st.sets(st.sampled_from(sorted(every)))) if every else set()
    under_way, written, asked = [], [], []
    while plan.done < plan.total:
        started = plan.start()
        asked += [step.piece.name for step in started]
        under_way += started
        assert under_way, "somebody is always asked"
        held = plan.total - plan.done
        assert held >= len(under_way)
        assert len(under_way) <= 4 * concurrency + 1
        assert sum(step.is_large for step in under_way) <= 2
        step = under_way.pop(data.draw(st.integers(0, len(under_way) - 1)))
        if step.piece.name not in missing:
            plan.answer(step, step.piece.name)
        elif step.piece.instead:
            plan.replace(step)
        else:
            plan.drop(step, "not there")
        written += plan.due()
    assert len(asked) == len(set(asked))
    assert sorted(written) == sorted(set(asked) - missing)
    if not any("tail" in name for name in written):
        assert written == in_order(pieces, missing)

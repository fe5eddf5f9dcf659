"""The overlap of two profiles, written to be read: units paired one by one by augmenting paths."""

from __future__ import annotations


def paired_units(first, second, reach):
    """Most units of two rows of whole numbers that can be paired at most ``reach`` bins apart."""
    left = [i for i, units in enumerate(first) for _ in range(units)]
    right = [j for j, units in enumerate(second) for _ in range(units)]
    partner = [None] * len(right)

    def finds_one(unit, tried):
        for other, place in enumerate(right):
            if abs(left[unit] - place) > reach or other in tried:
                continue
            tried.add(other)
            if partner[other] is None or finds_one(partner[other], tried):
                partner[other] = unit
                return True
        return False

    return sum(finds_one(unit, set()) for unit in range(len(left)))

"""Regimes, written to be read: one moment after the other."""

from __future__ import annotations


def latched(begins, goes_on, known):
    held = []
    holds = False
    for begin, stay, is_known in zip(begins, goes_on, known, strict=True):
        holds = is_known and (begin or (holds and stay))
        held.append(holds)
    return held

"""What is missing where a signal is unknown, in words that name the table.

In:  a `FeatureTable`, names of tables.   Out: one sentence.
Pure: values in, text out; no I/O, no clock, no global state.
"""

from __future__ import annotations

from forcedflow.features.table import FeatureTable
from forcedflow.units import format_age


def missing_words(table: FeatureTable, *needed: str | tuple[str, ...]) -> str:
    """Return why a figure could not be computed at the last moment.

    Parameters
    ----------
    table : FeatureTable
    needed : str or tuple of str
        Tables it rests on, as `forcedflow.features.inputs.FeatureInputs.tables` names them; any
        one of a tuple is enough.

    Returns
    -------
    str
        The tables that are not held; where all are, how old each is and that it covers too little.
    """
    groups = [(names,) if isinstance(names, str) else names for names in needed]
    absent = [
        " or ".join(names)
        for names in groups
        if all(table.input_age_ms.get(name) is None for name in names)
    ]
    if absent:
        return f"unknown: no rows of {', '.join(absent)} were known by then"
    ages = []
    for names in groups:
        held = {name: table.input_age_ms.get(name) for name in names}
        newest, age = min(
            ((name, age) for name, age in held.items() if age is not None), key=lambda pair: pair[1]
        )
        ages.append(f"{newest} ({format_age(age)} old)")
    return f"unknown: too old, or too little of the past is held: {', '.join(ages)}"

"""Parameters that endpoints share, with their bounds.

In:  nothing.   Out: annotated types that check and document a parameter.
Free of anything that runs.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from fastapi import Query

Symbol: TypeAlias = Annotated[
    str,
    Query(
        description="BTC, BTCUSDT or BTC/USDT:USDT.",
        min_length=1,
        max_length=40,
        pattern=r"^[A-Za-z0-9/:_\-]+$",
    ),
]

Venue: TypeAlias = Annotated[
    str,
    Query(
        description="Venue of the contract.",
        min_length=1,
        max_length=40,
        pattern=r"^[A-Za-z0-9_\-]+$",
    ),
]

Venues: TypeAlias = Annotated[
    str,
    Query(
        description="Venue of the contract, or several by commas.",
        min_length=1,
        max_length=200,
        pattern=r"^[A-Za-z0-9_\-]+(,[A-Za-z0-9_\-]+)*$",
    ),
]

At: TypeAlias = Annotated[
    str | None,
    Query(
        description="Exactly what was known then: ISO 8601 or UTC milliseconds; "
        "the start of this minute by default.",
        min_length=4,
        max_length=40,
    ),
]

Model: TypeAlias = Annotated[
    Literal["prior", "calibrated"] | None,
    Query(description="Which mixture; by default what was trained by then, else the prior."),
]

Range: TypeAlias = Annotated[
    str,
    Query(
        alias="range",
        description="Span before the moment: 12h, 24h, 3d, 7d, 30d, 90d, 180d, 1y, or any other.",
        pattern=r"^[0-9]{1,6}[smhdwy]$",
    ),
]

Usd: TypeAlias = Annotated[float, Query(gt=0, le=1e12, allow_inf_nan=False, description="[USD]")]

OptionalUsd: TypeAlias = Annotated[
    float | None, Query(gt=0, le=1e12, allow_inf_nan=False, description="[USD]")
]

Price: TypeAlias = Annotated[
    float | None, Query(gt=0, le=1e12, allow_inf_nan=False, description="[quote per base]")
]

Percent: TypeAlias = Annotated[
    float | None,
    Query(gt=0, le=100, allow_inf_nan=False, description="Share of the equity at risk. [%]"),
]

Move: TypeAlias = Annotated[
    str | None,
    Query(
        description="Signed percentage, such as -3%.",
        pattern=r"^[+\-]?[0-9]{1,2}(\.[0-9]{1,6})? ?%$",
    ),
]

Scenarios: TypeAlias = Annotated[int, Query(ge=100, le=20_000, description="Paths to simulate.")]

SideOf: TypeAlias = Annotated[
    Literal["long", "short"] | None, Query(description="Side of a position thought of.")
]

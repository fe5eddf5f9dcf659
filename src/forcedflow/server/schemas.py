"""Shapes of answers as OpenAPI tells them.

In:  nothing.   Out: schemas; the answers themselves are made by `forcedflow.answers`.
Free of anything that runs: these are read when the description is made.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict


class Problem(BaseModel):
    """Why there is no answer.

    Parameters
    ----------
    code : str
        For programs.
    message : str
        For people.
    hint : str, optional
        What to do about it.
    """

    code: str
    message: str
    hint: str | None


class ErrorBody(BaseModel):
    """The one shape of every error."""

    error: Problem


class AnswerBody(BaseModel):
    """What every answer states; the rest is of its stage.

    Parameters
    ----------
    simulated : bool
        Whether anything in it is of the simulated exchange.
    assumptions : dict
        What it rests on.
    freshness : dict
        How old its inputs were at the moment asked about.
    """

    model_config = ConfigDict(extra="allow")

    simulated: bool
    assumptions: dict[str, Any]
    freshness: dict[str, Any]

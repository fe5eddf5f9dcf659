"""What went wrong, in one shape: ``{"error": {"code", "message", "hint"}}``.

In:  an error.   Out: its status, code, message and hint.
Free of what was asked; an error that nobody foresaw says nothing of the inside.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from forcedflow.errors import DataError, ForcedflowError, NoDataError, UsageError, VenueError

CODES = {
    400: "invalid",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    422: "invalid",
    429: "too_many_requests",
    501: "missing_extra",
    502: "venue",
    503: "busy",
}
"""Code of a status where nothing more is known."""


@dataclass(frozen=True, slots=True)
class Failure:
    """An answer that says why there is none.

    Parameters
    ----------
    status : int
        Of HTTP.
    code : str
        For programs.
    message : str
        For people.
    hint : str, optional
        What to do about it.
    headers : tuple of (str, str)
    """

    status: int
    code: str
    message: str
    hint: str | None = None
    headers: tuple[tuple[str, str], ...] = field(default=())

    @property
    def body(self) -> bytes:
        """Return the one shape as JSON."""
        error = {"code": self.code, "message": self.message, "hint": self.hint}
        return msgspec.json.encode({"error": error})


def failure_of(error: ForcedflowError) -> Failure:
    """Return what an error of the package is over HTTP.

    Parameters
    ----------
    error : ForcedflowError
        Its text may end in a line ``hint: …``.
    """
    message, _, hint = str(error).partition("\nhint: ")
    status, code = _kind(error)
    return Failure(status, code, message, hint or None)


def _kind(error: ForcedflowError) -> tuple[int, str]:
    if isinstance(error, NoDataError):
        return 404, "no_data"
    if isinstance(error, UsageError):
        return 422, "usage"
    if isinstance(error, VenueError):
        return 502, "venue"
    if isinstance(error, DataError):
        return 500, "damaged_data"
    return 500, "internal"

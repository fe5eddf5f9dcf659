"""What became of a fetch: what was read, what was held already, what is missing and why.

In:  outcomes of pieces.   Out: a `FetchReport`; gaps side by side as one.
Pure: no I/O, no clock, no global state.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from forcedflow.errors import ForcedflowError
from forcedflow.store import TableChange


@dataclass(frozen=True, slots=True)
class Gap:
    """A part of the past that nobody asked holds.

    Parameters
    ----------
    name : str
        File or request that would hold it; their folder where several gaps became one.
    tables : tuple of str
        Tables without rows there.
    start_ms, end_ms : int
        Where, half-open. [UTC ms]
    reason : str
        Why, in words.
    """

    name: str
    tables: tuple[str, ...]
    start_ms: int
    end_ms: int
    reason: str


@dataclass(frozen=True, slots=True)
class Failure:
    """A piece that the venue should hold and that could not be had.

    Parameters
    ----------
    name : str
        The piece.
    error : ForcedflowError
        What went wrong; asking again may help.
    """

    name: str
    error: ForcedflowError


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a fetch is.

    Parameters
    ----------
    done, total : int
        Pieces; the total grows where a month is asked for by the day.
    received_bytes : int
        What came over the network so far. [bytes]
    """

    done: int
    total: int
    received_bytes: int


@dataclass(frozen=True, slots=True)
class FetchReport:
    """What one fetch did.

    Parameters
    ----------
    read : int
        Pieces that were read and hold rows.
    held : int
        Pieces that were in the lake already and not asked for again.
    received_bytes : int
        What came over the network. [bytes]
    tables : mapping of str to TableChange
        What became of the rows.
    gaps : tuple of Gap
        What nobody asked holds, in the order of time.
    failures : tuple of Failure
        What could not be had; running again asks for it again.
    refusals : tuple of str
        Hosts that refused us or did not answer, and what was said about it.
    warnings : tuple of str
        What is to be said of what was read.
    """

    read: int = 0
    held: int = 0
    received_bytes: int = 0
    tables: Mapping[str, TableChange] = field(default_factory=dict)
    gaps: tuple[Gap, ...] = ()
    failures: tuple[Failure, ...] = ()
    refusals: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def found(self) -> bool:
        """Whether the lake holds anything of what was asked for."""
        return self.read + self.held > 0


def join_gaps(gaps: Iterable[Gap], start_ms: int, end_ms: int) -> tuple[Gap, ...]:
    """Return gaps of a span in the order of time, those that touch and have one cause as one.

    Parameters
    ----------
    gaps : iterable of Gap
        In any order.
    start_ms, end_ms : int
        What was asked for; whole files reach beyond it. [UTC ms]

    Returns
    -------
    tuple of Gap
        A joined one carries the folder of its files.

    Examples
    --------
    >>> days = [Gap(f"a/{day}.zip", ("klines",), day, day + 1, "absent") for day in range(3)]
    >>> join_gaps(days, 1, 9)
    (Gap(name='a', tables=('klines',), start_ms=1, end_ms=3, reason='absent'),)
    """
    joined: dict[tuple[str, tuple[str, ...], str], list[Gap]] = {}
    cut = (
        replace(gap, start_ms=max(gap.start_ms, start_ms), end_ms=min(gap.end_ms, end_ms))
        for gap in gaps
        if gap.start_ms < end_ms and gap.end_ms > start_ms
    )
    for gap in sorted(cut, key=lambda gap: (gap.start_ms, gap.end_ms, gap.name)):
        folder = gap.name.rpartition("/")[0] or gap.name
        spans = joined.setdefault((folder, gap.tables, gap.reason), [])
        if spans and gap.start_ms <= spans[-1].end_ms:
            end_ms = max(gap.end_ms, spans[-1].end_ms)
            spans[-1] = replace(spans[-1], name=folder, end_ms=end_ms)
        else:
            spans.append(gap)
    everything = (gap for spans in joined.values() for gap in spans)
    return tuple(sorted(everything, key=lambda gap: (gap.start_ms, gap.tables, gap.name)))

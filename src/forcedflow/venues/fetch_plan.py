"""The order of a fetch: which pieces may be asked for now, and which answers may be written now.

In:  pieces in the order in which they are to be written.   Out: steps to start, answers in order.
Pure: no I/O, no clock, no threads.

Answers arrive in any order and are written in the order of the plan. So what is asked for ahead of
the piece that is due has to be held, and is bounded: by number, and one large piece at a time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Generic, Literal, TypeAlias, TypeVar

from forcedflow.venues.connector import Piece

LARGE_TABLES: Final = frozenset({"trades", "order_book"})
"""Tables of which one day alone may fill much of a small machine's memory."""

# Pieces under way or held ahead of the one that is due, per thread.
_AHEAD_PER_THREAD: Final = 4

_Answer = TypeVar("_Answer")
_State: TypeAlias = Literal["waiting", "asked", "answered"]


@dataclass(slots=True, eq=False)
class Step(Generic[_Answer]):
    """One piece on its way.

    Parameters
    ----------
    piece : Piece
        What is asked for.
    origins : list of Piece
        The archive's files in whose place it is asked for; itself where there are none.
    missed : str, optional
        Why nobody has it, once that is known.
    """

    piece: Piece
    origins: list[Piece]
    missed: str | None = None
    state: _State = "waiting"
    answers: list[_Answer] = field(default_factory=list)

    @property
    def is_large(self) -> bool:
        """Whether few of its kind may be held at once."""
        return not self.piece.tables.isdisjoint(LARGE_TABLES)


class Plan(Generic[_Answer]):
    """Pieces in order, and how far each of them is.

    Parameters
    ----------
    pieces : sequence of Piece
        In the order in which they are to be written; one that is named twice is asked for once.
    concurrency : int
        Pieces that are asked for at once.
    """

    def __init__(self, pieces: Sequence[Piece], concurrency: int) -> None:
        self._ahead: Final = _AHEAD_PER_THREAD * concurrency
        self._known: dict[str, Step[_Answer]] = {}
        for piece in pieces:
            self._known.setdefault(piece.name, Step(piece, [piece]))
        self._later = deque(self._known.values())
        self._near: list[Step[_Answer]] = []
        self._done = 0

    @property
    def done(self) -> int:
        """Return the number of steps that are over."""
        return self._done

    @property
    def total(self) -> int:
        """Return the number of steps known so far."""
        return self._done + len(self._near) + len(self._later)

    def start(self) -> list[Step[_Answer]]:
        """Return the steps to ask for now; they count as asked.

        The step that is due is always among those asked: whatever is held waits for it.
        """
        begun = [step for step in self._near if step.state != "waiting"]
        busy, large = len(begun), sum(step.is_large for step in begun)
        started: list[Step[_Answer]] = []
        for step in self._waiting():
            fits = busy < self._ahead and not (step.is_large and large)
            if fits or step is self._near[0]:
                step.state = "asked"
                started.append(step)
                busy, large = busy + 1, large + step.is_large
            elif step is self._near[-1]:
                break
        return started

    def answer(self, step: Step[_Answer], answer: _Answer) -> None:
        """Hold what was answered until everything before it is over."""
        step.answers.append(answer)
        step.state = "answered"

    def drop(self, step: Step[_Answer], missed: str | None = None) -> None:
        """Let go of a step that has no answer."""
        step.missed = missed
        self._near.remove(step)
        self._done += 1

    def replace(self, step: Step[_Answer]) -> list[tuple[Step[_Answer], Piece]]:
        """Put what to ask for instead in the place of a step.

        Returns
        -------
        list of (Step, Piece)
            Steps that nobody has, as was found before, and the file that is missing with each.
        """
        fresh: list[Step[_Answer]] = []
        missed: list[tuple[Step[_Answer], Piece]] = []
        for piece in step.piece.instead:
            origin = piece if piece.host == "archive" else step.piece
            known = self._known.get(piece.name)
            if known is None:
                self._known[piece.name] = Step(piece, [origin])
                fresh.append(self._known[piece.name])
            elif known.missed is not None:
                missed.append((known, origin))
            elif known.piece.host != "archive":
                known.origins.append(origin)
        place = self._near.index(step)
        self._near[place : place + 1] = fresh
        self._done += 1
        return missed

    def due(self) -> Iterator[_Answer]:
        """Yield the answers before which nothing is open any more, and forget them."""
        while self._near and self._near[0].state == "answered":
            step = self._near.pop(0)
            self._done += 1
            yield step.answers.pop()

    def _waiting(self) -> Iterator[Step[_Answer]]:
        # Steps that stand in for others come first; then the plan goes on, step by step.
        yield from [step for step in self._near if step.state == "waiting"]
        while self._later:
            self._near.append(self._later.popleft())
            yield self._near[-1]

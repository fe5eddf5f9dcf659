"""Which venues there are in this process, by name.

In:  names and what connects to them.   Out: a `Venue`.
Free of connectors: whoever builds a registry fills it, so nothing is registered by an import.
"""

from __future__ import annotations

from collections.abc import Callable

from forcedflow.errors import UsageError
from forcedflow.venues.base import Venue


class VenueRegistry:
    """Venues by name, each connected when it is first asked for."""

    def __init__(self) -> None:
        self._connect: dict[str, Callable[[], Venue]] = {}
        self._connected: dict[str, Venue] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names registered, sorted."""
        return tuple(sorted(self._connect))

    def register(self, name: str, connect: Callable[[], Venue]) -> None:
        """Add a venue.

        Parameters
        ----------
        name : str
            Lower-case venue id.
        connect : callable
            Returns the venue; called at most once.

        Raises
        ------
        ValueError
            If the name is taken: two venues of one name would mix their rows.
        """
        if name in self._connect:
            raise ValueError(f"a venue named {name!r} is registered already")
        self._connect[name] = connect

    def find(self, name: str) -> Venue:
        """Return a venue, the same one every time.

        Raises
        ------
        UsageError
            If there is none of that name; says which there are.
        ValueError
            If it calls itself otherwise than it is registered.
        """
        if name not in self._connect:
            raise UsageError(f"no venue {name!r}\nhint: one of {', '.join(self.names)}")
        if name not in self._connected:
            venue = self._connect[name]()
            if venue.name != name:
                raise ValueError(f"registered as {name!r}, calls itself {venue.name!r}")
            self._connected[name] = venue
        return self._connected[name]

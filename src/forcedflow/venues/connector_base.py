"""What every connector says alike: its name, what it can give, where it answers, how fast.

In:  a venue's spec.   Out: the four properties of a `forcedflow.venues.connector.Connector`.
Free of sockets, and of what any single venue asks or reads.
"""

from __future__ import annotations

from typing import Final

from forcedflow.venues.base import Capabilities
from forcedflow.venues.connector import Endpoints, RateLimit


class ConnectorBase:
    """The part of a connector that is values alone.

    Parameters
    ----------
    name : str
        Lower-case venue id.
    capabilities : Capabilities
    endpoints : Endpoints
    rate_limit : RateLimit
    """

    def __init__(
        self, name: str, capabilities: Capabilities, endpoints: Endpoints, rate_limit: RateLimit
    ) -> None:
        self._name: Final = name
        self._capabilities: Final = capabilities
        self._endpoints: Final = endpoints
        self._rate_limit: Final = rate_limit

    @property
    def name(self) -> str:
        """Return the lower-case venue id."""
        return self._name

    @property
    def capabilities(self) -> Capabilities:
        """Return what can be asked of it."""
        return self._capabilities

    @property
    def endpoints(self) -> Endpoints:
        """Return where it answers."""
        return self._endpoints

    @property
    def rate_limit(self) -> RateLimit:
        """Return how fast it may be asked."""
        return self._rate_limit

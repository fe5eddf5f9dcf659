"""Zones: the clusters of a ladder."""

from forcedflow.zones.find import SideProfile, find_zones
from forcedflow.zones.zone import Zone

__all__ = ["SideProfile", "Zone", "find_zones"]

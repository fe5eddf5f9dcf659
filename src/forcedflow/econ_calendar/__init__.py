"""Scheduled events: central banks, statistics, expiries, and what a user adds."""

from forcedflow.econ_calendar.event import ScheduledEvent
from forcedflow.econ_calendar.known import read_events
from forcedflow.econ_calendar.windows import EventWindow, next_window, windows_at

__all__ = ["EventWindow", "ScheduledEvent", "next_window", "read_events", "windows_at"]

"""Alerts: rules over what is observed, an outbox that survives a kill, and what happened after."""

from forcedflow.alerts.desk import AlertDesk
from forcedflow.alerts.observation import CascadeSeen, ForecastSeen, Observation
from forcedflow.alerts.outbox import Outbox
from forcedflow.alerts.rules import RuleBook
from forcedflow.alerts.rules_file import read_rules

__all__ = [
    "AlertDesk",
    "CascadeSeen",
    "ForecastSeen",
    "Observation",
    "Outbox",
    "RuleBook",
    "read_rules",
]

"""Rules: what a user wants to be told, of which markets, and where it goes.

In:  -.   Out: `RuleBook`, frozen, and its parts.
Pure: values only; no I/O, no clock, no global state.

Addresses and secrets are no part of them: a target names the variables that hold those.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal, TypeAlias
from zoneinfo import ZoneInfo

import msgspec

from forcedflow.signals.registry import SIGNALS

_UNITS_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}

Positive: TypeAlias = Annotated[float, msgspec.Meta(gt=0)]
Share: TypeAlias = Annotated[float, msgspec.Meta(gt=0, le=1)]
Score: TypeAlias = Annotated[float, msgspec.Meta(ge=0, le=100)]
Count: TypeAlias = Annotated[int, msgspec.Meta(ge=1)]
SideChoice: TypeAlias = Literal["long", "short", "both"]
WayChoice: TypeAlias = Literal["down", "up", "both"]


class _Rule(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="kind"
):
    """What every rule states.

    Parameters
    ----------
    name : str
        Unique in the file.
    targets : tuple of str
        Names of targets, at least one.
    symbols, venues : tuple of str
        Markets it is about; every one observed where empty.
    cooldown : str
        The same alert is not sent again within this, such as ``30m``.
    urgent : bool
        Sent in quiet hours too.
    """

    name: Annotated[str, msgspec.Meta(min_length=1)]
    targets: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    symbols: tuple[str, ...] = ()
    venues: tuple[str, ...] = ()
    cooldown: str = "30m"
    urgent: bool = False

    @property
    def kind(self) -> str:
        """Return the name of its kind."""
        return str(self.__struct_config__.tag)

    def problem(self) -> str | None:
        """Return what cannot be meant; None where all can."""
        return None


class ClusterNear(_Rule, frozen=True, kw_only=True, tag="cluster_near"):
    """A cluster of at least so much stands within a distance.

    Parameters
    ----------
    side : {"long", "short", "both"}
    least_usd : float
        Its estimated notional. [USD]
    within_pct, within_sigma : float, optional
        Distance from the mark to its nearer border; exactly one of the two. [%, σ of 24 h]
    rearm : float
        It fires again once the cluster was farther than this times the distance.
    quantum_pct : float
        Clusters closer to each other than this are one. [%]
    """

    side: SideChoice = "both"
    least_usd: Positive
    within_pct: Positive | None = None
    within_sigma: Positive | None = None
    rearm: Annotated[float, msgspec.Meta(ge=1)] = 1.25
    quantum_pct: Positive = 0.25

    def problem(self) -> str | None:
        """Return what cannot be meant; None where all can."""
        if (self.within_pct is None) == (self.within_sigma is None):
            return "state exactly one distance: within_pct = 1.0, or within_sigma = 0.5"
        return None


class ClusterSwept(_Rule, frozen=True, kw_only=True, tag="cluster_swept"):
    """The mark has reached the densest price of a cluster of at least so much.

    Parameters
    ----------
    side : {"long", "short", "both"}
    least_usd : float
        Its estimated notional as it stood before. [USD]
    quantum_pct : float
        Clusters closer to each other than this are one. [%]
    """

    side: SideChoice = "both"
    least_usd: Positive
    quantum_pct: Positive = 0.25


class SignalChange(_Rule, frozen=True, kw_only=True, tag="signal_change"):
    """A signal's verdict changed.

    Parameters
    ----------
    signals : tuple of str
        Short names; all eight where empty.
    to : tuple of {"on", "off"}
        Verdicts that are told. Unknown is no verdict: what was on before it still was.
    """

    signals: tuple[str, ...] = ()
    to: tuple[Literal["on", "off"], ...] = ("on",)

    def problem(self) -> str | None:
        """Return what cannot be meant; None where all can."""
        known = [signal.name for signal in SIGNALS]
        unknown = [name for name in self.signals if name not in known]
        if unknown:
            return f"{unknown[0]!r} is no signal; one of {', '.join(known)}"
        return None if self.to else 'state what to be told of: to = ["on"]'


class LoadingOver(_Rule, frozen=True, kw_only=True, tag="loading_over"):
    """The loading score rose to a level.

    Parameters
    ----------
    above : float
        [0–100]
    rearm_below : float, optional
        It fires again once the score was below this; ten less than `above` by default. [0–100]
    measure : {"score", "down", "up"}
    """

    above: Score
    rearm_below: Score | None = None
    measure: Literal["score", "down", "up"] = "score"

    def problem(self) -> str | None:
        """Return what cannot be meant; None where all can."""
        if self.rearm_below is not None and self.rearm_below > self.above:
            return "rearm_below must not be above the level that fires"
        return None


class ForecastOver(_Rule, frozen=True, kw_only=True, tag="forecast_over"):
    """The probability of a cascade exceeds what its budget of alarms allows.

    Parameters
    ----------
    direction : {"down", "up", "both"}
    horizon : str, optional
        Such as ``4h``; every horizon observed where absent.
    budget : {"week", "day"}
        How often it may speak: at its threshold of one alarm a week, or a day, per market.
    event : str, optional
        Rule of what a cascade is; every one observed where absent.
    above : float, optional
        Probability instead of a budget. [1]
    rearm : float
        It fires again once the probability was below this share of the threshold. [1]
    """

    direction: WayChoice = "both"
    horizon: str | None = None
    budget: Literal["week", "day"] = "week"
    event: str | None = None
    above: Share | None = None
    rearm: Share = 0.8

    def problem(self) -> str | None:
        """Return what cannot be meant; None where all can."""
        return None if self.horizon is None else unreadable(self.horizon)


class IgnitionSeen(_Rule, frozen=True, kw_only=True, tag="ignition"):
    """An impulse was seen, went on after a pause, or failed.

    Parameters
    ----------
    direction : {"down", "up", "both"}
    stages : tuple of {"impulse", "ignited", "failed"}
    """

    direction: WayChoice = "both"
    stages: tuple[Literal["impulse", "ignited", "failed"], ...] = ("ignited",)

    def problem(self) -> str | None:
        """Return what cannot be meant; None where all can."""
        return None if self.stages else 'state what to be told of: stages = ["ignited"]'


class CascadeRuns(_Rule, frozen=True, kw_only=True, tag="cascade"):
    """A cascade began, or is over.

    Parameters
    ----------
    direction : {"down", "up", "both"}
    on : tuple of {"start", "end"}
    """

    direction: WayChoice = "both"
    on: tuple[Literal["start", "end"], ...] = ("start", "end")

    def problem(self) -> str | None:
        """Return what cannot be meant; None where all can."""
        return None if self.on else 'state what to be told of: on = ["start", "end"]'


class DataStale(_Rule, frozen=True, kw_only=True, tag="data_stale"):
    """What a market is judged by has grown old.

    Parameters
    ----------
    older_than : str
        Such as ``10m``.
    tables : tuple of str
        Names under an alert's ages; ``market`` means that no observation came at all.
    """

    older_than: str = "10m"
    tables: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)] = ("market",)

    def problem(self) -> str | None:
        """Return what cannot be meant; None where all can."""
        return unreadable(self.older_than)


Rule: TypeAlias = (
    ClusterNear
    | ClusterSwept
    | SignalChange
    | LoadingOver
    | ForecastOver
    | IgnitionSeen
    | CascadeRuns
    | DataStale
)

KINDS: tuple[type[_Rule], ...] = (
    ClusterNear,
    ClusterSwept,
    SignalChange,
    LoadingOver,
    ForecastOver,
    IgnitionSeen,
    CascadeRuns,
    DataStale,
)
"""Every kind of rule, in the order of the documentation."""


class AppriseTarget(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="apprise"
):
    """A service that apprise knows: Telegram, Discord, e-mail and many more.

    Parameters
    ----------
    url_env : str
        Variable that holds the apprise URL.
    picture : bool
        Attach the heatmap where there is one.
    """

    url_env: str
    picture: bool = True


class WebhookTarget(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="webhook"
):
    """Your own receiver: signed JSON over HTTPS.

    Parameters
    ----------
    url_env, secret_env : str
        Variables that hold the address and the key of the signature.
    allow_private : tuple of str
        Networks that are no public addresses and may be sent to all the same, such as
        ``127.0.0.1/32``; within them plain HTTP is allowed too.
    picture : bool
        Put the heatmap's PNG into the JSON, as base64.
    """

    url_env: str
    secret_env: str
    allow_private: tuple[str, ...] = ()
    picture: bool = False


Target: TypeAlias = AppriseTarget | WebhookTarget


class QuietHours(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"from_": "from"}):
    """Hours in which only urgent alerts are sent; the others wait for their end.

    Parameters
    ----------
    from_, to : str
        Times of day such as ``23:00``.
    zone : str
        IANA name of the zone, such as ``Europe/Berlin``.
    """

    from_: str
    to: str
    zone: str = "UTC"


class Delivery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What holds for every target.

    Parameters
    ----------
    daily_cap : int
        Alerts sent in one day of the quiet hours' zone; more are only listed.
    disable_after : int
        Failed attempts in a row after which a target is left alone until a test reaches it.
    quiet_hours : QuietHours, optional
    follow_up : bool
        Tell an hour later what happened.
    """

    daily_cap: Count = 50
    disable_after: Count = 8
    quiet_hours: QuietHours | None = None
    follow_up: bool = True

    @property
    def zone(self) -> ZoneInfo:
        """Return the zone that days and quiet hours are of."""
        return ZoneInfo("UTC" if self.quiet_hours is None else self.quiet_hours.zone)


class RuleBook(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of a rules file.

    Parameters
    ----------
    rules : tuple of Rule
    targets : dict of str to Target
    delivery : Delivery
    """

    rules: Annotated[tuple[Rule, ...], msgspec.Meta(min_length=1)]
    targets: dict[str, Target]
    delivery: Delivery = Delivery()


def duration_ms(text: str) -> int:
    """Return a span such as ``30m`` in milliseconds.

    Examples
    --------
    >>> duration_ms("90s"), duration_ms("4h")
    (90000, 14400000)

    Raises
    ------
    ValueError
        If it is none.
    """
    matched = re.fullmatch(r"([0-9]{1,6})([smhd])", text.strip())
    if matched is None or int(matched[1]) == 0:
        raise ValueError(f"{text!r} is no span of time; write 90s, 30m, 4h or 1d")
    return int(matched[1]) * _UNITS_MS[matched[2]]


def unreadable(span: str) -> str | None:
    """Return why a text is no span of time; None where it is one."""
    try:
        duration_ms(span)
    except ValueError as error:
        return str(error)
    return None

"""A message: one alert on its way to one target, and what a sender has to be able to do.

In:  `Alert`.   Out: `Message`; `Sender`, the protocol of whatever delivers it.
Pure: values only; no I/O, no clock, no global state.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from forcedflow.alerts.alert import Alert

REPEATED = "This may have been delivered before: an attempt was cut off. Compare the id below."


class DeliveryError(Exception):
    """A target did not take a message; the text holds no secret.

    Parameters
    ----------
    problem : str
        What happened.
    is_final : bool
        Whether trying again cannot help.
    may_have_arrived : bool
        Whether the target may have taken it without saying so in time.
    """

    def __init__(
        self, problem: str, *, is_final: bool = False, may_have_arrived: bool = False
    ) -> None:
        self.problem, self.is_final = problem, is_final
        self.may_have_arrived = may_have_arrived
        super().__init__(problem)


@dataclass(frozen=True, slots=True)
class Message:
    """One alert for one target.

    Parameters
    ----------
    alert : Alert
        Its id is the same at every attempt.
    picture : bytes, optional
        PNG of the heatmap.
    repeated : bool
        Whether an attempt before was cut off, so that it may have arrived already.
    """

    alert: Alert
    picture: bytes | None = None
    repeated: bool = False

    @property
    def title(self) -> str:
        """Return the headline."""
        return self.alert.headline()

    @property
    def text(self) -> str:
        """Return the evidence as lines."""
        body = self.alert.body()
        return f"{REPEATED}\n{body}" if self.repeated else body


class Sender(Protocol):
    """Whatever takes messages to one target."""

    @property
    def knows_ids(self) -> bool:
        """Return whether the receiver is told the id apart, so that it can drop a repetition."""
        ...

    @property
    def wants_picture(self) -> bool:
        """Return whether it passes a picture on."""
        ...

    def send(self, message: Message) -> None:
        """Deliver one message.

        Raises
        ------
        DeliveryError
            If the target did not say that it took it.
        """
        ...

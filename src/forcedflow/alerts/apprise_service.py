"""Services that apprise knows: Telegram, Discord, e-mail and many more.

In:  `Message`, an apprise URL.   Out: one notification; an error where the service did not take it.
Opens connections, through apprise (the extra ``alerts``).

Such a service is told the id in the text only, and cannot drop a repetition by it.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from forcedflow.alerts.message import DeliveryError, Message
from forcedflow.alerts.secret import Secret
from forcedflow.errors import UsageError

TIMEOUT_S = 30.0


class AppriseService:
    """A sender to one service.

    Parameters
    ----------
    url : Secret
        Apprise URL, of one service.
    with_picture : bool
        Attach the heatmap where there is one.

    Raises
    ------
    UsageError
        If apprise is not installed, or the URL is none that it knows.
    """

    def __init__(self, url: Secret, *, with_picture: bool = True) -> None:
        try:
            import apprise  # noqa: PLC0415 - an extra; rules without such a target need none
        except ModuleNotFoundError as error:
            raise UsageError(
                "targets of kind apprise need an extra\nhint: pip install 'forcedflow[alerts]'"
            ) from error
        self._url, self._with_picture = url, with_picture
        # Nothing is cached on disk, and what it logs of an address is masked.
        asset = apprise.AppriseAsset(
            secure_logging=True, storage_mode=apprise.PersistentStoreMode.MEMORY
        )
        self._notifier = apprise.Apprise(asset=asset)
        if not self._notifier.add(url.reveal()) or len(self._notifier) != 1:
            raise UsageError(
                f"{url.name}: holds no address of one service that apprise knows\n"
                "hint: https://appriseit.com/services lists them"
            )
        service = self._notifier[0]
        if service.overflow_mode is apprise.OverflowMode.UPSTREAM:
            # A service refuses what is too long for it, and would refuse it at every attempt.
            service.overflow_mode = apprise.OverflowMode.SPLIT

    @property
    def knows_ids(self) -> bool:
        """Return False: the id stands in the text."""
        return False

    @property
    def wants_picture(self) -> bool:
        """Return whether the heatmap goes with it."""
        return self._with_picture

    def send(self, message: Message) -> None:
        """Deliver one message.

        Raises
        ------
        DeliveryError
            If the service did not take it.
        """
        if message.picture is None or not self._with_picture:
            self._notify(message, None)
            return
        with tempfile.TemporaryDirectory(prefix="forcedflow-") as folder:
            picture = Path(folder) / "heatmap.png"
            picture.write_bytes(message.picture)
            self._notify(message, str(picture))

    def __repr__(self) -> str:
        return f"AppriseService({self._url})"

    def _notify(self, message: Message, picture: str | None) -> None:
        import apprise  # noqa: PLC0415 - as above

        result = self._notifier.notify(
            body=message.text,
            title=message.title,
            body_format=apprise.NotifyFormat.TEXT,
            attach=picture,
            timeout=TIMEOUT_S,
        )
        if result.status is apprise.AppriseResultStatus.TIMEOUT:
            raise DeliveryError(f"no answer within {TIMEOUT_S:g} s", may_have_arrived=True)
        if not result:
            raise DeliveryError(f"the service did not take it ({result.status.name.lower()})")

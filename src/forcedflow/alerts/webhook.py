"""The webhook: one alert as signed JSON to your own receiver.

In:  `Message`, an address, a key.   Out: one POST; an error where the receiver did not take it.
Opens connections; private ranges are refused unless allowed, again at every redirect.

Signed as Standard Webhooks has it [1]_: HMAC-SHA256 of ``id.timestamp.body`` in base64, so that any
library for those verifies it. ``Idempotency-Key`` is the alert's id, the same at every attempt.

.. [1] https://www.standardwebhooks.com
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Sequence
from typing import Any

import httpx2
import msgspec

from forcedflow.alerts.addresses import Network, Resolve, judge_host, resolve
from forcedflow.alerts.message import DeliveryError, Message
from forcedflow.alerts.secret import Secret

MOST_REDIRECTS = 3
TIMEOUT_S = 10.0

_FOLLOWED = frozenset({301, 302, 307, 308})
# Nothing about the same request will be otherwise in a minute.
_FINAL = frozenset({400, 401, 403, 404, 405, 410, 413, 414, 415, 422})


class Webhook:
    """A sender to one receiver.

    Parameters
    ----------
    url, key : Secret
        Address, and key of the signature: ``whsec_`` and base64, or any text.
    allowed : sequence of Network
        Networks that are no public addresses and may be sent to all the same, over HTTP too.
    with_picture : bool
        Put the heatmap's PNG into the JSON.
    clock : callable
        Now. [UTC ms]
    ask : callable
        Resolver of host names.
    """

    def __init__(
        self,
        url: Secret,
        key: Secret,
        allowed: Sequence[Network],
        clock: Callable[[], int],
        *,
        with_picture: bool = False,
        ask: Resolve = resolve,
    ) -> None:
        self._url, self._key, self._allowed = url, key, allowed
        self._clock, self._with_picture, self._ask = clock, with_picture, ask

    @property
    def knows_ids(self) -> bool:
        """Return True: the id travels as ``Idempotency-Key``."""
        return True

    @property
    def wants_picture(self) -> bool:
        """Return whether the heatmap goes with it."""
        return self._with_picture

    def send(self, message: Message) -> None:
        """Deliver one message; redirects are followed by hand.

        Raises
        ------
        DeliveryError
            If no receiver answered with 2xx, or an address on the way may not be sent to.
        """
        body = payload(message, with_picture=self._with_picture)
        url = self._parse(self._url.reveal())
        # An environment's proxy would resolve names itself, past every check here.
        with httpx2.Client(trust_env=False, timeout=TIMEOUT_S, follow_redirects=False) as client:
            for _ in range(MOST_REDIRECTS + 1):
                status, location = self._post(client, url, message.alert.id, body)
                if status not in _FOLLOWED:
                    break
                url = self._next(url, status, location)
            else:
                raise DeliveryError(f"more than {MOST_REDIRECTS} redirects", is_final=True)
        if not 200 <= status < 300:
            raise DeliveryError(f"the receiver answered {status}", is_final=status in _FINAL)

    def __repr__(self) -> str:
        return f"Webhook({self._url})"

    def _post(
        self, client: httpx2.Client, url: httpx2.URL, alert_id: str, body: bytes
    ) -> tuple[int, str | None]:
        """Return the status and the location that the first address that is reached answers."""
        port = url.port or (443 if url.scheme == "https" else 80)
        judged = judge_host(url.host, port, self._allowed, self._ask)
        if url.scheme != "https" and not all(is_allowed for _, is_allowed in judged):
            raise DeliveryError("the address is not https", is_final=True)
        stamp = str(self._clock() // 1000)
        headers = {
            "Host": url.netloc.decode().rpartition("@")[2],
            "Content-Type": "application/json",
            "User-Agent": "forcedflow",
            "Idempotency-Key": alert_id,
            "webhook-id": alert_id,
            "webhook-timestamp": stamp,
            "webhook-signature": sign(self._key, alert_id, stamp, body),
        }
        problem = DeliveryError("no answer")
        for address, _ in judged:
            # Connected to by the address that was judged; certificates are checked for the name.
            pinned = url.copy_with(host=str(address))
            named = {"sni_hostname": url.host}
            try:
                # What the receiver has to say beyond its status is not read: it may not end.
                with client.stream(
                    "POST", pinned, content=body, headers=headers, extensions=named
                ) as answer:
                    return answer.status_code, answer.headers.get("location")
            except httpx2.ConnectError as error:
                problem = self._told(error)
            except (httpx2.HTTPError, httpx2.InvalidURL) as error:
                raise self._told(error, may_have_arrived=True) from None
        raise problem

    def _told(self, error: Exception, *, may_have_arrived: bool = False) -> DeliveryError:
        words = f"{type(error).__name__}: {self._url.mask(str(error)) or 'no answer'}"
        return DeliveryError(words, may_have_arrived=may_have_arrived)

    def _next(self, url: httpx2.URL, status: int, location: str | None) -> httpx2.URL:
        if not location:
            raise DeliveryError(f"{status} without a location", is_final=True)
        try:
            following = url.join(location)
        except httpx2.InvalidURL:
            raise DeliveryError("redirected to what is no address", is_final=True) from None
        if url.scheme == "https" and following.scheme != "https":
            raise DeliveryError("redirected from https to plain text", is_final=True)
        return self._parse(str(following))

    @staticmethod
    def _parse(text: str) -> httpx2.URL:
        try:
            url = httpx2.URL(text)
        except httpx2.InvalidURL:
            raise DeliveryError("what the variable holds is no address", is_final=True) from None
        if url.scheme not in {"http", "https"} or not url.host:
            raise DeliveryError("an address begins with https://", is_final=True)
        return url


def payload(message: Message, *, with_picture: bool = False) -> bytes:
    """Return the JSON that a receiver gets; figures that are unknown are null."""
    told: dict[str, Any] = msgspec.to_builtins(message.alert)
    told |= {
        "title": message.title,
        "text": message.text,
        "may_have_been_delivered": message.repeated,
    }
    if with_picture:
        picture = message.picture
        told["picture_png_base64"] = None if picture is None else base64.b64encode(picture).decode()
    return msgspec.json.encode(told)


def sign(key: Secret, alert_id: str, stamp: str, body: bytes) -> str:
    """Return the signature header of a body.

    Parameters
    ----------
    key : Secret
        ``whsec_`` and base64, or any text.
    alert_id : str
    stamp : str
        Time of the attempt. [UTC s]
    body : bytes

    Returns
    -------
    str
        ``v1,`` and base64.
    """
    text = key.reveal()
    raw = (
        base64.b64decode(text.removeprefix("whsec_"))
        if text.startswith("whsec_")
        else text.encode()
    )
    signed = b".".join([alert_id.encode(), stamp.encode(), body])
    return "v1," + base64.b64encode(hmac.new(raw, signed, hashlib.sha256).digest()).decode()

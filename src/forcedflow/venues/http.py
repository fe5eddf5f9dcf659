"""The one HTTP client of all connectors: limits kept, failures told apart, nothing parsed.

In:  addresses and parameters.   Out: bodies, or an error that says what to do.
Free of venues: what differs between them comes as a `RateLimit`.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Final, NoReturn, Self

import httpx2
import msgspec
import stamina

from forcedflow.errors import (
    BlockedError,
    NotThereError,
    RateLimitedError,
    UsageError,
    VenueError,
)
from forcedflow.log import is_secret
from forcedflow.venues.base import UNDECODABLE
from forcedflow.venues.connector import RateLimit, Weight
from forcedflow.venues.rate_limit import RateLimiter

_MAX_REDIRECTS: Final = 3
_QUOTED_CHARACTERS: Final = 200

_TRANSIENT_STATUS: Final = frozenset({408, 425, 500, 502, 503, 504, 520, 521, 522, 524, 525})
_TRANSIENT: Final = (httpx2.TransportError, httpx2.DecodingError)

_SECONDS: Final = re.compile(r"\d{1,9}(\.\d{1,9})?")

_REFUSAL_BYTES: Final = 1000
"""An answer longer than this is data; only a short one can be a refusal dressed as success."""

_TOO_MANY: Final = frozenset({-1003, 10006, 510})
"""Codes that say "too many requests" in an answer of status 200: Binance's, Bybit's, MEXC's."""


class _Refusal(msgspec.Struct):
    # The shape of an error at Binance (code below zero), at MEXC (code) and at Bybit (retCode).
    code: int = 0
    msg: str = ""
    ret_code: int = msgspec.field(default=0, name="retCode")
    ret_msg: str = msgspec.field(default="", name="retMsg")


_refusal: Final = msgspec.json.Decoder(_Refusal)


class _TransientError(Exception):
    """What may be gone a second later: worth another attempt."""


class HttpClient:
    """Implements `forcedflow.venues.connector.Http` over the network. Thread-safe.

    Parameters
    ----------
    venue : str
        Lower-case venue id, for messages.
    limit : RateLimit
        The venue's own limit.
    proxy : str, optional
        Address of an HTTP proxy; without one, what the system's variables say.
    timeout_s : float
        Longest wait for a connection and between two bytes of an answer. [s]
    max_pause_s : float
        Longest pause in all that one request makes because the venue asks for it. [s]
    attempts : int
        How often a failed request is made, the first time included.
    backoff_s : float
        Wait before the second attempt, doubled for each further one, with jitter. [s]
    clock, sleep : callable
        Monotonic time and the way to wait. [s]
    transport : httpx2.BaseTransport, optional
        What carries the requests, instead of sockets.
    headers : mapping of str to str, optional
        Sent with every request besides our own.

    Raises
    ------
    UsageError
        If the proxy cannot be used.
    """

    def __init__(
        self,
        venue: str,
        limit: RateLimit,
        proxy: str | None = None,
        timeout_s: float = 20.0,
        max_pause_s: float = 120.0,
        *,
        attempts: int = 4,
        backoff_s: float = 0.5,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] | None = None,
        transport: httpx2.BaseTransport | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.venue: Final = venue
        self._closed: Final = threading.Event()
        self._limiter: Final = RateLimiter(limit, clock=clock, sleep=sleep or self._wait)
        self._default_pause_s: Final = limit.window_s
        self._max_pause_s: Final = max_pause_s
        self._attempts, self._backoff_s = attempts, backoff_s
        check_proxy(proxy)
        self._client: Final = httpx2.Client(
            proxy=proxy,
            transport=transport,
            timeout=timeout_s,
            headers={"User-Agent": "forcedflow", **(headers or {})},
            limits=httpx2.Limits(max_connections=None, max_keepalive_connections=limit.concurrent),
        )

    def get(
        self, url: str, params: Mapping[str, str | int] | None = None, *, weight: Weight = 1
    ) -> bytes:
        """Return the body of a GET. ``url`` is absolute."""
        return self._ask(self._build("GET", url, params=params), weight, params)

    def post(self, url: str, body: Mapping[str, object], *, weight: Weight = 1) -> bytes:
        """Return the body of a POST of JSON."""
        content = msgspec.json.encode(body)
        headers = {"Content-Type": "application/json"}
        return self._ask(self._build("POST", url, content=content, headers=headers), weight, body)

    def close(self) -> None:
        """Close every connection; threads that wait for a limit give up."""
        self._closed.set()
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _wait(self, seconds: float) -> None:
        if self._closed.wait(seconds):
            raise VenueError(self.venue, "the connection to it was closed while waiting")

    def _build(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str | int] | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx2.Request:
        try:
            return self._client.build_request(
                method, url, params=params, content=content, headers=headers
            )
        except httpx2.InvalidURL as error:
            raise UsageError(
                f"{self.venue}: {url!r} is no address: {error}\nhint: see its settings"
            ) from error

    def _ask(
        self, request: httpx2.Request, weight: Weight, params: Mapping[str, object] | None
    ) -> bytes:
        name = _name(request, params)
        pauses = _Pauses(self._max_pause_s)
        attempts = stamina.retry_context(
            on=_TransientError,
            attempts=self._attempts,
            timeout=None,
            wait_initial=self._backoff_s,
            wait_max=20 * self._backoff_s,
            wait_jitter=self._backoff_s,
        )
        try:
            for attempt in attempts:
                with attempt:
                    return self._answer(request, weight, name, pauses)
        except _TransientError as error:
            raise VenueError(
                self.venue, f"{name}: {error}, {self._attempts} times in a row"
            ) from error
        raise AssertionError("the last attempt either returns or raises")

    def _answer(self, request: httpx2.Request, weight: Weight, name: str, pauses: _Pauses) -> bytes:
        while True:
            self._refuse_long_pause(name, pauses, self._limiter.paused_s)
            with self._limiter.permit(weight):
                if self._closed.is_set():
                    raise VenueError(self.venue, f"{name}: the connection to it was closed")
                response = self._send(request, name)
            pause_s = self._pause_asked(response)
            if pause_s is None:
                return self._body(response, name)
            self._limiter.pause(pause_s)
            self._refuse_long_pause(name, pauses, pause_s)
            pauses.spent_s += pause_s
            self._limiter.wait_for_pause()

    def _send(self, request: httpx2.Request, name: str) -> httpx2.Response:
        try:
            response = self._client.send(request)
            for _ in range(_MAX_REDIRECTS):
                if response.next_request is None:
                    break
                self._refuse_stranger(request.url, response.next_request.url, name)
                response = self._client.send(response.next_request)
        except _TRANSIENT as error:
            # A body shorter than its Content-Length is among these: the transport counts.
            raise _TransientError(" ".join([f"{type(error).__name__}:", str(error)])) from error
        return response

    def _pause_asked(self, response: httpx2.Response) -> float | None:
        if response.status_code in {418, 429}:
            return retry_after_s(response.headers, self._default_pause_s)
        if response.status_code == 200 and _refused(response.content) in _TOO_MANY:
            return self._default_pause_s
        return None

    def _body(self, response: httpx2.Response, name: str) -> bytes:
        status = response.status_code
        if status == 200:
            body = response.content
            if _refused(body) < 0:
                raise VenueError(self.venue, f"{name}: refused: {_quoted(body)}")
            return body
        if status == 404:
            raise NotThereError(self.venue, f"{name}: not there (404)")
        if status in {403, 451}:
            raise BlockedError(self.venue, blocked(name, status))
        if status in _TRANSIENT_STATUS:
            raise _TransientError(f"status {status}: {_quoted(response.content)}")
        raise VenueError(self.venue, f"{name}: status {status}: {_quoted(response.content)}")

    def _refuse_long_pause(self, name: str, pauses: _Pauses, pause_s: float) -> None:
        if pauses.spent_s + pause_s > pauses.allowed_s:
            raise RateLimitedError(
                self.venue,
                f"{name}: it asks for a pause of {pause_s:.0f} s, and at most"
                f" {pauses.allowed_s:.0f} s are waited\nhint: ask again after that, or for less",
                pause_s,
            )

    def _refuse_stranger(self, asked: httpx2.URL, sent_to: httpx2.URL, name: str) -> None:
        downgraded = asked.scheme == "https" and sent_to.scheme != "https"
        if asked.host != sent_to.host or downgraded:
            raise VenueError(
                self.venue,
                f"{name}: it redirects to {sent_to.scheme}://{sent_to.host}, which is not followed"
                "\nhint: a redirect may be a log-in page of the network between",
            )


class _Pauses:
    """What one request has waited because the venue asked for it. [s]"""

    def __init__(self, allowed_s: float) -> None:
        self.allowed_s: Final = allowed_s
        self.spent_s = 0.0


def check_proxy(proxy: str | None) -> None:
    """Refuse a proxy that cannot be used, without repeating it: it may hold a password.

    Raises
    ------
    UsageError
        If it is not the address of an HTTP proxy.
    """
    if proxy is None:
        return
    try:
        url = httpx2.URL(proxy)
    except httpx2.InvalidURL:
        _refuse_proxy("it is not an address")
    if url.scheme not in {"http", "https"}:
        _refuse_proxy(f"it begins with {url.scheme or 'no scheme'}")
    if not url.host:
        _refuse_proxy("it names no host")


def _refuse_proxy(problem: str) -> NoReturn:
    raise UsageError(
        f"the proxy cannot be used: {problem}\nhint: it looks like http://user:password@host:port"
    )


def blocked(name: str, status: int) -> str:
    """Return what to tell whoever is refused by a venue.

    Parameters
    ----------
    name : str
        What was asked for.
    status : int
        HTTP status of the refusal.
    """
    return (
        f"{name}: it refuses this address or this country (status {status})\n"
        "hint: its public archives may still answer, and `forcedflow fetch` asks them first;"
        " a proxy can be set with FORCEDFLOW_PROXY"
    )


def _name(request: httpx2.Request, params: Mapping[str, object] | None) -> str:
    url = request.url
    shown = ", ".join(
        f"{key}={value}" for key, value in (params or {}).items() if not is_secret(key)
    )
    return f"{url.host}{url.path}" + (f" ({shown})" if shown else "")


def _quoted(body: bytes) -> str:
    text = " ".join(body[: 4 * _QUOTED_CHARACTERS].decode("utf-8", errors="replace").split())
    return text[:_QUOTED_CHARACTERS] + ("…" if len(text) > _QUOTED_CHARACTERS else "")


def _refused(body: bytes) -> int:
    # Bybit's other codes are for its parser: what they mean depends on the endpoint.
    if len(body) > _REFUSAL_BYTES or not body.startswith(b"{"):
        return 0
    try:
        refusal = _refusal.decode(body)
    except UNDECODABLE:
        return 0  # what it is, its own parser says
    if refusal.ret_code in _TOO_MANY:
        return refusal.ret_code
    return refusal.code if refusal.code in _TOO_MANY else min(refusal.code, 0)


def retry_after_s(headers: Mapping[str, str], default_s: float) -> float:
    """Return the pause that a venue asks for, or a default where it names none. [s]"""
    text = headers.get("Retry-After", "")
    if _SECONDS.fullmatch(text):
        return float(text)
    try:
        # The venue's own clock beside its own date: ours may be wrong.
        asked = parsedate_to_datetime(text) - parsedate_to_datetime(headers.get("Date", ""))
    except (ValueError, TypeError):
        return default_s
    return max(asked.total_seconds(), 0.0)

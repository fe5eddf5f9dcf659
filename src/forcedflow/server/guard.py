"""Who may ask: the host named, the token, how often, how much is sent.

In:  a connection's headers, address and path.   Out: None, or the `Failure` that refuses it.
Free of what is answered. A pure ASGI layer, so that streams pass through it unbuffered.
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from forcedflow.errors import UsageError
from forcedflow.server.failure import Failure

LEAST_TOKEN = 16
"""Characters of a token, at least."""

HEADERS: Mapping[str, str] = {
    "content-security-policy": (
        "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data: blob:; connect-src 'self'; object-src 'none'; base-uri 'none'; "
        "frame-ancestors 'none'; form-action 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}
"""Sent with everything: no script but ours, no guessing of types, no address told to others."""

_HOST = re.compile(r"[A-Za-z0-9.\-_:\[\]%]+")
"""Of a ``Host`` header: a name or an address, and a port; nothing that a parser might split at."""

_GUARDED = ("/api/", "/mcp", "/metrics", "/openapi.json")


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one client may ask for.

    Parameters
    ----------
    per_second : float
        Requests that are given back each second. [1/s]
    burst : int
        Requests that may come at once.
    body_bytes : int
        Largest body. [bytes]
    body_s : float
        A body has ended by then. [s]
    most_clients : int
        Addresses that are remembered, the longest silent forgotten first.
    """

    per_second: float = 20.0
    burst: int = 100
    body_bytes: int = 65_536
    body_s: float = 10.0
    most_clients: int = 4_096


@dataclass(frozen=True, slots=True)
class Access:
    """Where the server listens, and who may ask it.

    Parameters
    ----------
    host : str
        Address it is bound to.
    token : str, optional
        Asked of everybody where there is one; without one only loopback is served.
    names : tuple of str
        Host names it goes by besides.

    Raises
    ------
    UsageError
        If another address than loopback has no token, or the token is short.
    """

    host: str = "127.0.0.1"
    token: str | None = None
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.token is not None and (
            len(self.token) < LEAST_TOKEN
            or not self.token.isascii()
            or not self.token.isprintable()
        ):
            raise UsageError(
                f"a token has {LEAST_TOKEN} printable ASCII characters at least\n"
                "hint: export FORCEDFLOW_TOKEN=$(openssl rand -hex 24)"
            )
        if self.token is None and not is_loopback(self.host):
            raise UsageError(
                f"{self.host} can be reached by others, and there is no token\n"
                "hint: export FORCEDFLOW_TOKEN=$(openssl rand -hex 24), or --host 127.0.0.1"
            )

    def __repr__(self) -> str:
        token = None if self.token is None else "***"
        return f"Access(host={self.host!r}, token={token}, names={self.names!r})"

    def knows_host(self, header: str | None) -> bool:
        """Return whether a ``Host`` header names this server.

        A page that points its own name at this address (DNS rebinding) names itself; an address
        cannot be pointed elsewhere.
        """
        if not header or not _HOST.fullmatch(header):
            return False
        try:
            name = urlsplit(f"//{header}").hostname
        except ValueError:
            return False
        if name is None:
            return False
        if is_loopback(name) or name in {self.host.lower(), *(own.lower() for own in self.names)}:
            return True
        return not is_loopback(self.host) and _is_address(name)

    def knows_token(self, headers: Headers, query: str) -> bool:
        """Return whether a request carries the token, where one is asked for."""
        if self.token is None:
            return True
        scheme, _, stated = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            stated = (parse_qs(query).get("token") or [""])[0]
        # Every comparison takes as long, so that nothing of the token can be measured.
        return hmac.compare_digest(stated.strip().encode(), self.token.encode())


def is_loopback(name: str) -> bool:
    """Return whether a name or address is this machine's own."""
    if name.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


class TokenBucket:
    """Requests that each client has left.

    Parameters
    ----------
    limits : Limits
    clock : callable
        Seconds that only grow. [s]
    """

    def __init__(self, limits: Limits, clock: Callable[[], float]) -> None:
        self._limits, self._clock = limits, clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait_s(self, client: str) -> float:
        """Take one request of a client; return 0, or how long to wait for the next one. [s]"""
        now = self._clock()
        left, since = self._left.pop(client, (float(self._limits.burst), now))
        left = min(float(self._limits.burst), left + (now - since) * self._limits.per_second)
        wait = 0.0 if left >= 1 else (1 - left) / self._limits.per_second
        self._left[client] = (left - 1 if wait == 0 else left, now)
        while len(self._left) > self._limits.most_clients:
            self._left.popitem(last=False)
        return wait


class Guard:
    """The outermost layer: refuses, and puts the safe headers on everything.

    Parameters
    ----------
    app : ASGI application
    access : Access
    limits : Limits
    clock : callable
        Seconds that only grow. [s]
    refused : callable, optional
        Told the code of every refusal.
    """

    def __init__(
        self,
        app: ASGIApp,
        access: Access,
        limits: Limits,
        clock: Callable[[], float],
        refused: Callable[[str], None] | None = None,
    ) -> None:
        self._app, self._access, self._limits = app, access, limits
        self._buckets = TokenBucket(limits, clock)
        self._refused = refused

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                known = {name.lower() for name, _ in message["headers"]}
                message["headers"] = [
                    *message["headers"],
                    *(
                        (name.encode(), value.encode())
                        for name, value in HEADERS.items()
                        if name.encode() not in known
                    ),
                ]
            await send(message)

        failure = self._refusal(scope)
        body: bytes | None = None
        if failure is None:
            try:
                async with asyncio.timeout(self._limits.body_s):
                    body = await _whole_body(receive, self._limits.body_bytes)
            except TimeoutError:
                failure = Failure(408, "timeout", "the request did not end")
            else:
                if body is None:
                    failure = self._too_large()
        if failure is None:
            await self._app(scope, _Replayed(body or b"", receive), send_safely)
            return
        if self._refused is not None:
            self._refused(failure.code)
        await send_failure(failure, send_safely)

    def _refusal(self, scope: Scope) -> Failure | None:
        headers = Headers(scope=scope)
        if not self._access.knows_host(headers.get("host")):
            return Failure(
                403,
                "forbidden_host",
                "the Host header names another server",
                "forcedflow serve --allow-host NAME",
            )
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length) > self._limits.body_bytes:
            return self._too_large()
        # The page itself holds nothing of anybody; what it asks for does.
        return self._asked(scope, headers) if scope["path"].startswith(_GUARDED) else None

    def _asked(self, scope: Scope, headers: Headers) -> Failure | None:
        if self._from_elsewhere(headers):
            return Failure(403, "forbidden_host", "asked by a page of another site")
        client = scope["client"][0] if scope.get("client") else ""
        if wait := self._buckets.wait_s(client):
            return Failure(
                429,
                "too_many_requests",
                f"more than {self._limits.per_second:g} requests a second",
                headers=(("retry-after", str(max(1, round(wait)))),),
            )
        if not self._access.knows_token(headers, scope["query_string"].decode("latin-1")):
            return Failure(
                401,
                "unauthorized",
                "the token is missing or another one",
                "Authorization: Bearer TOKEN",
                headers=(("www-authenticate", "Bearer"),),
            )
        return None

    def _too_large(self) -> Failure:
        return Failure(413, "too_large", f"a body has {self._limits.body_bytes} bytes at most")

    def _from_elsewhere(self, headers: Headers) -> bool:
        """Whether a browser says that a page of another site asks."""
        if headers.get("sec-fetch-site") == "cross-site":
            return True
        origin = headers.get("origin")
        return origin is not None and not self._access.knows_host(urlsplit_host(origin))


def urlsplit_host(origin: str) -> str | None:
    """Return the host and port of an ``Origin`` header; None where it names none."""
    try:
        return urlsplit(origin).netloc or None
    except ValueError:
        return None


async def send_failure(failure: Failure, send: Send) -> None:
    """Send a failure in the one shape."""
    body = failure.body
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        *((name.encode(), value.encode()) for name, value in failure.headers),
    ]
    await send({"type": "http.response.start", "status": failure.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _whole_body(receive: Receive, most: int) -> bytes | None:
    """Return the body, which is small where there is any; None where it is too large."""
    body = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return body
        body += bytes(message.get("body", b""))
        if len(body) > most:
            return None
        if not message.get("more_body"):
            return body


class _Replayed:
    """Gives a body that was read already, then whatever comes after it."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive

    async def __call__(self) -> Message:
        if self._body is None:
            return await self._receive()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}

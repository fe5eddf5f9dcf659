"""What one venue's package says of itself: where to ask, what to send, how to read the answer.

In:  tables, instruments and a span of time. [UTC ms]
Out: requests for the past (`Piece`), connections to the present (`Feed`, `Poll`), and a `Reader`.
Free of sockets: `forcedflow.venues.network` does the talking for every connector alike.

A connector is values and pure functions, so a new venue is a folder with five short files:
``spec`` (addresses, limits, capabilities), ``rest`` (requests), ``stream`` (feeds and their
reader), ``archive`` (public files), ``parse`` (bytes to rows).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol, TypeAlias, runtime_checkable

from forcedflow.instruments import Instrument
from forcedflow.store.raw_log import Frame
from forcedflow.venues.base import Capabilities, Rows
from forcedflow.venues.row_buffer import RowBuffer

Weight: TypeAlias = int
Host: TypeAlias = Literal["rest", "archive"]


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where a venue answers. Settings may name others: a mirror, or a server on loopback.

    Parameters
    ----------
    rest : str
        Root of its HTTP interface, such as ``https://fapi.binance.com``.
    stream : str
        Root of its websockets, such as ``wss://fstream.binance.com``.
    archive : str, optional
        Root of its public files.
    others : mapping of str to str
        Further roots by name, where a venue spreads itself over several hosts.
    headers : mapping of str to str
        Sent with every request over HTTP: what a venue must be told to answer in full.
    """

    rest: str
    stream: str
    archive: str | None = None
    others: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RateLimit:
    """A venue's own limit, of which we use a share.

    Parameters
    ----------
    weight : int
        Weight that may be spent per window.
    window_s : float
        Length of the window. [s]
    concurrent : int
        Requests that may be under way at once.
    """

    weight: int
    window_s: float
    concurrent: int = 4


class Http(Protocol):
    """The one way in which connectors ask over HTTP. Thread-safe; blocks while limits ask for it.

    Every method raises `NotThereError` on 404, `BlockedError` on 403 and 451, `RateLimitedError`
    where a venue asks for a pause longer than allowed, and `VenueError` once retries are spent.
    """

    def get(
        self, url: str, params: Mapping[str, str | int] | None = None, *, weight: Weight = 1
    ) -> bytes:
        """Return the body of a GET. ``url`` is absolute."""

    def post(self, url: str, body: Mapping[str, object], *, weight: Weight = 1) -> bytes:
        """Return the body of a POST of JSON."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One part of the past that is asked for at once: an archive file, or a span over HTTP.

    Parameters
    ----------
    name : str
        Unique and stable, such as the path of an archive file.
    tables : frozenset of str
        Tables that it may hold rows of.
    start_ms, end_ms : int
        Span of event times that it covers, half-open. [UTC ms]
    read : callable
        Asks and returns the rows; raises `NotThereError` where the venue does not hold it.
    lasting : bool
        Whether what it holds can no longer change, so that it need not be asked for again.
    fingerprint : callable, optional
        Asks for the checksum (sha256, hexadecimal) that the venue publishes of it; a piece whose
        checksum is remembered is not fetched again, and one whose checksum changed is.
    instead : tuple of Piece
        What to ask for where the venue does not hold this: the days of a month, the HTTP tail.
    host : {"rest", "archive"}
        Who is asked: where one of them refuses us, the other may still answer.
    remembered_as : tuple of (str, str), optional
        Kind of importer and its options under which a file with this fingerprint is remembered
        when it is imported by hand, so that it is not fetched again.
    remarks : callable, optional
        Returns what there is to say of the rows, once they were read.
    """

    name: str
    tables: frozenset[str]
    start_ms: int
    end_ms: int
    read: Callable[[], Rows]
    lasting: bool = True
    fingerprint: Callable[[], str] | None = None
    instead: tuple[Piece, ...] = ()
    host: Host = "rest"
    remembered_as: tuple[str, str] | None = None
    remarks: Callable[[], tuple[str, ...]] | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """Something to ask over HTTP while streams run; the answer comes back as a `Frame`.

    Parameters
    ----------
    connection : str
        Name that the frame will carry, such as ``rest:depth:BTCUSDT``: what is asked first, of whom
        last.
    send : callable
        Takes `Http`, returns the body.
    """

    connection: str
    send: Callable[[Http], bytes]


def family_of(connection: str) -> str:
    """Return the name under which requests of one kind are counted together.

    A venue may be asked about thousands of accounts; numbers are kept per kind of question.

    Examples
    --------
    >>> family_of("rest:clearinghouseState:0x01"), family_of("rest:metaAndAssetCtxs")
    ('rest:clearinghouseState', 'rest:metaAndAssetCtxs')
    """
    head, colon, _ = connection.rpartition(":")
    return head if colon and ":" in head else connection


@dataclass(frozen=True, slots=True)
class Feed:
    """One websocket connection and what is said on it.

    Parameters
    ----------
    name : str
        Unique among a connector's feeds; frames carry it.
    url : str
        Absolute address.
    subscribe : tuple of str
        Messages sent after every connection.
    carries : frozenset of str
        Tables that it feeds.
    ping : str, optional
        Message that keeps it alive; none where the protocol's own ping does.
    ping_every_s : float
        How often. [s]
    silence_s : float
        After so long without one byte the connection counts as half-open and is made anew. [s]
    lifetime_s : float, optional
        Age at which it is made anew on our own terms, before the venue cuts it. [s]
    droppable : bool
        Whether its messages are given up first when memory runs out: book deltas are.
    address : callable, optional
        Asks where to connect, before every connection, of a venue that hands out an address for
        each; ``url`` is then only what it is called in messages.
    headers : mapping of str to str
        Sent with the handshake.
    listen : callable, optional
        Who listens instead of `forcedflow.venues.websocket.listen`, and takes and yields the same:
        another library that connects by itself.
    """

    name: str
    url: str
    subscribe: tuple[str, ...]
    carries: frozenset[str]
    ping: str | None = None
    ping_every_s: float = 20.0
    silence_s: float = 60.0
    lifetime_s: float | None = None
    droppable: bool = False
    address: Callable[[Http], str] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    listen: Callable[..., AsyncGenerator[Frame, None]] | None = None


@dataclass(frozen=True, slots=True)
class Poll:
    """A request repeated at fixed times, for what a venue does not stream.

    Parameters
    ----------
    request : Request
    every_s : float
        Period; requests fall on its multiples. [s]
    carries : frozenset of str
        Tables that it feeds.
    """

    request: Request
    every_s: float
    carries: frozenset[str]


class Reader(Protocol):
    """Turns frames into rows, in the order in which they came. Holds books, never the clock.

    The same frames give the same rows, live or replayed.
    """

    def read(self, frame: Frame, rows: RowBuffer) -> Sequence[Request]:
        """Add a frame's rows, and return what must be asked for because of it.

        Parameters
        ----------
        frame : Frame
            ``opened`` and ``closed`` reset what a connection had built up.
        rows : RowBuffer
            Where rows go.

        Returns
        -------
        sequence of Request
            Such as a book's snapshot after a gap in its sequence.

        Raises
        ------
        FrameError
            If it cannot be read; the reader stays usable and ``rows`` has nothing of the frame.
        """


class Connector(Protocol):
    """One venue, described. Everything here is a value or a pure function of its arguments."""

    @property
    def name(self) -> str:
        """Return the lower-case venue id."""

    @property
    def capabilities(self) -> Capabilities:
        """Return what can be asked of it."""

    @property
    def endpoints(self) -> Endpoints:
        """Return where it answers."""

    @property
    def rate_limit(self) -> RateLimit:
        """Return how fast it may be asked."""

    def instruments(self, http: Http) -> tuple[Instrument, ...]:
        """Ask for the contracts listed, and return them with tick and contract sizes."""

    def server_time_ms(self, http: Http) -> int:
        """Ask for the venue's clock. [UTC ms]"""

    def pieces(
        self,
        http: Http,
        tables: Sequence[str],
        instrument: Instrument,
        start_ms: int,
        end_ms: int,
        now_ms: int,
        interval_ms: int,
    ) -> tuple[Piece, ...]:
        """Return what to ask for to hold event times ``[start_ms, end_ms)``; asks for nothing yet.

        ``interval_ms`` is the length of price bars. Pieces lie on whole days or months (UTC), so
        that two plans meet; they may reach beyond the span asked for, never beyond ``now_ms``.
        """

    def feeds(
        self, tables: Sequence[str], instruments: Sequence[Instrument], interval_ms: int
    ) -> tuple[tuple[Feed, ...], tuple[Poll, ...]]:
        """Return the connections and polls that carry these tables of these instruments.

        ``interval_ms`` is the length of price bars.
        """

    def reader(self, instruments: Sequence[Instrument]) -> Reader:
        """Return a fresh reader for what `feeds` brings."""


@runtime_checkable
class HoldsTrades(Protocol):
    """A connector whose venue can be asked for the trades of a few seconds, not of a day at once.

    Recording asks it for what a broken connection missed; where a venue keeps no such record, its
    connector leaves this out.
    """

    def trades_between(
        self, http: Http, instrument: Instrument, start_ms: int, end_ms: int
    ) -> Rows:
        """Ask for the trades of ``[start_ms, end_ms)``. [UTC ms]"""


@runtime_checkable
class FollowsAccounts(Protocol):
    """A connector whose venue publishes positions by account, and can be told which to follow."""

    def with_accounts(self, path: Path) -> Connector:
        """Return a connector like this one that follows the accounts that a file names.

        Raises
        ------
        UsageError
            If the file cannot be read or names what is no account.
        """

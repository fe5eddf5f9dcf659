"""A bucket: objects under one prefix of S3-compatible storage.

In:  keys, bytes, versions.   Out: the same, or an error that says what is wrong and no secret.
Free of what the objects hold. The one file that imports the client.

Where and as whom is read from the environment, as every S3 client does: ``AWS_ENDPOINT_URL``,
``AWS_REGION``, ``AWS_ACCESS_KEY_ID``, ``AWS_SECRET_ACCESS_KEY``, ``AWS_SESSION_TOKEN``, a machine's
own role. Puts on condition (``If-Match``, ``If-None-Match``) must be honoured: a server that
ignores them loses writes, so it is asked once, and refused.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar
from uuid import uuid4

from forcedflow.errors import StorageError, UsageError

if TYPE_CHECKING:
    from obstore.store import S3Store

CONCURRENCY = 16
"""Requests under way at once."""

_GIVE_UP = timedelta(seconds=60)
_RETRIES = 5
_SECRETS = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ACCESS_KEY_ID")

_P = ParamSpec("_P")
_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True)
class Found:
    """An object: its key, its length and when it was put, by the server's clock. [bytes]"""

    key: str
    size: int
    modified: datetime


class Bucket:
    """Objects under one prefix.

    Parameters
    ----------
    address : str
        ``s3://bucket/prefix``.

    Raises
    ------
    UsageError
        If it is no such address, or the client is not installed.
    """

    def __init__(self, address: str) -> None:
        name, _, prefix = address.removeprefix("s3://").strip("/").partition("/")
        if not name:
            raise UsageError(f"{address} names no bucket\nhint: --lake s3://BUCKET/PREFIX")
        self.address = f"s3://{name}/{prefix}" if prefix else f"s3://{name}"
        self.endpoint = os.environ.get("AWS_ENDPOINT_URL", "")
        self._client = _client()
        self._store: S3Store = self._client.store.S3Store(
            name,
            prefix=prefix or None,
            client_options={
                "allow_http": self.endpoint.startswith("http://"),
                "timeout": _GIVE_UP,
            },
            retry_config={"max_retries": _RETRIES, "retry_timeout": _GIVE_UP},
        )

    def get(self, key: str) -> bytes:
        """Return an object.

        Raises
        ------
        FileNotFoundError
            If there is none.
        """
        found = self._asked(self._client.get, self._store, key)
        return bytes(self._asked(found.bytes))

    def get_version(self, key: str) -> tuple[bytes, str] | None:
        """Return an object and its version, or None where there is none."""
        try:
            found = self._asked(self._client.get, self._store, key)
        except FileNotFoundError:
            return None
        version = found.meta["e_tag"]
        if version is None:
            raise StorageError(self.address, "its server tells no versions of objects (ETag)")
        return bytes(self._asked(found.bytes)), version

    def put(self, key: str, content: bytes) -> None:
        """Put an object, whether or not there is one."""
        self._asked(self._client.put, self._store, key, content)

    def put_all(self, objects: Mapping[str, bytes]) -> None:
        """Put objects, in no particular order and several at once."""
        self.each(lambda key: self.put(key, objects[key]), list(objects))

    def put_if(self, key: str, content: bytes, version: str | None) -> str | None:
        """Put an object if it is still of a version, or, without one, not there yet.

        Returns
        -------
        str or None
            The new version; None where the condition did not hold, and nothing was put.
        """
        mode = "create" if version is None else {"e_tag": version}
        errors = self._client.exceptions
        try:
            put = self._client.put(self._store, key, content, mode=mode)
        except (errors.AlreadyExistsError, errors.PreconditionError):
            return None
        except FileNotFoundError as error:
            if version is not None:
                return None  # of an object that is gone there is no version
            raise self._error(error) from None
        except errors.BaseError as error:
            raise self._error(error) from None
        return str(put["e_tag"])

    def delete(self, keys: Iterable[str]) -> None:
        """Delete objects; what is not there stays so."""
        if wanted := list(keys):
            self._asked(self._client.delete, self._store, wanted)

    def list(self, prefix: str) -> list[Found]:
        """Return the objects below a prefix, which ends at a slash."""
        stream = self._client.list(self._store, prefix=prefix)
        pages = self._asked(lambda: [found for page in stream for found in page])
        return [Found(one["path"], one["size"], one["last_modified"]) for one in pages]

    def each(self, task: Callable[[Any], object], items: Sequence[Any]) -> None:
        """Do something with many items at once, as the network allows."""
        if len(items) == 1:
            task(items[0])
        elif items:
            with ThreadPoolExecutor(min(CONCURRENCY, len(items)), "forcedflow-bucket") as pool:
                for _ in pool.map(task, items):
                    pass

    def check_conditions(self) -> None:
        """Return if the server honours puts on condition.

        Raises
        ------
        StorageError
            If it does not: two writers would lose each other's rows there.
        """
        key = f"probe-{uuid4().hex}"
        version = self.put_if(key, b"1", None)
        honoured = (
            version is not None
            and self.put_if(key, b"2", None) is None
            and self.put_if(key, b"2", version) is not None
            and self.put_if(key, b"3", version) is None
        )
        self.delete([key])
        if not honoured:
            raise StorageError(
                self.address,
                "its server does not honour puts on condition (If-Match, If-None-Match); two "
                "writers would lose each other's rows\nhint: AWS S3, MinIO, Ceph, R2 do",
            )

    def _asked(
        self, ask: Callable[_P, _Answer], *arguments: _P.args, **named: _P.kwargs
    ) -> _Answer:
        try:
            return ask(*arguments, **named)
        except FileNotFoundError as error:
            if "NoSuchBucket" in str(error):
                raise self._error(error) from None
            raise FileNotFoundError(2, "no such object", str(arguments[1:2])) from None
        except self._client.exceptions.BaseError as error:
            # Without the client's own trace: it quotes what it was configured with.
            raise self._error(error) from None

    def _error(self, error: Exception) -> StorageError:
        errors = self._client.exceptions
        text = str(error).split("\n", maxsplit=1)[0]
        for name in _SECRETS:
            if secret := os.environ.get(name):
                text = text.replace(secret, "***")
        if "NoSuchBucket" in str(error):
            return StorageError(self.address, "there is no such bucket\nhint: make it first")
        if isinstance(error, (errors.PermissionDeniedError, errors.UnauthenticatedError)):
            hint = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and what they may do there"
        else:
            hint = "AWS_ENDPOINT_URL and AWS_REGION say where the bucket is"
        return StorageError(self.address, f"{text}\nhint: {hint}")


def _client() -> Any:
    """Return the client where it is installed."""
    try:
        import obstore  # noqa: PLC0415 - an extra
        import obstore.store  # noqa: PLC0415 - likewise
    except ModuleNotFoundError as error:
        if error.name != "obstore":
            raise
        raise UsageError(
            "a lake in a bucket needs obstore\nhint: pip install 'forcedflow[s3]'"
        ) from error
    return obstore

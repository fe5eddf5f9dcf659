"""Secrets: addresses and keys that may be used but never shown.

In:  environment variables that a rules file names.   Out: `Secret`, and text without it.
Reads the environment; logs of the libraries that send are masked, nothing else is global.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping
from urllib.parse import unquote

from forcedflow.errors import UsageError

MASK = "***"
_LEAST = 5  # shorter parts are ports and words

_SENDERS = ("apprise", "urllib3.connectionpool", "httpx2", "httpcore2")
"""Loggers of the libraries that are handed secrets."""


class Secret:
    """A value that shows as ``***`` wherever it is printed.

    Parameters
    ----------
    value : str
    name : str
        Variable that it came from.
    """

    __slots__ = ("_parts", "_value", "name")

    def __init__(self, value: str, name: str) -> None:
        self._value, self.name = value, name
        # Libraries quote parts of an address: a token alone, a password, also percent-decoded.
        parts = {value, unquote(value)}
        for text in tuple(parts):
            # Without its scheme, which is no secret and would mask half of a sentence.
            parts.update(re.split(r"[:/@?&=]+", text.partition("://")[2] or text))
        self._parts = sorted((part for part in parts if len(part) >= _LEAST), key=len, reverse=True)

    def reveal(self) -> str:
        """Return the value, for the one call that needs it."""
        return self._value

    def mask(self, text: str) -> str:
        """Return text with the value, and every part of it of five letters or more, masked."""
        for part in self._parts:
            text = text.replace(part, MASK)
        return text

    def __repr__(self) -> str:
        return f"Secret({self.name}={MASK})"

    __str__ = __repr__

    def __reduce__(self) -> str:
        raise TypeError("a secret is not written down")


def read_secret(variables: Mapping[str, str], name: str, place: str) -> Secret:
    """Return the secret that a variable holds.

    Raises
    ------
    UsageError
        If the variable is not set.
    """
    value = variables.get(name, "").strip()
    if not value:
        raise UsageError(f"{place}: the variable {name} is not set\nhint: export {name}=…")
    return Secret(value, name)


class _Masking(logging.Filter):
    def __init__(self, secrets: Iterable[Secret]) -> None:
        super().__init__()
        self._secrets = list(secrets)

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = self._mask(record.getMessage()), ()
        if record.exc_info:
            # A formatter takes what was formatted before over formatting it itself.
            record.exc_text = self._mask(logging.Formatter().formatException(record.exc_info))
        return True

    def _mask(self, text: str) -> str:
        for secret in self._secrets:
            text = secret.mask(text)
        return text


def mask_logs(secrets: Iterable[Secret]) -> None:
    """Mask secrets in what the sending libraries log from now on."""
    masking = _Masking(secrets)
    for name in _SENDERS:
        logging.getLogger(name).addFilter(masking)

"""Events of a running process, for people or for machines, without secrets.

In:  events with named values.   Out: lines on standard error.
Free of venues and data; nothing is configured by importing it.

The package logs under ``forcedflow`` in Python's own logging, so an application that embeds it
decides what becomes of it; the command line calls `configure`.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, Final, TextIO

import stamina.instrumentation
import structlog
from structlog.typing import FilteringBoundLogger, Processor

ROOT: Final = "forcedflow"

_SECRET: Final = re.compile(r"token|key|secret|password|authorization|proxy", re.IGNORECASE)


def is_secret(name: str) -> bool:
    """Return whether a value of this name must not be shown."""
    return _SECRET.search(name) is not None


def drop_secrets(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Take the values of secret names out of an event, within mappings too."""
    return {
        name: drop_secrets(None, "", value) if isinstance(value, dict) else value
        for name, value in event.items()
        if not is_secret(name)
    }


_BEFORE: Final[tuple[Processor, ...]] = (structlog.stdlib.add_log_level, drop_secrets)


def get_logger(name: str) -> FilteringBoundLogger:
    """Return a logger of one part of the package.

    Parameters
    ----------
    name : str
        Part of it, such as ``venues``.
    """
    logger: FilteringBoundLogger = structlog.wrap_logger(
        logging.getLogger(f"{ROOT}.{name}"),
        processors=[
            structlog.stdlib.filter_by_level,
            *_BEFORE,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    return logger


def configure(
    *, as_json: bool = False, level: int = logging.INFO, out: TextIO | None = None
) -> None:
    """Send the package's events to a stream; called once by a process of its own.

    Parameters
    ----------
    as_json : bool
        One JSON object per line instead of text for people.
    level : int
        Lowest level shown, as in `logging`.
    out : text stream, optional
        Where to; standard error by default.
    """
    renderer: Processor = (
        structlog.processors.JSONRenderer()
        if as_json
        else structlog.dev.ConsoleRenderer(colors=False)
    )
    handler = logging.StreamHandler(sys.stderr if out is None else out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                renderer,
            ],
            foreign_pre_chain=_BEFORE,
        )
    )
    root = logging.getLogger(ROOT)
    root.handlers[:] = [handler]
    root.setLevel(level)
    root.propagate = False
    report_retries_here()


def report_retries_here() -> None:
    """Log requests that are asked again like everything else, for the whole process.

    Left alone, the library that repeats them prints on standard output, where results belong.
    """
    stamina.instrumentation.set_on_retry_hooks([_report_retry])


def _report_retry(details: stamina.instrumentation.RetryDetails) -> None:
    get_logger("venues").info(
        "asked again",
        problem=str(details.caused_by),
        attempt=details.retry_num,
        wait_s=round(details.wait_for, 2),
    )

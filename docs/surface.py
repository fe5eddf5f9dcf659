"""Reference pages of what other programs hold on to: Python names, and names of metrics.

In:  the public names of the package, the metrics of a server.   Out: Markdown.
No clock, no network, no lake: the same code gives the same bytes.
"""
# ruff: noqa: INP001 - a script's companion, not a package

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

from prometheus_client.metrics_core import Metric

import forcedflow
from forcedflow.server.metrics import Metrics


def public_names() -> list[str]:
    """Return the names that `forcedflow` offers and keeps."""
    return [name for name in forcedflow.__all__ if not name.startswith("_")]


def python_rows() -> Iterator[tuple[str, str, str]]:
    """Yield each public name, where it is defined, and its first line."""
    for name in public_names():
        value = getattr(forcedflow, name)
        said = (inspect.getdoc(value) or "").partition("\n")[0]
        yield f"[`{name}`](#{name.lower()})", f"`{value.__module__}`", said


def python_sections() -> str:
    """Return one section for each public name; the site fills it in from the docstrings."""
    return "".join(_section(name, getattr(forcedflow, name)) for name in public_names())


def metric_rows(metrics: Metrics) -> Iterator[tuple[str, str, str, str]]:
    """Yield name, kind, labels and meaning of everything that a server measures."""
    labels = {
        # What has labels is given none until it is first counted, so they are read off its maker.
        collector._name: collector._labelnames  # noqa: SLF001 - the client offers no other way
        for collector in metrics.registry._collector_to_names  # noqa: SLF001 - likewise
    }
    for metric in sorted(metrics.registry.collect(), key=lambda one: one.name):
        named = ", ".join(f"`{label}`" for label in labels[metric.name]) or "–"
        yield f"`{_scraped(metric)}`", metric.type, named, metric.documentation


def _scraped(metric: Metric) -> str:
    return metric.name + ("_total" if metric.type == "counter" else "")


def _section(name: str, value: Any) -> str:
    directive = "autoclass" if inspect.isclass(value) else "autofunction"
    members = "\n   :members:" if inspect.isclass(value) else ""
    return (
        f"\n## {name}\n\n```python\nfrom forcedflow import {name}\n```\n\n"
        f"```{{eval-rst}}\n.. {directive}:: {value.__module__}.{value.__qualname__}{members}\n```\n"
    )

"""Every example in a docstring runs and prints what it says."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import forcedflow

_LEAST_EXAMPLES = 20


def _modules():
    for found in pkgutil.walk_packages(forcedflow.__path__, "forcedflow."):
        # Importing __main__ runs the command.
        if not found.name.endswith("__main__"):
            yield importlib.import_module(found.name)


def test_every_example_in_the_package_is_right():
    failed, attempted = [], 0
    for module in [forcedflow, *_modules()]:
        result = doctest.testmod(module)
        attempted += result.attempted
        if result.failed:
            failed.append(module.__name__)
    assert failed == []
    assert attempted >= _LEAST_EXAMPLES


def test_every_module_says_what_it_is():
    assert [module.__name__ for module in _modules() if not module.__doc__] == []

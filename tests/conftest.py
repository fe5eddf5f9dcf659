"""Fixtures every test may ask for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def _folder_from(variable: str) -> Path:
    value = os.environ.get(variable)
    if not value:
        pytest.skip(f"{variable} is not set")
    folder = Path(value)
    if not folder.is_dir():
        pytest.fail(f"{variable}={value} is not a folder")
    return folder


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Return the folder of recorded market data."""
    return _folder_from("FORCEDFLOW_REAL_DATA")


@pytest.fixture(scope="session")
def vectors() -> Path:
    """Return the folder of independent calculations."""
    return _folder_from("FORCEDFLOW_VECTORS")


@pytest.fixture(scope="session")
def payloads() -> Path:
    """Return the folder of recorded frames."""
    return _folder_from("FORCEDFLOW_PAYLOADS")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Fail loudly where nothing was allowed to skip."""
    skipped = terminalreporter.stats.get("skipped", [])
    if skipped and os.environ.get("FORCEDFLOW_NO_SKIPS"):
        names = ", ".join(sorted({report.nodeid for report in skipped}))
        terminalreporter.write_line(f"skipped although nothing may skip here: {names}", red=True)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Turn skips into a failure where nothing was allowed to skip."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter else []
    if skipped and exitstatus == 0 and os.environ.get("FORCEDFLOW_NO_SKIPS"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED

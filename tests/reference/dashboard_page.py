"""The dashboard in Debian's Chromium: a server over a lake, and visits that notice what goes wrong.

In:  a lake's folder, a moment.   Out: an address; pages, each with what it asked and was answered.
Needs Playwright and a program called chromium; whoever imports it skips without them.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, Response, expect, sync_playwright

CHROMIUM = shutil.which("chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
# Answers weigh weeks of minutes, on machines that do other things too. [ms]
PATIENCE_MS = 90_000

_BUILT = files("forcedflow.server").joinpath("static", "index.html")
NEEDED = (
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium here: apt install chromium"),
    pytest.mark.skipif(not _BUILT.is_file(), reason="the page is not built: make dashboard"),
)


@dataclass
class Opened:
    """A page and what it did behind the scenes."""

    page: Page
    problems: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    answers: list[Response] = field(default_factory=list)

    def drawn(self) -> Page:
        """Wait until the map stands."""
        expect(self.page.locator(".quote b")).not_to_have_text("–", timeout=PATIENCE_MS)
        expect(self.page.locator(".chart-stage[data-drawn='1']")).to_be_visible(timeout=PATIENCE_MS)
        return self.page

    def settled(self) -> Page:
        """Wait until nothing that is shown is still being read."""
        page = self.drawn()
        for waiting in ("[aria-busy=true]", ".state-busy", ".skeleton"):
            expect(page.locator(waiting)).to_have_count(0, timeout=PATIENCE_MS)
        return page


@contextmanager
def served(lake: Path, at: str, folder: Path) -> Iterator[str]:
    """Serve a lake as of a moment, from a process of its own; give the address."""
    command = [sys.executable, "-m", "forcedflow", "serve", "--port=0", f"--at={at}"]
    with subprocess.Popen(
        [*command, f"--lake={lake}"], stderr=subprocess.PIPE, encoding="utf-8", cwd=folder
    ) as running:
        try:
            assert running.stderr is not None
            found = (re.search(r"http://\S+", line) for line in iter(running.stderr.readline, ""))
            yield next(one.group() for one in found if one)
        finally:
            running.terminate()
            running.communicate(timeout=30)


@contextmanager
def started() -> Iterator[Browser]:
    """Start the browser."""
    with sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield found
        found.close()


@contextmanager
def visits(browser: Browser, address: str) -> Iterator[Callable[..., Opened]]:
    """Open pages of an address; afterwards nothing may have gone wrong or out."""
    contexts, every = [], []

    def open_page(link: str = "", width: int = 1440, height: int = 900) -> Opened:
        context = browser.new_context(
            viewport={"width": width, "height": height}, timezone_id="UTC", bypass_csp=False
        )
        contexts.append(context)
        one = Opened(context.new_page())
        every.append(one)
        one.page.on("pageerror", lambda error: one.problems.append(str(error)))
        one.page.on(
            "console",
            lambda said: (
                one.problems.append(said.text) if "Content Security Policy" in said.text else None
            ),
        )
        one.page.on("request", lambda asked: one.hosts.add(urlsplit(asked.url).netloc))
        one.page.on("request", lambda asked: one.asked.append(asked.url))
        one.page.on("response", lambda answer: one.answers.append(answer))  # noqa: PLW0108 - Playwright marks it
        one.page.goto(f"{address}/#{link}")
        return one

    yield open_page
    for context in contexts:
        context.close()
    for one in every:
        assert one.problems == []
        assert one.hosts <= {urlsplit(address).netloc, ""}

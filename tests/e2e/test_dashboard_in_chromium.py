"""The dashboard in Chromium, over a simulated lake: its controls, and nobody else is asked."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect, sync_playwright

CHROMIUM = shutil.which("chromium")
PAGE = files("forcedflow.server").joinpath("static", "index.html")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
AXE = Path(__file__).parents[2] / "dashboard" / "node_modules" / "axe-core" / "axe.min.js"
AT = "2024-01-20T00:00Z"
# Answers weigh weeks of minutes, on machines that do other things too. [ms]
PATIENCE_MS = 90_000

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium here: apt install chromium"),
    pytest.mark.skipif(not PAGE.is_file(), reason="the page is not built: make dashboard"),
]


@pytest.fixture(scope="module")
def simulated(tmp_path_factory, command):
    """A lake of eight simulated days."""
    folder = tmp_path_factory.mktemp("page") / "lake"
    done = command(
        "demo", "--headless", "--days", 8, "--traders", 2000, "--seed", 7, "--lake", folder
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def address(simulated, tmp_path_factory) -> Iterator[str]:
    """A server over it, as of the end of its seventh day."""
    with subprocess.Popen(
        [
            sys.executable,
            "-m",
            "forcedflow",
            "serve",
            "--port=0",
            f"--at={AT}",
            f"--lake={simulated}",
        ],
        stderr=subprocess.PIPE,
        encoding="utf-8",
        cwd=tmp_path_factory.mktemp("served"),
    ) as running:
        try:
            found = (re.search(r"http://\S+", line) for line in iter(running.stderr.readline, ""))
            yield next(one.group() for one in found if one)
        finally:
            running.terminate()
            running.communicate(timeout=30)


@dataclass
class Opened:
    """A page and what it did behind the scenes."""

    page: Page
    problems: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)

    def drawn(self) -> Page:
        """Wait until the map stands."""
        expect(self.page.locator(".quote b")).not_to_have_text("–", timeout=PATIENCE_MS)
        return self.page


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as driver:
        found = driver.chromium.launch(
            executable_path=CHROMIUM,
            args=FLAGS,
        )
        yield found
        found.close()


@pytest.fixture
def opened(browser, address):
    """Open the page; afterwards nothing may have gone wrong or out."""
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
        one.page.goto(f"{address}/#{link}")
        return one

    yield open_page
    for context in contexts:
        context.close()
    for one in every:
        assert one.problems == []
        assert one.hosts <= {urlsplit(address).netloc, ""}


def test_simulated_and_no_advice_are_always_said(opened):
    page = opened().drawn()
    expect(page.locator(".badge.simulated")).to_be_visible()
    expect(page.locator(".footer")).to_contain_text("Estimates, not advice.")
    expect(page.locator(".freshness .age")).to_contain_text(re.compile(r"\d"))
    expect(page).to_have_title(re.compile("^SIMULATED SIM/USDT:USDT"))


def test_eight_signals_tell_their_reason_when_focused(opened):
    page = opened().drawn()
    signals = page.locator(".signal")
    expect(signals).to_have_count(8, timeout=PATIENCE_MS)
    reason = signals.nth(1).locator(".reason")
    expect(reason).to_be_hidden()
    signals.nth(1).locator("button").focus()
    expect(reason).to_be_visible()
    expect(reason).to_contain_text("On when")


def test_the_handle_of_the_chain_moves_by_pointer_and_by_keys(opened):
    page = opened("panel=chain").drawn()
    handle = page.get_by_role("slider", name="Price to look at")
    expect(handle).to_be_visible(timeout=PATIENCE_MS)
    handle.focus()
    page.keyboard.press("Shift+ArrowDown")
    expect(handle).to_have_attribute("aria-valuenow", "-1")
    expect(page.locator(".readout")).to_contain_text("−1.00 %")
    page.keyboard.press("Home")
    expect(handle).to_have_attribute("aria-valuenow", "0")
    picture = page.locator(".chain").bounding_box()
    page.mouse.move(picture["x"] + 200, picture["y"] + picture["height"] / 2)
    page.mouse.down()
    page.mouse.move(picture["x"] + 200, picture["y"] + picture["height"] * 0.8)
    page.mouse.up()
    assert float(handle.get_attribute("aria-valuenow")) < -5
    expect(page.locator(".readout")).to_contain_text("of longs est. if touched")
    expect(page.locator(".onward")).to_contain_text("structural, uncalibrated")


def test_the_forecast_of_a_simulated_market_is_told_by_the_model_that_ships(opened):
    page = opened("panel=forecast").drawn()
    expect(page.locator(".panel")).to_contain_text("24 h", timeout=PATIENCE_MS)
    expect(page.locator(".panel")).not_to_contain_text("No forecast model here")


def test_the_time_machine_shows_a_past_moment_and_comes_back(opened):
    page = opened().drawn()
    now = page.locator(".quote b").inner_text()
    page.get_by_label("Moment, UTC").fill("2024-01-18T06:00")
    page.get_by_label("Moment, UTC").blur()
    expect(page.locator(".badge.replay")).to_be_visible()
    expect(page.locator(".is-replay")).to_be_visible()
    expect(page).to_have_url(re.compile("at=2024-01-18T06"))
    expect(page.locator(".quote b")).not_to_have_text(now, timeout=PATIENCE_MS)
    page.get_by_role("button", name=re.compile("^(Now|End)$")).click()
    expect(page.locator(".badge.replay")).to_have_count(0)
    expect(page.locator(".quote b")).to_have_text(now, timeout=PATIENCE_MS)


def test_play_moves_the_moment_on(opened):
    page = opened("at=2024-01-18T06:00Z").drawn()
    page.get_by_label("Speed of the replay").select_option(label="1 h/s")
    page.get_by_role("button", name="Play the past").click()
    expect(page).not_to_have_url(re.compile("at=2024-01-18T06%3A00"), timeout=PATIENCE_MS)
    page.get_by_role("button", name="Pause the replay").click()
    expect(page.get_by_role("button", name="Play the past")).to_be_visible()


def test_a_link_brings_the_view_back_and_a_layout_without_its_moment(opened):
    one = opened("panel=calendar&theme=light&zone=Asia%2FTokyo&range=24h&at=2024-01-18T06:00Z")
    page = one.drawn()
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    expect(page.get_by_role("tab", name="Calendar")).to_have_attribute("aria-selected", "true")
    expect(page.locator(".freshness .age")).to_have_text("2024-01-18 15:00")
    page.get_by_role("button", name="Layouts and link").click()
    page.get_by_label("Name of the layout").fill("mornings")
    page.get_by_role("button", name="Keep").click()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Dark colours").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.get_by_role("button", name="Layouts and link").click()
    page.get_by_role("button", name="mornings", exact=True).click()
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    expect(page).not_to_have_url(re.compile("at=2024-01-18"))


def test_pages_and_menus_open_and_say_what_is_missing(opened):
    page = opened().drawn()
    page.get_by_role("button", name="Scorecard").click()
    expect(page.locator(".card .remedy").first).to_contain_text("forcedflow", timeout=PATIENCE_MS)
    page.get_by_role("button", name="Data", exact=True).click()
    expect(page.locator(".card", has_text="Held of SIM")).to_contain_text(
        "open_interest", timeout=PATIENCE_MS
    )
    page.get_by_role("button", name="Choose a market").click()
    page.get_by_label("Find a market").fill("dark")
    page.get_by_role("button", name=re.compile("sandbox-dark")).click()
    expect(page).to_have_url(re.compile("venue=sandbox-dark"))
    page.get_by_role("button", name="Playbook of this moment").click()
    link = page.get_by_role("link", name="Open as a page")
    expect(link).to_have_attribute("href", re.compile(r"^/api/v1/playbook\.html\?.*sandbox-dark"))


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("panel", ["signals", "chain"])
def test_nothing_serious_stands_in_anybodys_way(opened, theme, panel):
    page = opened(f"theme={theme}&panel={panel}").drawn()
    expect(page.locator(".panel .answer[aria-busy=false]").first).to_be_visible(timeout=PATIENCE_MS)
    # Evaluated by the debugger, so that the page's own rules on scripts stay as they are.
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    serious = [
        (one["id"], [node["target"] for node in one["nodes"]][:4])
        for one in found["violations"]
        if one["impact"] in {"serious", "critical"}
    ]
    assert serious == []


@pytest.mark.parametrize(("width", "height"), [(1024, 768), (390, 844), (360, 780)])
def test_nothing_is_wider_than_the_screen(opened, width, height):
    page = opened(width=width, height=height).drawn()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    expect(page.locator(".footer")).to_contain_text("Estimates, not advice.")

"""The notebook widget in Chromium: the built module draws what Python sent, and asks nobody."""

from __future__ import annotations

import json
import shutil
from base64 import b64encode
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect, sync_playwright

from forcedflow import notebook

CHROMIUM = shutil.which("chromium")
STATIC = Path(str(files("forcedflow.notebook"))) / "static"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium here: apt install chromium"),
    pytest.mark.skipif(
        not (STATIC / "widget.js").is_file(), reason="the widget is not built: make dashboard"
    ),
]

# What anywidget gives a module: traits by name, bytes as a view into a larger message.
_PAGE = """<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,">
<style>STYLE</style><body><p class="toolbar">not ours</p><div id="place"></div>
<script type="module">
import widget from "./widget.js";
const state = STATE, told = {};
const raw = atob(state.tile), bytes = new Uint8Array(raw.length + 5);
for (let i = 0; i < raw.length; i++) bytes[i + 5] = raw.charCodeAt(i);
state.tile = new DataView(bytes.buffer, 5);
const model = {
  get: (name) => state[name],
  set: (name, value) => { state[name] = value; },
  save_changes: () => { window.saved = (window.saved ?? 0) + 1; },
  on: (event, tell) => (told[event] ??= []).push(tell),
  off: (event, tell) => { told[event] = told[event].filter((one) => one !== tell); },
};
window.state = state;
window.change = (name, value) => {
  state[name] = value;
  for (const tell of told[`change:${name}`] ?? []) tell();
};
window.listeners = () => Object.values(told).flat().length;
// A notebook renders first and puts the element on its page later.
const el = document.createElement("div");
window.end = await widget.render({ model, el });
setTimeout(() => document.getElementById("place").append(el), 200);
</script>"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory, lake):
    widget = notebook.heatmap(lake, "BTC", at="2026-01-04T12:00Z", span="3d").widget()
    state = {
        "tile": b64encode(widget.tile).decode(),
        "zones": widget.zones,
        "ladder": widget.ladder,
        "series": widget.series,
        "view": widget.view,
        "height": widget.height,
    }
    place = tmp_path_factory.mktemp("widget")
    page = _PAGE.replace("STATE", json.dumps(state)).replace("STYLE", widget._css)
    (place / "index.html").write_text(page, encoding="utf-8")
    (place / "widget.js").write_text(widget._esm, encoding="utf-8")
    return place


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def opened(folder):
    """Return the page and what went wrong on it."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=folder))
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": 1100, "height": 700})
        problems, hosts = [], set()
        page.on("console", lambda message: problems.append(message.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
        page.goto(f"http://127.0.0.1:{server.server_port}/")
        expect(page.locator(".forcedflow-widget[data-drawn='1']")).to_be_visible(timeout=60_000)
        yield page
        assert problems == []
        assert hosts == {f"127.0.0.1:{server.server_port}"}
        browser.close()
    server.shutdown()
    server.server_close()
    thread.join()


def _colours(page, selector="canvas"):
    """Return how many colours the largest canvas shows."""
    return page.evaluate(
        """(selector) => {
          const all = [...document.querySelectorAll(selector)];
          const one = all.sort((a, b) => b.width * b.height - a.width * a.height)[0];
          const { data } = one.getContext("2d").getImageData(0, 0, one.width, one.height);
          const seen = new Set();
          for (let i = 0; i < data.length; i += 4) {
            seen.add(data[i] << 16 | data[i + 1] << 8 | data[i + 2]);
          }
          return seen.size;
        }""",
        selector,
    )


def test_the_map_is_drawn_and_says_what_it_is(opened):
    page = opened
    page.wait_for_timeout(300)
    assert _colours(page) > 100
    expect(page.locator(".widget-facts")).to_contain_text("BTC/USDT:USDT · binance")
    expect(page.locator(".widget-facts")).to_contain_text("known to 2026-01-04 11:55 UTC")
    expect(page.locator(".widget-foot")).to_contain_text("Estimates if touched, not advice.")


def test_the_crosshair_says_what_stands_there(opened):
    page = opened
    box = page.locator(".chart-stage").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.3)
    expect(page.locator(".chart-tooltip")).to_be_visible()
    expect(page.locator(".chart-tooltip")).to_contain_text("Estimates, if touched")


def test_a_side_is_chosen_here_and_told_to_python(opened):
    page = opened
    page.get_by_role("button", name="Longs").click()
    expect(page.get_by_role("button", name="Longs")).to_have_attribute("aria-pressed", "true")
    assert page.evaluate("[window.state.view.side, window.saved]") == ["long", 1]


def test_what_python_changes_is_shown_and_an_ended_widget_leaves_nothing(opened):
    page = opened
    page.evaluate("window.change('view', {theme: 'light'})")
    expect(page.locator(".forcedflow-widget")).to_have_attribute("data-theme", "light")
    page.evaluate("window.change('height', 333)")
    assert page.locator(".forcedflow-widget").bounding_box()["height"] == 333
    page.evaluate("window.change('tile', new DataView(new ArrayBuffer(0)))")
    page.evaluate("window.end()")
    assert page.locator(".forcedflow-widget").count() == 0
    assert page.evaluate("window.listeners()") == 0


def test_the_style_touches_nothing_of_the_page_around_it(opened):
    style = opened.evaluate("getComputedStyle(document.querySelector('.toolbar')).display")
    assert style == "block"

"""The page in a browser without a graphics card: frames, first paint, event to pixel, its size.

In:  the built page; Debian's Chromium.   Out: `Result` rows.
Free of any lake: the server makes up a market of 1,000 columns × 500 bins and 1,000 candles.
"""

from __future__ import annotations

import contextlib
import gzip
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.measure import Budget, Result, Timing

if TYPE_CHECKING:
    from playwright.sync_api import Page

FRAMES = 240
EVENTS = 100
_STATIC = Path(str(files("forcedflow.server") / "static"))
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
    # Else no frame is shorter than the screen's own 16.7 ms, however little work it is.
    "--disable-frame-rate-limit",
    "--disable-gpu-vsync",
)
# Notes when heat reaches the canvas, and when the frame in which it did has ended.
_WATCH = """
(() => {
  const seen = { first: null, heard: [], shown: [], waiting: null, frames: [] };
  window.measured = seen;
  const draw = CanvasRenderingContext2D.prototype.drawImage;
  CanvasRenderingContext2D.prototype.drawImage = function (image, ...rest) {
    if (image instanceof OffscreenCanvas) {
      seen.drawn = true;
      const heard = seen.waiting;
      seen.waiting = null;
      if (seen.first === null || heard !== null) {
        // A message posted from a frame is read once the frame was handed on.
        const channel = new MessageChannel();
        channel.port1.onmessage = () => {
          seen.first ??= performance.now();
          if (heard !== null) seen.shown.push(performance.timeOrigin + performance.now() - heard);
        };
        channel.port2.postMessage(null);
      }
    }
    return draw.call(this, image, ...rest);
  };
  const Source = window.EventSource;
  window.EventSource = class extends Source {
    constructor(...given) {
      super(...given);
      this.addEventListener("update", (event) => {
        const sent = JSON.parse(event.data).payload.sent_ms;
        seen.waiting ??= sent;
      });
    }
  };
})();
"""
# Every frame moves the chart once: dragged left and right, then scaled in and out.
_MOVE = """
async (count) => {
  const stage = document.querySelector(".chart-canvas canvas:last-of-type");
  const box = stage.getBoundingClientRect();
  const [x, y] = [box.left + box.width / 2, box.top + box.height / 2];
  const at = (kind, dx, more = {}) => ({
    bubbles: true, cancelable: true, view: window, button: 0, buttons: 1,
    clientX: x + dx, clientY: y, ...more,
  });
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  const lasted = [];
  let last = null;
  stage.dispatchEvent(new MouseEvent("mouseenter", at("", 0, { buttons: 0 })));
  stage.dispatchEvent(new MouseEvent("mousedown", at("", 0)));
  for (let i = 0; i < count; i += 1) {
    if (i < count / 2) {
      const dx = 220 * Math.sin(i / 12);
      document.documentElement.dispatchEvent(new MouseEvent("mousemove", at("", dx)));
    } else {
      if (i === Math.ceil(count / 2)) {
        const up = new MouseEvent("mouseup", at("", 0, { buttons: 0 }));
        document.documentElement.dispatchEvent(up);
      }
      const deltaY = 40 * (Math.floor(i / 15) % 2 ? 1 : -1);
      stage.dispatchEvent(new WheelEvent("wheel", { ...at("", 0, { buttons: 0 }), deltaY }));
    }
    window.measured.drawn = false;
    const now = await frame();
    // Frames without heat are no frames of the chart: they would flatter the figure.
    if (last !== null && window.measured.drawn) lasted.push(now - last);
    last = now;
  }
  return lasted;
}
"""


def run(budgets: dict[str, Budget], runs: int) -> Iterator[Result]:
    """Yield frames while panning and zooming, first paint, and event to pixel."""
    why = _why_not()
    if why is not None:
        yield Result("dashboard", "the page", "", skipped=why)
        return
    medians, tails, firsts, lags = [], [], [], []
    counted = 0
    for _ in range(runs):
        with _page() as (page, server):
            firsts.append(page.evaluate("measured.first") / 1e3)
            frames = page.evaluate(_MOVE, FRAMES)
            counted += len(frames)
            medians.append(statistics.median(frames) / 1e3)
            tails.append(_percentile(frames, 0.95) / 1e3)
            shown = _events(page, server)
            lags.append(_percentile(shown, 0.99) / 1e3)
    size = "1,000 × 500 cells, 1,000 candles"
    for what, times in (
        ("frame, median", medians),
        ("frame, p95", tails),
        ("first useful paint", firsts),
        ("event to pixel, p99", lags),
    ):
        timing = Timing(min(times), max(times), runs)
        notes = _notes(counted) if what == "frame, median" else ()
        yield Result("dashboard", what, size, timing, budget=budgets.get(what), notes=notes)


def _notes(counted: int) -> tuple[str, ...]:
    packed = sum(
        len(gzip.compress(path.read_bytes()))
        for path in _STATIC.rglob("*")
        if path.suffix in {".js", ".css", ".html"}
    )
    return (
        f"{counted} frames in which heat was drawn, without the screen's limit on their number",
        f"the page is {packed / 1000:.0f} kB gzipped",
    )


def _why_not() -> str | None:
    if shutil.which("chromium") is None:
        return "no program called chromium"
    if not (_STATIC / "index.html").is_file():
        return "the page is not built: make dashboard"
    return None


@contextlib.contextmanager
def _page() -> Iterator[tuple[Page, subprocess.Popen[str]]]:
    """Open the page on the made-up market, its heat drawn."""
    # Only here: whoever measures something else needs no browser.
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - see above

    server = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.dashboard_server"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None
    port = int(server.stdout.readline())
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=list(_FLAGS)
            )
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            page.add_init_script(_WATCH)
            page.goto(f"http://127.0.0.1:{port}/#venue=sandbox&symbol=SIM%2FUSDT%3AUSDT")
            # Not `wait_for_function`: the page's own policy lets no text become a program.
            for _ in range(300):
                if page.evaluate("measured.first !== null"):
                    break
                page.wait_for_timeout(100)
            page.wait_for_timeout(1000)
            yield page, server
            browser.close()
    finally:
        server.kill()
        server.wait()


def _events(page: Page, server: subprocess.Popen[str]) -> list[float]:
    assert server.stdin is not None
    assert server.stdout is not None
    server.stdin.write(f"{EVENTS} 20\n")
    server.stdin.flush()
    server.stdout.readline()
    page.wait_for_timeout(500)
    shown: list[float] = page.evaluate("measured.shown")
    if not shown:
        raise RuntimeError("no event reached the canvas")
    return shown


def _percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

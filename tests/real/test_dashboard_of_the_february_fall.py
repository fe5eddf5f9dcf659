"""The dashboard over recorded data, on the evening of the fall: what stood, in a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect
from tests.reference.dashboard_page import NEEDED, PATIENCE_MS, served, started, visits

pytestmark = [pytest.mark.real_data, *NEEDED]


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_the_evening_of_the_fall_is_drawn_with_its_clusters_and_their_reasons(
    imported_lake, tmp_path, theme
):
    link = f"venue=binance&symbol=BTC%2FUSDT%3AUSDT&at=2026-02-05T20:00Z&range=3d&theme={theme}"
    lake = imported_lake.lake.root
    with (
        served(lake, "2026-02-06T00:00Z", tmp_path) as address,
        started() as browser,
        visits(browser, address) as open_page,
    ):
        page = open_page(link).settled()
        expect(page.locator(".badge.replay")).to_be_visible()
        expect(page.locator(".badge.simulated")).to_have_count(0)
        mark = float(page.locator(".quote b").inner_text().replace(",", ""))
        assert 60_000 < mark < 75_000
        expect(page.locator(".signal")).to_have_count(8, timeout=PATIENCE_MS)
        stage = page.locator(".chart-stage").bounding_box()
        page.mouse.move(stage["x"] + stage["width"] * 0.3, stage["y"] + stage["height"] * 0.5)
        expect(page.locator(".chart-tooltip")).to_contain_text("Estimates, if touched")

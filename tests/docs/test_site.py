"""The documentation becomes a site: every page has its place, every link leads somewhere."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.fixture
def build_site(monkeypatch):
    """Return the script that builds the site, as a module."""
    monkeypatch.syspath_prepend(str(DOCS))
    return importlib.import_module("build_site")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Build the site without pictures, warnings as errors, and return its folder."""
    into = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, DOCS / "build_site.py", "--no-pictures", "--into", into],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONWARNINGS": "default"},
    )
    assert done.returncode == 0, done.stderr
    return into / "html"


@pytest.mark.slow
def test_every_page_becomes_one_of_the_site(site, build_site):
    pages = {path.relative_to(site).with_suffix("").as_posix() for path in site.rglob("*.html")}
    written = {
        page.relative_to(DOCS).with_suffix("").as_posix()
        for page in DOCS.rglob("*.md")
        if DOCS / "_build" not in page.parents
    }
    of_the_root = {Path(name).with_suffix("").as_posix() for name in build_site.ROOT_PAGES.values()}
    assert written | of_the_root <= pages


@pytest.mark.slow
def test_no_link_within_the_site_is_broken(site):
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        for target in re.findall(r'(?:href|src)="([^"]+)"', text):
            path, _, anchor = target.partition("#")
            path = path.partition("?")[0]
            if re.match(r"[a-z]+:", target) or target.startswith("//"):
                continue
            led_to = (page.parent / path).resolve() if path else page
            assert led_to.exists(), f"{page.relative_to(site)}: {target}"
            if anchor and led_to.suffix == ".html":
                found = led_to.read_text(encoding="utf-8")
                assert f'id="{anchor}"' in found, f"{page.relative_to(site)}: {target}"


@pytest.mark.slow
def test_the_pages_of_the_site_ask_no_other_host_for_anything(site):
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        loaded = re.findall(r'<(?:script|img|link)[^>]+(?:src|href)="(https?:[^"]+)"', text)
        assert loaded == [], page.name


@pytest.mark.slow
def test_public_names_have_their_docstrings_in_the_site(site):
    text = (site / "reference" / "python.html").read_text(encoding="utf-8")
    for name in ("liquidation_price", "read_market", "build_map", "LiquidationLadder"):
        assert re.search(rf'id="forcedflow\.[\w.]*{name}"', text), name


def test_a_new_how_to_needs_no_line_in_the_contents(build_site):
    assert build_site.is_listed("howto/of-tomorrow")
    assert build_site.is_listed("venues/of-tomorrow")
    assert not build_site.is_listed("of-tomorrow")


def test_links_lead_to_where_the_site_has_their_targets(build_site, tmp_path):
    page, staged = DOCS / "howto" / "x.md", Path("howto/x.md")
    text = (
        "[a](../../README.md#tour) [b](../glossary.md) [c](../../tests/conftest.py) "
        "[d](../../tests) [e](https://a.example/b) `[f](g.md)`\n\n```text\n[h](i.md)\n```\n"
    )
    assert build_site._linked(text, page, staged, tmp_path) == (
        "[a](../about/readme.md#tour) [b](../glossary.md) [c](../files/tests/conftest.py) "
        "d [e](https://a.example/b) `[f](g.md)`\n\n```text\n[h](i.md)\n```\n"
    )
    assert (tmp_path / "files" / "tests" / "conftest.py").is_file()


def test_the_contents_take_pages_from_every_folder_of_the_documentation(build_site):
    for page in DOCS.rglob("*.md"):
        name = page.relative_to(DOCS).with_suffix("").as_posix()
        if DOCS / "_build" not in page.parents and name != "index":
            assert build_site.is_listed(name), f"{name} is in no section of docs/build_site.py"

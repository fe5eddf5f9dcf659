"""Build the documentation's site: stage the pages, make their pictures, run Sphinx.

In:  the Markdown under ``docs`` and at the root of the repository.   Out: ``docs/_build/html``.
Free of the network: pictures come from a simulated market, and nothing is fetched.

``python docs/site.py`` builds; ``--no-pictures`` leaves grey boxes where pictures go;
``--links`` asks every address outside the site whether it answers, and builds nothing.
"""
# ruff: noqa: INP001 - a script, not a package

from __future__ import annotations

import argparse
import posixpath
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

import pictures
from sphinx.cmd.build import build_main

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
BUILD = DOCS / "_build"

ROOT_PAGES = {
    "README.md": "about/readme.md",
    "CONTRIBUTING.md": "about/contributing.md",
    "CHANGELOG.md": "about/changelog.md",
    "SECURITY.md": "about/security.md",
}
"""Pages that stand at the root of the repository, and where the site has them."""

SECTIONS: dict[str, tuple[str, ...]] = {
    "Start": ("about/readme", "tutorial", "glossary"),
    "How to": ("howto/*",),
    "Why, and how well": ("theory/*", "scorecard*"),
    "Look up": ("reference/*",),
    "Venues": ("venues/*",),
    "About": ("architecture", "about/contributing", "about/security", "about/changelog"),
}
"""The contents of the site. A star takes every page of a folder: a new one needs no line."""

_LINK = re.compile(r"(?P<mark>!?)\[(?P<text>[^\]\[]*)\]\((?P<target>[^)\s]+)\)")
_CODE = re.compile(
    r"(^(?P<fence>`{3,})[^\n]*\n.*?^(?P=fence)[^\n]*$|`[^`\n]+`)", re.DOTALL | re.MULTILINE
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Build the site, or check its links; return Sphinx's status."""
    parser = argparse.ArgumentParser(description="Build the documentation's site.")
    parser.add_argument("--into", type=Path, default=BUILD, help="folder of the build")
    parser.add_argument("--no-pictures", action="store_true", help="grey boxes instead")
    parser.add_argument("--links", action="store_true", help="check outside links, build nothing")
    options = parser.parse_args(arguments)
    source = options.into / "source"
    stage(source)
    if options.links or options.no_pictures:
        pictures.draw_boxes(source / "pictures")
    else:
        pictures.make(source / "pictures", options.into / "market")
    builder = "linkcheck" if options.links else "html"
    return build_main(
        [
            *("-b", builder, "-W", "--keep-going", "-q", "-c", str(DOCS)),
            *("-d", str(options.into / "doctrees"), str(source), str(options.into / builder)),
        ]
    )


def stage(into: Path) -> None:
    """Copy every page to `into`, its links turned to where the site has their targets."""
    shutil.rmtree(into, ignore_errors=True)
    for page, staged in _pages():
        text = _linked(page.read_text(encoding="utf-8"), page, staged, into)
        if staged == PurePosixPath("index.md"):
            text += contents()
        target = into / staged
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")


def contents() -> str:
    """Return the site's contents, as what Sphinx makes its side bar of."""
    return "".join(
        f"\n```{{toctree}}\n:hidden:\n:glob:\n:caption: {title}\n\n" + "\n".join(names) + "\n```\n"
        for title, names in SECTIONS.items()
    )


def is_listed(name: str) -> bool:
    """Return whether the contents list a page, by its path below ``docs`` without its ending."""
    return any(fnmatchcase(name, glob) for globs in SECTIONS.values() for glob in globs)


def _pages() -> Iterator[tuple[Path, PurePosixPath]]:
    for name, staged in ROOT_PAGES.items():
        yield ROOT / name, PurePosixPath(staged)
    for page in sorted(DOCS.rglob("*.md")):
        if BUILD not in page.parents:
            yield page, PurePosixPath(page.relative_to(DOCS).as_posix())


def _linked(text: str, page: Path, staged: PurePosixPath, into: Path) -> str:
    """Return a page with links that hold in the site; code is left as it is."""
    parts = []
    at = 0
    for code in _CODE.finditer(text):
        parts += [_LINK.sub(lambda link: _link(link, page, staged, into), text[at : code.start()])]
        parts += [code.group()]
        at = code.end()
    parts += [_LINK.sub(lambda link: _link(link, page, staged, into), text[at:])]
    return "".join(parts)


def _link(link: re.Match[str], page: Path, staged: PurePosixPath, into: Path) -> str:
    path, hash_, anchor = link["target"].partition("#")
    if re.match(r"[a-z]+:", path) or not path:
        return link.group()
    led_to = (page.parent / path).resolve()
    if led_to.is_dir():
        return link["text"]  # a folder of the repository is no page
    if led_to.parent == ROOT and led_to.name in ROOT_PAGES:
        where = PurePosixPath(ROOT_PAGES[led_to.name])
    elif led_to.is_relative_to(DOCS) and (
        led_to.suffix == ".md" or led_to.parent.name == "pictures"
    ):
        where = PurePosixPath(led_to.relative_to(DOCS).as_posix())
    else:
        # A file of the repository, or a committed picture, goes along.
        where = PurePosixPath("files") / led_to.relative_to(ROOT).as_posix()
        copied = into / where
        copied.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(led_to, copied)
    target = posixpath.relpath(where.as_posix(), staged.parent.as_posix())
    return f"{link['mark']}[{link['text']}]({target}{hash_}{anchor})"


if __name__ == "__main__":
    sys.exit(main())

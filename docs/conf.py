"""How Sphinx reads the pages: MyST, the furo theme, and every broken reference a warning.

In:  the staged pages that `docs/site.py` hands to it.   Out: settings that Sphinx looks up by name.
Free of the network: no inventory of another project is fetched.
"""
# ruff: noqa: INP001 - a script, not a package

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any

from docutils import nodes
from matplotlib.mathtext import math_to_image

from forcedflow import __version__

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.writers.html5 import HTML5Translator

project = "forcedflow"
copyright = "the forcedflow contributors"  # noqa: A001 - Sphinx's own name
version = release = __version__
html_title = f"forcedflow {__version__}"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]
source_suffix = {".md": "markdown"}
root_doc = "index"
exclude_patterns = ["files"]

# Anchors as the usual Markdown hosts make them, so that one link works in both places.
myst_heading_anchors = 4
myst_enable_extensions = ["dollarmath"]
suppress_warnings = [
    "myst.header"
]  # a page may begin below its title, as the changelog's entries do

# Every reference within the pages must lead somewhere. Types of other packages lead nowhere: their
# inventories would have to be fetched, and units in docstrings are no types.
nitpicky = True
nitpick_ignore_regex = [("py:.*", ".*")]

autodoc_typehints = "signature"
autodoc_member_order = "bysource"
napoleon_google_docstring = False
napoleon_use_rtype = False

html_math_renderer = "drawn"
html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
pygments_style = "friendly"
pygments_dark_style = "monokai"

copybutton_prompt_text = "$ "
copybutton_copy_empty_lines = False

# `make linkcheck`: loopback is the reader's own machine, and names under .example exist nowhere.
linkcheck_ignore = [r"https?://(localhost|127\.0\.0\.1)", r"https?://[^/]*\.example"]
linkcheck_timeout = 20

_INK = "#123456"


def setup(app: Sphinx) -> None:
    """Draw formulas here: the usual way has every reader's browser fetch a program for it."""
    app.add_html_math_renderer("drawn", (_draw, None), (_draw_block, None))
    # What stands before a colon in a property's sentence is no type, as napoleon takes it to be.
    app.connect("autodoc-process-docstring", _keep_property, priority=400)
    app.connect("autodoc-process-docstring", _restore_property, priority=600)


_PROPERTIES: dict[str, list[str]] = {}


def _keep_property(*passed: Any) -> None:
    _, what, name, _, _, lines = passed
    if what == "property":
        _PROPERTIES[name] = list(lines)


def _restore_property(*passed: Any) -> None:
    _, what, name, _, _, lines = passed
    if what == "property" and not any(line.startswith("---") for line in _PROPERTIES[name]):
        lines[:] = _PROPERTIES[name]


def _draw(self: HTML5Translator, node: nodes.math | nodes.math_block) -> None:
    self.body.append(_svg(node.astext()))
    raise nodes.SkipNode


def _draw_block(self: HTML5Translator, node: nodes.math_block) -> None:
    lines = [line for line in re.split(r"\\\\|\n\n", node.astext()) if line.strip()]
    self.body.append("".join(f'<div class="formula">{_svg(line)}</div>' for line in lines))
    raise nodes.SkipNode


def _svg(formula: str) -> str:
    """Return a formula drawn in the colour of the text around it."""
    drawn = io.StringIO()
    math_to_image(
        f"${' '.join(formula.replace('&', '').split())}$", drawn, format="svg", color=_INK
    )
    text = drawn.getvalue()
    return text[text.index("<svg") :].replace(_INK, "currentColor")

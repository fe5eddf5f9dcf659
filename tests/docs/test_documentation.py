"""The documentation is complete, fresh and true: its pages, links, commands and words."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from forcedflow.cli.app import app
from forcedflow.cli.options import parse_duration, parse_time
from forcedflow.errors import ForcedflowError
from forcedflow.settings import FILE_ONLY, Settings
from forcedflow.tables import TABLES
from forcedflow.venues.importers.registry import KINDS

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *(page for page in DOCS.rglob("*.md") if DOCS / "_build" not in page.parents),
    ]
)
COMMANDS = [name for name in app if not name.startswith("-")]

# What belongs to no command: placeholders stand for what a reader fills in.
_PLACEHOLDER = re.compile(r"\b(KIND|PATH|COMMAND|FOLDER|SYMBOL)\b")
_PROMISES = re.compile(r"\bmagnets?\b|\bguaranteed\b|\bwill be hit\b|\brisk-free\b", re.IGNORECASE)


def _generate(*arguments):
    return subprocess.run(
        [sys.executable, DOCS / "generate.py", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )


def _read(page):
    return page.read_text(encoding="utf-8")


def _name(page):
    return str(page.relative_to(ROOT))


def _without_code(text):
    return re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)


def _anchors(text):
    """Return the anchors of a page's headings, by the rule of the usual Markdown hosts."""
    without_fences = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", without_fences, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _shown_commands(page):
    """Return the commands that a page shows behind a prompt, placeholders left out."""
    blocks = re.findall(r"```console\n(.*?)```", _read(page), flags=re.DOTALL)
    lines = [line[2:] for block in blocks for line in block.splitlines() if line.startswith("$ ")]
    ours = [shlex.split(line, comments=True) for line in lines if "forcedflow " in line]
    return [words[1:] for words in ours if words[0] == "forcedflow"]


def test_the_generated_pages_are_fresh():
    done = _generate("--check")
    assert done.returncode == 0, f"{done.stderr}run: make docs"


def test_a_stale_or_missing_page_is_named_and_writing_it_mends_it(tmp_path):
    missing = _generate("--check", "--into", tmp_path)
    assert missing.returncode == 1
    assert "stale: tables.md" in missing.stderr
    assert list(tmp_path.iterdir()) == []
    assert _generate("--into", tmp_path).returncode == 0
    assert _generate("--check", "--into", tmp_path).returncode == 0
    page = tmp_path / "cli.md"
    page.write_text(_read(page) + "\n", encoding="utf-8")
    changed = _generate("--check", "--into", tmp_path)
    assert (changed.returncode, changed.stderr) == (1, "stale: cli.md\n")


def test_help_is_the_same_whatever_the_terminal(tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "47")
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert _generate("--into", tmp_path).returncode == 0
    assert _read(tmp_path / "cli.md") == _read(DOCS / "reference" / "cli.md")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_in_the_reference_and_on_the_one_page(command):
    assert f"\n## {command}\n" in _read(DOCS / "reference" / "cli.md")
    assert f"\n| `{command}" in _read(DOCS / "architecture.md")


@pytest.mark.parametrize("table", list(TABLES.values()), ids=lambda table: table.name)
def test_every_table_is_documented_with_every_column_and_when_it_is_known(table):
    text = _read(DOCS / "reference" / "tables.md")
    head = text.partition("\n## ")[0]
    section = text.partition(f"\n## {table.name}\n")[2].partition("\n## ")[0]
    assert f"known: {table.available}" in section
    for column in table.columns:
        assert f"| `{column.name}`" in section or f"| `{column.name}`" in head


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_file_has_its_section(kind):
    assert f"\n## {kind}\n" in _read(DOCS / "howto" / "import.md")


@pytest.mark.parametrize("setting", Settings.__struct_fields__)
def test_every_setting_is_documented_with_its_variable_and_its_meaning(setting):
    text = _read(DOCS / "reference" / "settings.md")
    row = next(line for line in text.splitlines() if line.startswith(f"| `{setting}` |"))
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[1] == ("–" if setting in FILE_ONLY else f"`FORCEDFLOW_{setting.upper()}`")
    assert len(cells[3]) > 5


def _error_classes(base=ForcedflowError):
    yield base
    for child in base.__subclasses__():
        yield from _error_classes(child)


@pytest.mark.parametrize("error", list(_error_classes()), ids=lambda error: error.__name__)
def test_every_error_and_its_exit_status_is_documented(error):
    text = _read(DOCS / "reference" / "errors.md")
    assert f"| `{error.__name__}` |" in text
    assert f"\n| {error.exit_code} | " in text
    assert f"{error.exit_code} " in _read(DOCS / "architecture.md").partition("Exit status:")[2]


def _source_folders():
    found = {path.parent for path in (ROOT / "src" / "forcedflow").rglob("__init__.py")}
    return sorted(found - {ROOT / "src" / "forcedflow"})


@pytest.mark.parametrize("folder", _source_folders(), ids=lambda folder: folder.name)
def test_every_folder_of_the_source_is_in_the_tree(folder):
    tree = _read(DOCS / "architecture.md").partition("## Tree")[2].partition("## Layers")[0]
    assert re.search(rf"^ +{folder.name}/ ", tree, flags=re.MULTILINE)


def test_the_tree_names_no_folder_that_does_not_exist():
    tree = _read(DOCS / "architecture.md").partition("src/forcedflow/\n")[2].partition("```")[0]
    named = re.findall(r"^ +(\w+)/ ", tree, flags=re.MULTILINE)
    assert sorted(named) == sorted(folder.name for folder in _source_folders())


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_relative_link_leads_somewhere(page):
    targets = re.findall(r"\]\(([^)\s]+)\)", _without_code(_read(page)))
    for target in targets:
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        if path.startswith("pictures/"):
            # Made when the site is built, by the page's own commands.
            assert f"--out {path.removeprefix('pictures/')}" in _read(page), target
            continue
        led_to = (page.parent / path).resolve() if path else page
        assert led_to.exists(), f"{_name(page)}: {target}"
        if anchor:
            assert anchor in _anchors(_read(led_to)), f"{_name(page)}: {target}"


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_command_that_a_page_shows_can_be_typed(page):
    for words in _shown_commands(page):
        if _PLACEHOLDER.search(" ".join(words)):
            continue
        _, bound, unused = app.parse_args(words, exit_on_error=False, print_error=False)
        assert not unused, words
        stated = bound.arguments
        if stated.get("at") is not None:
            assert parse_time(stated["at"]) > 0
        if stated.get("range_") is not None:
            assert parse_duration(stated["range_"]) > 0
        if "kind" in stated:
            assert stated["kind"] in KINDS


def test_the_pages_show_commands_to_type():
    assert {words[0] for words in _shown_commands(ROOT / "README.md")} >= {
        "import",
        "coverage",
        "heatmap",
        "zones",
    }


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_no_page_promises_what_a_price_does(page):
    for paragraph in re.split(r"\n\s*\n|\n[-|] ", _read(page)):
        # Such a word may stand where we say that we do not claim it.
        if _PROMISES.search(paragraph):
            assert re.search(r"\b(never|not|no|nothing)\b", paragraph, re.IGNORECASE), paragraph


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_no_page_names_a_folder_of_somebodys_machine(page):
    assert not re.search(r"(?<![\w.~])/(home|root|work|tmp|Users)/", _read(page))


def test_the_readme_says_what_the_map_is_not():
    text = " ".join(_read(ROOT / "README.md").split())
    for admitted in (
        "The map is not calibrated",
        "Open interest has not been shown to help",
        "It is not advice, and it places no orders",
    ):
        assert admitted in text

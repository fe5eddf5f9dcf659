"""The ``playbook`` command on two simulated venues: one sheet, in every format, that agrees."""

from __future__ import annotations

import builtins
import re
import tomllib
from dataclasses import replace
from io import BytesIO

import msgspec
import pytest
from PIL import Image
from pypdfium2 import PdfDocument
from tests.e2e.conftest import strict_json
from tests.reference.situations import sandbox_lake

from forcedflow.answers.playbook import PlaybookOptions, make
from forcedflow.answers.playbook import answer as answer_of
from forcedflow.asof.situation import read_situation
from forcedflow.cli.options import iso_time
from forcedflow.errors import UsageError
from forcedflow.instruments import parse_symbol
from forcedflow.playbook.checklist import RULES
from forcedflow.report.playbook_html import SCALES, check_pango, to_html, to_pdf, to_png
from forcedflow.report.playbook_markdown import to_markdown
from forcedflow.report.playbook_page import NOT_ADVICE
from forcedflow.signals.registry import SIGNALS
from forcedflow.units import format_price

A4 = (595, 842)
PROMISES = re.compile(r"\bwill\b|\bguaranteed\b|\bmagnets?\b", re.IGNORECASE)


@pytest.fixture(scope="module")
def market(tmp_path_factory):
    """A lake of two simulated venues, and the moment of its end."""
    return sandbox_lake(tmp_path_factory.mktemp("playbook") / "lake", ("sandbox", "sandbox-dark"))


@pytest.fixture(scope="module")
def asked(market):
    """The words that ask for a playbook of the simulated coin."""
    held, end_ms = market
    return ("playbook", "SIM", "--lake", held.root, "--at", iso_time(end_ms), "--scenarios", "400")


@pytest.fixture(scope="module")
def situations(market):
    held, end_ms = market
    return {
        venue: read_situation(held, parse_symbol("SIM", venue), end_ms, scenarios=400)
        for venue in ("sandbox", "sandbox-dark")
    }


@pytest.fixture(scope="module")
def playbook(situations):
    return make(situations["sandbox"], PlaybookOptions())


@pytest.fixture(scope="module")
def pango():
    """Skip by name where nothing on the machine lays out text."""
    try:
        check_pango()
    except UsageError as error:
        pytest.skip(f"no Pango on this machine: {error}")


def words_of(pdf):
    document = PdfDocument(pdf)
    try:
        sizes = [tuple(round(side) for side in page.get_size()) for page in document]
        text = document[0].get_textpage().get_text_range()
    finally:
        document.close()
    return sizes, " ".join(text.split())


@pytest.mark.usefixtures("pango")
@pytest.mark.parametrize(
    ("venue", "style"), [("sandbox", "scalp"), ("sandbox-dark", "intraday"), ("sandbox", "swing")]
)
def test_a_playbook_is_one_sheet_that_names_everything(situations, venue, style):
    sizes, text = words_of(to_pdf(make(situations[venue], PlaybookOptions(style=style))))
    assert sizes == [A4]
    for part in (
        f"SIM/USDT:USDT · {venue}",
        style,
        "SIMULATED",
        "NO TRADE by default",
        "If it breaks down",
        "If it breaks up",
        "Eight signals",
        "Risk rules",
        "Open-interest gauge",
        "Regime",
        "Checklist",
        "Base rates and records",
        "no record yet",
        "Second leg",
        "Data health",
        "as of",
        "not advice",
    ):
        assert part in text, part
    assert all(signal.title in text for signal in SIGNALS)
    assert not PROMISES.search(text)


@pytest.mark.usefixtures("pango")
def test_the_page_stays_one_sheet_where_next_to_nothing_is_known(situations):
    bare = replace(
        situations["sandbox-dark"],
        zones=(),
        cascade=None,
        depth=None,
        reasons=(("depth", "no book and no volume known by then"), ("cascade", "no depth")),
    )
    sizes, text = words_of(to_pdf(make(bare, PlaybookOptions())))
    assert sizes == [A4]
    assert "no plan: no cluster is known beyond the trigger" in text
    assert "no chain: no depth" in text
    assert "no book and no volume known by then" in text
    assert "nan" not in text.lower().split()


@pytest.mark.usefixtures("pango")
def test_figures_agree_across_formats(playbook):
    found = strict_json(msgspec.json.encode(answer_of(playbook)))
    assert list(found["checklist"]) == list(RULES)
    _, pdf = words_of(to_pdf(playbook))
    html, markdown = to_html(playbook), to_markdown(playbook)
    tick = parse_symbol("SIM", "sandbox").tick_size
    figures = [format_price(found["mark_price"], tick)] + [
        format_price(plan[name], tick)
        for plan in found["plans"].values()
        for name in ("trigger", "invalidation", "target")
        if plan[name] is not None
    ]
    assert len(figures) > 3
    for figure in figures:
        for name, text in (("pdf", pdf), ("html", html), ("md", markdown)):
            assert figure in text, f"{figure} is not in {name}"
    for text in (html, markdown):
        assert "SIMULATED" in text
        assert NOT_ADVICE in text
        assert not PROMISES.search(re.sub(r"base64,[^\"]*", "", text))
    assert not re.search(r"(?:src|href)=\"(?!data:)", html), "the page needs something beside it"


@pytest.mark.usefixtures("pango")
def test_the_picture_is_the_sheet_and_the_same_playbook_gives_the_same_bytes(playbook):
    written = to_png(playbook)
    assert written == to_png(playbook)
    with Image.open(BytesIO(written)) as sheet:
        assert sheet.size[1] / sheet.size[0] == pytest.approx(297 / 210, abs=0.01)
        colors = sheet.convert("RGB").getcolors(1 << 24)
    assert len(colors) > 1_000


@pytest.mark.usefixtures("pango")
def test_the_ending_decides_the_format(asked, call, tmp_path):
    begins = {".pdf": b"%PDF-", ".html": b"<!doctype html>", ".json": b"{"}
    for ending, head in begins.items():
        out = tmp_path / f"plan{ending}"
        status, text, err = call(*asked, "--venue", "sandbox", "--out", out)
        assert (status, text) == (0, ""), err
        assert f"wrote {out}" in err
        assert out.read_bytes().startswith(head)


def test_a_position_is_told_with_the_leverage_that_keeps_clear(asked, answer):
    mark = answer(*asked, "--venue", "sandbox")["mark_price"]
    words = ("--entry", f"{mark:.1f}", "--size", "0.02", "--side", "short")
    found = answer(*asked, "--venue", "sandbox", *words, "--equity", "1000", "--risk", "1")
    position = found["position"]
    assert position["side"] == "short"
    clear = [row["leverage"] for row in position["leverages"] if row["clear"]]
    assert max(clear) == position["leverage"]
    assert found["checklist"]["max_loss"]["value"] == pytest.approx(10)
    assert found["second_leg"]["size_usd"] == pytest.approx(0.02 * round(mark, 1))


def test_without_a_file_the_words_are_printed(asked, call):
    status, out, _ = call(*asked, "--venue", "sandbox-dark")
    assert status == 0
    assert out.startswith("# SIM/USDT:USDT · sandbox-dark: intraday")
    assert out.count("\n## ") >= 10


def test_choices_are_kept_under_a_name_and_what_is_stated_wins(
    asked, answer, call, tmp_path, monkeypatch
):
    config = tmp_path / "config.toml"
    config.touch()
    monkeypatch.setenv("FORCEDFLOW_CONFIG", str(config))
    words = ("--venue", "sandbox", "--style", "swing", "--equity", "5000", "--risk", "2")
    status, _, err = call(*asked, *words, "--save", "mine")
    assert status == 0
    kept = tmp_path / "playbooks" / "mine.toml"
    assert f"wrote {kept}" in err
    assert tomllib.loads(kept.read_text()) == {
        "venue": "sandbox",
        "style": "swing",
        "equity": 5000,
        "risk": 2,
        "order": 100_000,
    }
    found = answer(*asked, "--template", "mine")
    assert (found["venue"], found["style"]["name"]) == ("sandbox", "swing")
    assert found["checklist"]["max_loss"]["value"] == pytest.approx(100)
    other = answer(*asked, "--template", "mine", "--style", "scalp")
    assert other["style"]["name"] == "scalp"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--entry", "100"), "go together"),
        (("--entry", "0", "--size", "1", "--side", "long"), "not positive"),
        (("--equity", "100"), "go together"),
        (("--equity", "100", "--risk", "200"), "no share"),
        (("--order", "0"), "no order"),
        (("--scenarios", "5"), "--scenarios is from"),
        (("--template", "none"), "there is no template 'none'"),
        (("--template", "../none"), "no name of a template"),
        (("--out", "plan.docx"), "unknown ending"),
        (("--out", "missing/plan.pdf"), "does not exist"),
    ],
)
def test_what_cannot_be_answered_is_refused_before_anything_is_read(
    call, tmp_path, monkeypatch, words, said
):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("FORCEDFLOW_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    status, out, err = call("playbook", "BTC", "--lake", tmp_path / "none", *words)
    assert (status, out) == (2, "")
    assert said in err


def test_a_damaged_template_is_refused_by_name(call, tmp_path, monkeypatch):
    config = tmp_path / "config.toml"
    config.touch()
    monkeypatch.setenv("FORCEDFLOW_CONFIG", str(config))
    (tmp_path / "playbooks").mkdir()
    (tmp_path / "playbooks" / "bad.toml").write_text('style = "yolo"\n')
    status, _, err = call("playbook", "BTC", "--lake", tmp_path / "none", "--template", "bad")
    assert status == 2
    assert "bad.toml" in err


def test_where_pango_is_missing_the_message_says_how_to_get_it(call, tmp_path, monkeypatch):
    real = builtins.__import__

    def without_pango(name, *others, **named):
        if name == "weasyprint":
            raise OSError("cannot load library 'libpango-1.0-0'")
        return real(name, *others, **named)

    monkeypatch.setattr(builtins, "__import__", without_pango)
    out = tmp_path / "plan.pdf"
    status, _, err = call("playbook", "BTC", "--lake", tmp_path / "none", "--out", out)
    assert status == 2
    assert "apt install libpango-1.0-0" in err
    _, told, _ = call("doctor", "--lake", tmp_path / "none")
    assert "apt install libpango-1.0-0" in told


def test_letters_are_tried_from_large_to_small():
    assert list(SCALES) == sorted(SCALES, reverse=True)
    assert SCALES[-1] > 0.6

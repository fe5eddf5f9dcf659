"""What a notebook is given: the answers of the commands, as frames, HTML, figures and a widget."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import polars as pl
import pytest

from forcedflow import notebook
from forcedflow.answers import cascade, heatmap, ladder, zones
from forcedflow.answers.cascade import CascadeOptions
from forcedflow.answers.playbook import PlaybookOptions
from forcedflow.errors import NoDataError, SchemaError, UsageError
from forcedflow.heatmap.scale import to_bytes
from forcedflow.notebook.rows import to_ms
from forcedflow.notebook.shown import Shown, flat
from forcedflow.notebook.widget import _MODULE, HeatmapWidget
from forcedflow.pipeline import build_map
from forcedflow.units import DAY_MS


@pytest.fixture(scope="module")
def asked(simulated):
    """Return the arguments that every helper takes."""
    lake, instrument, end_ms = simulated
    return (lake, instrument.symbol), {"venue": instrument.venue, "at": end_ms}


@pytest.fixture(scope="module")
def shown(asked):
    place, moment = asked
    return notebook.heatmap(*place, **moment, span="24h")


def test_every_public_name_resolves():
    for name in notebook.__all__:
        assert getattr(notebook, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'zonez'"):
        _ = notebook.zonez


@pytest.mark.parametrize(
    "moment",
    [
        1_770_336_000_000,
        "2026-02-06",
        "2026-02-06T01:00+01:00",
        datetime(2026, 2, 6),  # noqa: DTZ001 - without a zone it is UTC
        datetime(2026, 2, 6, tzinfo=UTC),
        datetime(2026, 2, 6, 1, tzinfo=timezone(timedelta(hours=1))),
    ],
)
def test_every_way_to_write_a_moment_is_the_same_moment(moment):
    assert to_ms(moment) == 1_770_336_000_000


def test_a_table_is_cut_by_market_time_and_what_was_known(simulated):
    lake, instrument, end_ms = simulated
    every = notebook.table(lake, "open_interest")
    assert every.equals(lake.read("open_interest"))
    part = notebook.table(
        lake.root,
        "open_interest",
        instrument.symbol,
        end_ms - DAY_MS // 2,
        end_ms,
        venue=instrument.venue,
        at=end_ms - DAY_MS // 4,
    )
    assert 0 < part.height < every.height
    assert part["event_time"].dt.epoch("ms").min() >= end_ms - DAY_MS // 2
    assert part["available_time"].dt.epoch("ms").max() <= end_ms - DAY_MS // 4
    assert part.to_pandas().shape == part.shape
    with pytest.raises(SchemaError, match="no such table"):
        notebook.table(lake, "weather")
    with pytest.raises(NoDataError, match="there is no lake"):
        notebook.table(lake.root / "none", "klines")


def test_sql_of_a_moment_sees_what_a_table_of_that_moment_holds(simulated):
    lake, _, end_ms = simulated
    at = end_ms - DAY_MS // 4
    counted = notebook.connect(lake, at).query("SELECT count(*) AS n FROM klines").rows["n"].item()
    assert counted == notebook.table(lake, "klines", at=at).height > 0


def test_zones_and_ladder_are_the_answers_of_the_commands(asked, simulated, shown):
    (place, moment), (lake, instrument, end_ms) = asked, simulated
    found = notebook.zones(*place, **moment)
    assert found.answer == zones.ask(lake, instrument, end_ms) == shown.zones.answer
    assert found.frame.to_dicts() == found.answer["zones"]
    profile = notebook.ladder(*place, **moment, reach=0.05, bins=40)
    assert profile.answer == ladder.ask(lake, instrument, end_ms, reach=0.05, bins=40)
    assert profile.frame["long_usd"].to_list() == profile.answer["sides"]["long"]["usd"]
    with pytest.raises(UsageError, match="reach is from"):
        notebook.ladder(*place, **moment, reach=0.9)


def test_the_chain_is_the_answer_of_the_command(asked, simulated):
    (place, moment), (lake, instrument, end_ms) = asked, simulated
    options = CascadeOptions(scenarios=100)
    found = notebook.chain(*place, **moment, options=options)
    assert found.answer == cascade.ask(lake, [instrument], end_ms, options)
    assert found.frame.height == len(found.answer["dominoes"])
    assert {"side", "notional_usd", "notional_usd_low"} <= set(found.frame.columns)


def test_the_playbook_reads_as_a_page(asked):
    place, moment = asked
    page = notebook.playbook(*place, **moment, options=PlaybookOptions(scenarios=200))
    assert page._repr_markdown_().startswith("# ")
    assert "SIMULATED" in page.markdown
    assert page.answer["simulated"] is True


def test_simulated_is_said_wherever_a_value_shows_itself(shown):
    for words in (repr(shown), shown._repr_html_(), shown.figure().layout.title.text):
        assert "SIMULATED" in words
        assert "if touched" in words


def test_html_escapes_what_it_shows_and_has_a_cell_for_the_unknown():
    rows = pl.DataFrame({"name": ["<b>"], "notional_usd": [2_500_000.0], "sigma": [None]})
    html = Shown("a & b", {"known_to": "then"}, rows)._repr_html_()
    assert "a &amp; b · known to then" in html
    assert "<td>&lt;b&gt;</td>" in html
    assert "$2.50M" in html
    assert "<td>–</td>" in html


def test_a_long_frame_shows_its_beginning_and_says_how_much_more_there_is():
    html = Shown("many", {}, pl.DataFrame({"n": range(100)}))._repr_html_()
    assert html.count("<tr>") == 31
    assert "70 more rows in .frame" in html


def test_nested_figures_become_columns_of_their_own():
    rows = flat([{"usd": {"usd": 1, "low": 0}, "p": {"value": 0.5, "n": 9}}, {"p": None}])
    assert rows.to_dicts() == [
        {"usd": 1, "usd_low": 0, "p": 0.5, "p_n": 9},
        {"usd": None, "usd_low": None, "p": None, "p_n": None},
    ]


def test_the_figure_holds_the_picture_the_candles_and_every_cluster(shown):
    figure = shown.figure()
    picture = shown.mapped.heatmap
    heat, candles = figure.data
    assert heat.customdata.shape == heat.z.shape == picture.total.T.shape
    cells = to_bytes(picture.total, picture.even).T
    np.testing.assert_array_equal(np.nan_to_num(heat.z), cells)
    np.testing.assert_array_equal(heat.customdata, picture.total.T)
    np.testing.assert_array_equal(candles.close, picture.candles[:, 3])
    assert len(figure.layout.shapes) == len(shown.mapped.zones()) > 0
    for zone, words in zip(shown.mapped.zones(), figure.layout.annotations, strict=True):
        assert zone.low <= words.y <= zone.high
        assert words.text.startswith(f"{zone.side}s $")


def test_the_ladder_figure_holds_both_sides_of_the_mark(shown):
    longs, shorts = notebook.ladder_figure(shown.mapped, 0.05).data
    grid = shown.mapped.grid(0.05)
    for bars, side, sign in ((longs, "long", -1), (shorts, "short", 1)):
        usd = shown.mapped.profile_usd(grid, side).sum(axis=0)
        np.testing.assert_array_equal(bars.x, sign * usd)


def test_the_picture_is_written_as_the_command_writes_it(shown, tmp_path):
    shown.save_png(tmp_path / "market.png")
    assert (tmp_path / "market.png").read_bytes().startswith(b"\x89PNG")


def test_a_map_without_its_picture_makes_no_figure_and_no_widget(shown):
    without = build_map(shown.mapped.market)
    with pytest.raises(ValueError, match="without a picture"):
        notebook.heatmap_figure(without)
    if _MODULE.is_file():
        with pytest.raises(ValueError, match="without a picture"):
            HeatmapWidget.of(without)


@pytest.mark.skipif(not _MODULE.is_file(), reason="the widget is not built: make dashboard")
def test_the_widget_is_sent_what_the_server_would_answer(shown, simulated):
    widget = shown.widget(theme="light", height=400)
    assert widget.tile == heatmap.pack(*heatmap.tile(shown.mapped, "each"))
    assert widget.zones == shown.zones.answer
    assert set(widget.series["series"]) >= {"open_interest"}
    assert (widget.view["theme"], widget.height) == ("light", 400)
    json.dumps([widget.zones, widget.ladder, widget.series], allow_nan=False)
    lake, instrument, end_ms = simulated
    earlier = notebook.heatmap(
        lake, instrument.symbol, venue=instrument.venue, at=end_ms - DAY_MS // 4, span="12h"
    )
    widget.show(earlier.mapped)
    assert widget.zones == earlier.zones.answer
    assert widget.series is None


def test_a_widget_that_was_not_built_says_how_to_build_it(shown, monkeypatch, tmp_path):
    monkeypatch.setattr("forcedflow.notebook.widget._MODULE", tmp_path / "widget.js")
    with pytest.raises(UsageError, match="hint: make dashboard"):
        shown.widget()

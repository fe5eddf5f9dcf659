"""The Grafana dashboard and the alert rules speak of metrics and labels that the server exports."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from forcedflow.server import Desk
from forcedflow.server.answer_cache import AnswerCache
from forcedflow.server.metrics import Metrics
from forcedflow.store import Lake

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "prometheus"
# Labels that Prometheus itself adds.
_ADDED = {"job", "instance", "le"}


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """Return sample names by family, and every label, of a server that was asked once."""
    lake = Lake(tmp_path_factory.mktemp("metrics") / "lake", create=True)
    metrics = Metrics(Desk(lake, lambda: 0).events, AnswerCache())
    metrics.requests.labels("/", "200").inc()
    metrics.seconds.labels("/").observe(0.1)
    metrics.refuse("limit")
    families, labels = {}, set()
    for family in metrics.registry.collect():
        samples = [sample for sample in family.samples if not sample.name.endswith("_created")]
        families[family.name] = {sample.name for sample in samples}
        labels |= {name for sample in samples for name in sample.labels}
    return families, labels


def _dashboard():
    return json.loads((FOLDER / "dashboard.json").read_text(encoding="utf-8"))


def _rules():
    (group,) = yaml.safe_load((FOLDER / "rules.yml").read_text(encoding="utf-8"))["groups"]
    return group["rules"]


def _expressions():
    shown = [target["expr"] for panel in _dashboard()["panels"] for target in panel["targets"]]
    return shown, [rule["expr"] for rule in _rules()]


def _names(expressions):
    # A metric stands before its labels; the job of that name is quoted.
    return {name for text in expressions for name in re.findall(r"\b(forcedflow_\w+)", text)}


def test_the_dashboard_shows_every_metric_and_none_that_does_not_exist(exported):
    families, _ = exported
    shown = _names(_expressions()[0])
    assert shown <= set().union(*families.values())
    for family, samples in families.items():
        assert shown & samples, f"{family} is on no panel"


def test_alerts_are_about_metrics_that_exist(exported):
    families, _ = exported
    named = _names(_expressions()[1])
    assert named
    assert named <= set().union(*families.values())


def test_every_label_exists_and_every_bracket_is_closed(exported):
    _, labels = exported
    for text in [*_expressions()[0], *_expressions()[1]]:
        grouped = {
            name.strip()
            for names in re.findall(r"by \(([^)]+)\)", text)
            for name in names.split(",")
        }
        matched = set(re.findall(r"[{,]\s*(\w+)\s*=~?", text))
        assert grouped | matched <= labels | _ADDED, text
        for opened, closed in ("()", "{}", "[]"):
            assert text.count(opened) == text.count(closed), text


def test_panels_have_their_own_ids_and_do_not_overlap():
    panels = _dashboard()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken = set()
    for panel in panels:
        at = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert at["x"] + at["w"] <= 24
        assert not cells & taken
        taken |= cells


def test_every_legend_names_a_label_that_its_query_keeps():
    for panel in _dashboard()["panels"]:
        for target in panel["targets"]:
            for label in re.findall(r"{{(\w+)}}", target["legendFormat"]):
                kept = re.findall(r"by \(([^)]+)\)", target["expr"])
                assert label == "instance" if not kept else label in kept[0]


def test_every_alert_says_what_is_wrong_and_how_bad_it_is():
    names = [rule["alert"] for rule in _rules()]
    assert len(set(names)) == len(names)
    for rule in _rules():
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert set(rule["annotations"]) == {"summary", "description"}

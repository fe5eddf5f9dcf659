"""The rules file: what is refused, where it says the mistake is, and that no secret is repeated."""

from __future__ import annotations

import pytest
from tests.reference.observations import book

from forcedflow.alerts.rules import KINDS
from forcedflow.alerts.rules_file import parse_rules, read_rules
from forcedflow.errors import UsageError

GOOD = """
[targets.phone]
kind = "apprise"
url_env = "PHONE_URL"

[[rules]]
name = "near"
kind = "cluster_near"
least_usd = 5e7
within_pct = 1.0
targets = ["phone"]
"""


def test_a_good_file_is_read(tmp_path):
    path = tmp_path / "alerts.toml"
    path.write_text(GOOD)
    rules = read_rules(path)
    assert [rule.kind for rule in rules.rules] == ["cluster_near"]
    assert rules.targets["phone"].url_env == "PHONE_URL"


@pytest.mark.parametrize(
    ("old", "new", "place", "remedy"),
    [
        ("least_usd = 5e7", "least_used = 5e7", "$.rules[0]", "check the spelling"),
        ("least_usd = 5e7", "", "`least_usd` - at `$.rules[0]`", "add the field"),
        ("least_usd = 5e7", "least_usd = -1", "$.rules[0].least_usd", "units"),
        ("least_usd = 5e7", 'least_usd = "much"', "$.rules[0].least_usd", "units"),
        ("cluster_near", "cluster_nere", "$.rules[0].kind", "one of cluster_near, cluster_swept"),
        ("within_pct = 1.0", "", "rules[0] (near)", "exactly one distance"),
        ("within_pct = 1.0", "within_pct = 1\nwithin_sigma = 1", "rules[0]", "exactly one"),
        ('["phone"]', '["fone"]', "rules[0] (near).targets", "[targets.fone]"),
        ('["phone"]', "[]", "$.rules[0].targets", "units"),
        ('["phone"]', '["phone"]\ncooldown = "soon"', "rules[0] (near)", "write 90s, 30m"),
        ("[[rules]]", "[[rulez]]", "`rulez`", "check the spelling"),
        ("[[rules]]", "[rules", "TOML", "TOML"),
        (
            "[[rules]]",
            '[delivery]\nquiet_hours = { from = "23", to = "late" }\n[[rules]]',
            "delivery.quiet_hours.to",
            '"07:00"',
        ),
        (
            "[[rules]]",
            '[delivery.quiet_hours]\nfrom = "23:00"\nto = "07:00"\nzone = "Berlin"\n[[rules]]',
            "delivery.quiet_hours.zone",
            "Europe/Berlin",
        ),
    ],
)
def test_a_mistake_is_refused_with_its_place_and_the_remedy(tmp_path, old, new, place, remedy):
    path = tmp_path / "alerts.toml"
    path.write_text(GOOD.replace(old, new))
    with pytest.raises(UsageError) as refused:
        read_rules(path)
    assert str(path) in str(refused.value)
    assert place in str(refused.value)
    assert remedy in str(refused.value)


@pytest.mark.parametrize(
    "line",
    [
        'url = "tgram://123456789:verysecret/1"',
        'url_env = "tgram://123456789:verysecret/1"',
        'secret = "verysecret"',
        'secret_env = "very secret verysecret"',
    ],
)
def test_a_secret_in_the_file_is_refused_and_not_repeated(line):
    with pytest.raises(UsageError) as refused:
        parse_rules(GOOD.replace('url_env = "PHONE_URL"', line))
    assert "targets.phone" in str(refused.value)
    assert "_env" in str(refused.value)
    assert "verysecret" not in str(refused.value)


def test_two_rules_may_not_share_a_name():
    twice = GOOD + GOOD.partition("[[rules]]")[2].join(["[[rules]]", ""])
    with pytest.raises(UsageError, match="the name is taken"):
        parse_rules(twice)


def test_a_signal_that_does_not_exist_is_refused_with_those_that_do():
    with pytest.raises(UsageError, match="'presure' is no signal; one of large_cluster, pressure"):
        book("kind='signal_change'\nsignals=['presure']")


def test_a_file_that_is_not_there_says_how_to_name_one(tmp_path):
    with pytest.raises(UsageError, match=r"no such file of rules[\s\S]*--rules PATH"):
        read_rules(tmp_path / "none.toml")


def test_every_kind_has_a_name_of_its_own():
    names = [kind.__struct_config__.tag for kind in KINDS]
    assert len(set(names)) == len(names) == 8

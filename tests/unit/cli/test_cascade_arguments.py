"""Mistakes in the arguments of ``cascade`` cost no waiting: they are refused before any reading."""

from __future__ import annotations

import pytest

from forcedflow.cli.app import run

NOWHERE = "no/such/lake"


def _refused(capsys, *arguments):
    status = run(["cascade", "BTC", "--lake", NOWHERE, *arguments])
    return status, capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--shock", "-2%", "--order", "5"), "state one start"),
        (("--from-price", "1", "--order", "5"), "state one start"),
        (("--shock", "-2"), "hint: --shock"),
        (("--shock", "0%"), "no shock up to 25%"),
        (("--shock", "-26%"), "no shock up to 25%"),
        (("--order", "0"), "no order"),
        (("--order", "nan"), "no order"),
        (("--order", "-2e12"), "no order"),
        (("--from-price", "0"), "no price"),
        (("--from-price", "nan"), "no price"),
        (("--horizon", "3d"), "longer than 2d"),
        (("--horizon", "soon"), "no span of time"),
        (("--scenarios", "99"), "--scenarios is from 100"),
        (("--scenarios", "100001"), "--scenarios is from 100"),
        (("--seed", "-1"), "not negative"),
        (("--out", "cascade.gif"), "unknown ending"),
        (("--out", "no/such/folder/c.png"), "does not exist"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_status_two(capsys, arguments, words):
    status, err = _refused(capsys, *arguments)
    assert status == 2
    assert words in err
    assert NOWHERE not in err


def test_a_lake_that_is_not_there_is_named(capsys):
    status, err = _refused(capsys, "--shock", "-2%")
    assert status in {2, 3}
    assert NOWHERE in err

"""Settings: the environment wins over the file, and mistakes are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from forcedflow.errors import UsageError
from forcedflow.settings import Settings, VenueSettings, read_settings


@pytest.fixture
def config(tmp_path):
    def write(text):
        path = tmp_path / "config.toml"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return {"FORCEDFLOW_CONFIG": str(path)}

    return write


def test_without_file_and_variables_the_defaults_hold(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert read_settings({}) == Settings()
    assert Settings().lake_path == tmp_path / ".local/share/forcedflow/lake"


def test_the_file_sets_the_lake(config):
    assert read_settings(config('lake = "/data/lake"')).lake_path == Path("/data/lake")


def test_the_environment_wins_over_the_file(config):
    variables = config('lake = "/data/lake"') | {"FORCEDFLOW_LAKE": "/other"}
    assert read_settings(variables).lake == "/other"


def test_variables_of_other_names_are_left_alone(config):
    variables = config("") | {"FORCEDFLOW_REAL_DATA": "/x", "LAKE": "/y"}
    assert read_settings(variables) == Settings()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("lake = ", "not readable as TOML"),
        (b"lake = '\xff'", "not readable as TOML"),
        ("leak = 'x'", "unknown field `leak`"),
        ("lake = 3", "Expected `str`, got `int`"),
        ("[venues.binance]\nhost = 'x'", "unknown field `host`"),
        ("[venues]\nbinance = 'x'", "Expected `object`, got `str`"),
    ],
)
def test_a_mistake_in_the_file_is_named_with_the_file(config, text, problem):
    variables = config(text)
    with pytest.raises(UsageError) as raised:
        read_settings(variables)
    assert problem in str(raised.value)
    assert variables["FORCEDFLOW_CONFIG"] in str(raised.value)
    assert raised.value.exit_code == 2


def test_a_named_file_that_does_not_exist_is_a_mistake(tmp_path):
    with pytest.raises(UsageError, match="which does not exist"):
        read_settings({"FORCEDFLOW_CONFIG": str(tmp_path / "none.toml")})


def test_the_process_own_environment_is_read_by_default(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("FORCEDFLOW_CONFIG", raising=False)
    monkeypatch.setenv("FORCEDFLOW_LAKE", str(tmp_path / "lake"))
    assert read_settings().lake_path == tmp_path / "lake"


def test_a_venues_addresses_and_proxy_are_set_in_the_file(config):
    text = """
    proxy = "http://everyone:1"
    [venues.binance]
    rest = "http://localhost:1"
    others = {spot = "http://localhost:2"}
    [venues.bybit]
    proxy = "http://bybit:1"
    """
    settings = read_settings(config(text))
    assert settings.proxy == "http://everyone:1"
    assert settings.venues == {
        "binance": VenueSettings(rest="http://localhost:1", others={"spot": "http://localhost:2"}),
        "bybit": VenueSettings(proxy="http://bybit:1"),
    }


def test_the_environment_sets_the_proxy_and_an_empty_variable_does_not(config):
    assert read_settings(config("") | {"FORCEDFLOW_PROXY": "http://p:1"}).proxy == "http://p:1"
    assert read_settings(config("") | {"FORCEDFLOW_PROXY": ""}).proxy is None


def test_a_table_is_not_read_from_a_variable(config):
    assert read_settings(config("") | {"FORCEDFLOW_VENUES": "x"}) == Settings()


def test_a_proxy_is_never_printed():
    address = "http://me:hush@proxy:1"
    settings = Settings(
        proxy=address, venues={"bybit": VenueSettings(proxy=address, rest="http://x")}
    )
    assert "hush" not in repr(settings) + str(settings)
    assert "proxy=***" in repr(settings)
    assert "rest='http://x'" in repr(settings)

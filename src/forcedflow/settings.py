"""Settings: read once at the edge, passed down as values.

In:  a TOML file and ``FORCEDFLOW_`` environment variables.   Out: a frozen `Settings`.
The environment wins over the file. Secrets never belong in the file.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path

import msgspec

from forcedflow.errors import UsageError


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a user may set for every command.

    Parameters
    ----------
    lake : str
        Folder of the lake. ``FORCEDFLOW_LAKE``.
    """

    lake: str = "~/.local/share/forcedflow/lake"

    @property
    def lake_path(self) -> Path:
        """Return the lake's folder with ``~`` resolved."""
        return Path(self.lake).expanduser()


def read_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Return the settings of this process.

    Parameters
    ----------
    environment : mapping, optional
        Variables to read instead of the process's own.

    Returns
    -------
    Settings

    Raises
    ------
    UsageError
        If the settings file cannot be read or holds an unknown or mistyped field.
    """
    variables = os.environ if environment is None else environment
    named = variables.get("FORCEDFLOW_CONFIG")
    path = Path(named or "~/.config/forcedflow/config.toml").expanduser()
    values: dict[str, object] = {}
    if path.is_file():
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise UsageError(f"{path}: not readable as TOML: {error}") from error
    elif named:
        raise UsageError(f"FORCEDFLOW_CONFIG names {path}, which does not exist")
    for field in msgspec.structs.fields(Settings):
        # An empty variable is an unset one: it must not mean the folder one happens to be in.
        if value := variables.get(f"FORCEDFLOW_{field.name.upper()}"):
            values[field.name] = value
    try:
        return msgspec.convert(values, Settings)
    except msgspec.ValidationError as error:
        raise UsageError(f"{path}: {error}") from error

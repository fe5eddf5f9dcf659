"""Settings: read once at the edge, passed down as values.

In:  a TOML file and ``FORCEDFLOW_`` environment variables.   Out: a frozen `Settings`.
The environment wins over the file. Secrets never belong in the file.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from forcedflow.errors import UsageError

FILE_ONLY: Final = frozenset({"venues"})
"""Settings that no variable can hold: they are tables."""


class VenueSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where one venue is asked, if not at its own addresses.

    Parameters
    ----------
    rest : str, optional
        Root of its HTTP interface.
    stream : str, optional
        Root of its websockets.
    archive : str, optional
        Root of its public files.
    others : dict of str to str
        Further roots by name, for a venue that spreads itself over several hosts.
    proxy : str, optional
        Address of an HTTP proxy for this venue alone.
    accounts : str, optional
        File of accounts to follow, one address a line; for a venue that publishes accounts.
    """

    rest: str | None = None
    stream: str | None = None
    archive: str | None = None
    others: dict[str, str] = {}
    proxy: str | None = None
    accounts: str | None = None

    def __repr__(self) -> str:
        return _without_proxy(self)


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a user may set for every command.

    Parameters
    ----------
    lake : str
        Folder of the lake, or ``s3://BUCKET/PREFIX``. ``FORCEDFLOW_LAKE``.
    proxy : str, optional
        Address of an HTTP proxy for every venue. ``FORCEDFLOW_PROXY``.
    venues : dict of str to VenueSettings
        What is special about a venue, by its lower-case id.
    """

    lake: str = "~/.local/share/forcedflow/lake"
    proxy: str | None = None
    venues: dict[str, VenueSettings] = {}

    def __repr__(self) -> str:
        return _without_proxy(self)

    @property
    def lake_path(self) -> Path:
        """Return the lake's folder with ``~`` resolved; an address stays what it is to `Lake`."""
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
        if field.name in FILE_ONLY:
            continue
        # An empty variable is an unset one: it must not mean the folder one happens to be in.
        if value := variables.get(f"FORCEDFLOW_{field.name.upper()}"):
            values[field.name] = value
    try:
        return msgspec.convert(values, Settings)
    except msgspec.ValidationError as error:
        raise UsageError(f"{path}: {error}") from error


def _without_proxy(settings: msgspec.Struct) -> str:
    # A proxy's address may hold a password, and what is printed ends up in logs.
    shown = (
        f"{name}={'***' if name == 'proxy' and value else repr(value)}"
        for name, value in msgspec.structs.asdict(settings).items()
    )
    return f"{type(settings).__name__}({', '.join(shown)})"

"""Templates of the playbook: the choices of a person, kept under a name.

In:  a name, choices.   Out: a TOML file beside the settings; or the choices it holds.
Writes below the folder of the settings file, nowhere else.
"""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import Literal

import msgspec

from forcedflow.errors import UsageError

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,40}")


class Choices(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What may be chosen once for many playbooks.

    Parameters
    ----------
    venue : str, optional
    style : str, optional
    equity, risk : float, optional
        [USD, %]
    order : float, optional
        [USD]
    model : str, optional
    """

    venue: str | None = None
    style: Literal["scalp", "intraday", "swing"] | None = None
    equity: float | None = None
    risk: float | None = None
    order: float | None = None
    model: str | None = None


def template_path(name: str) -> Path:
    """Return the file of a template.

    Raises
    ------
    UsageError
        If a file cannot bear such a name.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} is no name of a template\nhint: small letters, digits, - and _")
    named = os.environ.get("FORCEDFLOW_CONFIG")
    folder = Path(named or "~/.config/forcedflow/config.toml").expanduser().parent
    return folder / "playbooks" / f"{name}.toml"


def save_template(name: str, choices: Choices) -> Path:
    """Write a template, in place of an older one of that name; return its file.

    Raises
    ------
    UsageError
        If it cannot be written.
    """
    path = template_path(name)
    lines = [
        # A JSON string is a TOML string, and so are its numbers.
        f"{field} = {msgspec.json.encode(value).decode()}\n"
        for field, value in msgspec.to_builtins(choices).items()
        if value is not None
    ]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(lines), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror or error}") from error
    return path


def read_template(name: str) -> Choices:
    """Return the choices of a template.

    Raises
    ------
    UsageError
        If there is none of that name, or it is not readable.
    """
    path = template_path(name)
    if not path.is_file():
        held = sorted(found.stem for found in path.parent.glob("*.toml"))
        hint = f"one of {', '.join(held)}" if held else "forcedflow playbook BTC --save NAME"
        raise UsageError(f"there is no template {name!r} in {path.parent}\nhint: {hint}")
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
        return msgspec.convert(values, Choices)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise UsageError(f"{path}: {error}") from error

"""The rules file: TOML decoded strictly, every mistake with its place and what would be right.

In:  a TOML file.   Out: `RuleBook`.
Reads one file and no variable; a secret that is found in it is refused and not repeated.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from datetime import time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from forcedflow.alerts.rules import KINDS, RuleBook, unreadable
from forcedflow.errors import UsageError

_VARIABLE = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*$")


def read_rules(path: Path) -> RuleBook:
    """Return the rules that a file states.

    Raises
    ------
    UsageError
        If there is no such file, or something in it cannot be meant; the message says where, and
        what would be right.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UsageError(
            f"{path}: no such file of rules\nhint: write one as the how-to on alerts shows, or "
            "name yours: --rules PATH"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read: {error}") from error
    return parse_rules(text, str(path))


def parse_rules(text: str, path: str = "rules") -> RuleBook:
    """Return the rules that a text states; ``path`` is named where it is refused.

    Raises
    ------
    UsageError
        If something in it cannot be meant.
    """
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path}: not readable as TOML: {error}") from error
    _refuse_secrets(values, path)
    try:
        book = msgspec.convert(values, RuleBook)
    except msgspec.ValidationError as error:
        raise UsageError(f"{path}: {error}\nhint: {_remedy(str(error))}") from error
    _check(book, path)
    return book


def _refuse_secrets(values: dict[str, Any], path: str) -> None:
    """Refuse an address or a key in the file, without repeating it."""
    targets = values.get("targets")
    for name, target in targets.items() if isinstance(targets, dict) else ():
        if not isinstance(target, dict):
            continue
        for field, value in target.items():
            place = f"{path}: targets.{name}.{field}"
            if field in {"url", "secret", "token", "password"}:
                raise UsageError(
                    f"{place}: secrets do not belong in the file\n"
                    f'hint: export it as a variable and name that: {field}_env = "MY_VARIABLE"'
                )
            if field.endswith("_env") and not _VARIABLE.match(str(value)):
                raise UsageError(
                    f"{place}: is no name of a variable (what it says is not repeated here)\n"
                    'hint: name the variable that holds it: url_env = "MY_VARIABLE"'
                )


def _check(book: RuleBook, path: str) -> None:
    """Refuse what has the right type and still cannot be meant."""
    seen: set[str] = set()
    for number, rule in enumerate(book.rules):
        where = f"{path}: rules[{number}] ({rule.name})"
        if rule.name in seen:
            raise UsageError(f"{where}: the name is taken\nhint: give every rule its own name")
        seen.add(rule.name)
        for target in rule.targets:
            if target not in book.targets:
                known = ", ".join(sorted(book.targets)) or "none"
                raise UsageError(
                    f"{where}.targets: there is no target {target!r}; stated are: {known}\n"
                    f"hint: add [targets.{target}] with its kind and url_env"
                )
        problem = rule.problem() or unreadable(rule.cooldown)
        if problem:
            raise UsageError(f"{where}: {problem}")
    quiet = book.delivery.quiet_hours
    if quiet is not None:
        place = f"{path}: delivery.quiet_hours"
        _try(lambda: time.fromisoformat(quiet.from_), f'{place}.from: write "23:00"')
        _try(lambda: time.fromisoformat(quiet.to), f'{place}.to: write "07:00"')
        _try(lambda: ZoneInfo(quiet.zone), f'{place}.zone: write an IANA zone, "Europe/Berlin"')


def _try(read: Callable[[], object], problem: str) -> None:
    try:
        read()
    except (ValueError, KeyError, OSError) as error:
        raise UsageError(problem) from error


def _remedy(problem: str) -> str:
    if "Invalid value" in problem and "kind" in problem:
        kinds = ", ".join(str(kind.__struct_config__.tag) for kind in KINDS)
        return f"a rule's kind is one of {kinds}; a target's is apprise or webhook"
    if "unknown field" in problem:
        return "the how-to on alerts lists the fields of every kind; check the spelling"
    if "missing required field" in problem:
        return "add the field; the how-to on alerts shows every kind with its fields"
    return "the how-to on alerts shows every kind with its fields and their units"

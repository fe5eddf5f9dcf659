"""Targets: from what a rules file states and the environment holds to senders.

In:  `RuleBook`, environment variables.   Out: `Sender` by target.
Reads no network; addresses and keys go into the senders and nowhere else.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable, Mapping

from forcedflow.alerts.addresses import parse_networks
from forcedflow.alerts.apprise_service import AppriseService
from forcedflow.alerts.message import Sender
from forcedflow.alerts.rules import AppriseTarget, RuleBook, Target
from forcedflow.alerts.secret import Secret, mask_logs, read_secret
from forcedflow.alerts.webhook import Webhook
from forcedflow.errors import UsageError

_BASE64_KEY = "whsec_"


def make_senders(
    rules: RuleBook,
    variables: Mapping[str, str],
    clock: Callable[[], int],
    only: Iterable[str] | None = None,
) -> dict[str, Sender]:
    """Return a sender for every target.

    Parameters
    ----------
    rules : RuleBook
    variables : mapping of str to str
        The environment.
    clock : callable
        Now, for the stamps of signatures. [UTC ms]
    only : iterable of str, optional
        Names of targets; all by default.

    Returns
    -------
    dict of str to Sender

    Raises
    ------
    UsageError
        If a variable is not set, or what it holds cannot be meant.
    """
    names = list(rules.targets) if only is None else list(only)
    return {name: _make(name, rules.targets[name], variables, clock) for name in names}


def _make(
    name: str, target: Target, variables: Mapping[str, str], clock: Callable[[], int]
) -> Sender:
    place = f"targets.{name}"
    url = read_secret(variables, target.url_env, f"{place}.url_env")
    if isinstance(target, AppriseTarget):
        mask_logs([url])
        return AppriseService(url, with_picture=target.picture)
    key = read_secret(variables, target.secret_env, f"{place}.secret_env")
    mask_logs([url, key])
    _check_key(key)
    networks = parse_networks(target.allow_private, f"{place}.allow_private")
    return Webhook(url, key, networks, clock, with_picture=target.picture)


def _check_key(key: Secret) -> None:
    text = key.reveal()
    if not text.startswith(_BASE64_KEY):
        return
    try:
        base64.b64decode(text.removeprefix(_BASE64_KEY), validate=True)
    except binascii.Error:
        raise UsageError(
            f"{key.name}: begins with {_BASE64_KEY} and goes on with what is no base64\n"
            "hint: openssl rand -base64 32"
        ) from None

"""A process that observes, writes and sends, and kills itself at a stated moment.

Arguments: outbox, address of a receiver, number of observations, and when to die: ``before N`` or
``after N`` the Nth commit, or ``never 0``. What it observes is the same at every start.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import contextmanager
from pathlib import Path

from tests.reference.observations import START_MS, loading, seen

from forcedflow.alerts.desk import AlertDesk
from forcedflow.alerts.outbox import Outbox
from forcedflow.alerts.outbox_file import OutboxFile
from forcedflow.alerts.rules_file import parse_rules
from forcedflow.alerts.targets import make_senders
from forcedflow.units import MINUTE_MS

RULES = """
[delivery]
follow_up = false
daily_cap = 1000
[targets.desk]
kind = "webhook"
url_env = "MADE_URL"
secret_env = "MADE_KEY"
allow_private = ["127.0.0.1/32"]
[[rules]]
name = "loaded"
kind = "loading_over"
above = 75
cooldown = "1s"
targets = ["desk"]
"""


def die_at_commits(when, count):
    whole = OutboxFile.transaction
    commits = iter(range(1, 1_000_000))

    @contextmanager
    def counted(self):
        number = next(commits)
        with whole(self) as db:
            yield db
            if (when, number) == ("before", count):
                os.kill(os.getpid(), signal.SIGKILL)
        if (when, number) == ("after", count):
            os.kill(os.getpid(), signal.SIGKILL)

    OutboxFile.transaction = counted


def main(outbox, url, observations, when, count):
    die_at_commits(when, int(count))
    rules = parse_rules(RULES)
    minute = [0]
    variables = {"MADE_URL": url, "MADE_KEY": "a key"}

    def clock():
        return START_MS + minute[0] * MINUTE_MS

    desk = AlertDesk(rules, Outbox(Path(outbox)), make_senders(rules, variables, clock), clock)
    for minute[0] in range(int(observations)):
        desk.observe(seen(minute[0], loading=loading(80 if minute[0] % 2 else 10)))
        desk.deliver()
    minute[0] += 60
    desk.deliver()


if __name__ == "__main__":
    main(*sys.argv[1:])

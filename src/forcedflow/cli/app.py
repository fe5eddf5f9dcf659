"""The command line: which commands there are. Each lives in a file of its own name.

In:  arguments.   Out: an exit status: 0 done, 2 usage, 3 no data, 4 venue or network, 5 bad data.
Commands are imported when they run, so that asking for help costs nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from cyclopts import App, CycloptsError

from forcedflow import __version__
from forcedflow.errors import ForcedflowError

app = App(
    name="forcedflow",
    help=(
        "Where leveraged crypto positions are force-closed, and what that estimate is worth.\n\n"
        "Educational and analytical; never advice. Places no orders."
    ),
    version=__version__,
    version_flags=["--version"],
    help_format="plaintext",  # reading Markdown costs a third of the time that help takes
    result_action="return_value",
    suppress_keyboard_interrupt=False,  # `run` says what became of the work
)

_COMMANDS = {
    "demo": ("demo", "Run a simulated market and show everything on it."),
    "up": ("up", "Follow markets bar by bar: live, or the past of the lake once more."),
    "fetch": ("fetch", "Bring a venue's past into the lake: archives first, then HTTP."),
    "record": ("record", "Follow venues live into the lake, and keep their raw messages."),
    "import": ("import_", "Read vendor files into the lake."),
    "coverage": ("coverage", "Show what the lake holds, its gaps and what each feed is worth."),
    "heatmap": ("heatmap", "Draw how much would be force-closed at every price, over time."),
    "zones": ("zones", "List the clusters of estimated liquidations around the price."),
    "levels": ("levels", "Write the clusters as levels: TradingView, CSV, a hashed archive."),
    "whatif": ("whatif", "Estimate what would be liquidated on the way to a price."),
    "maxpain": ("max_pain", "Say around which prices the most would be closed."),
    "whales": ("whales", "List the largest published positions and where they would be closed."),
    "cascade": ("cascade", "Estimate which clusters would fall in turn, how far, how likely."),
    "playbook": ("playbook", "Put a market on one printable page, with what makes it void."),
    "signals": ("signals", "Say which of eight reasons for a cascade hold, and which way."),
    "checklist": ("checklist", "Answer eleven questions about a market, unknowns included."),
    "scan": ("scan", "Rank markets by how loaded they are, how near a cluster is, how crowded."),
    "venues": ("venues", "Compare venues for an order: depth, slippage, fees, leverage, feeds."),
    "calendar": ("calendar", "Show scheduled events, and add some."),
    "forecast": ("forecast", "Say how likely a cascade is in the next hours, and how large."),
    "train": ("train", "Learn from the past and keep what was learned: a map, a forecast."),
    "alerts": ("alerts", "Try rules on the past, send what fires, test targets, list them."),
    "mcp": ("mcp", "Offer the answers as read-only tools to language models."),
    "scorecard": ("scorecard", "Score a product on data it never saw, beside its nulls."),
    "sql": ("sql", "Run one read-only query over the lake's tables."),
    "serve": ("serve", "Serve the API and the dashboard over the lake."),
    "doctor": ("doctor", "Check the installation and the lake."),
    "warmup": ("warmup", "Compile the kernels once, so that no command waits for it."),
}

for _name, (_module, _help) in _COMMANDS.items():
    app.command(f"forcedflow.cli.{_module}:run", name=_name, help=_help)

app.register_install_completion_command(
    add_to_startup=False, help="Let the shell complete commands and options (bash, zsh, fish)."
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and leave with its exit status."""
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: Sequence[str]) -> int:
    """Return the exit status of one command; every error is one message on standard error."""
    try:
        status = app(list(arguments), exit_on_error=False, print_error=False)
    except CycloptsError as error:
        sys.stderr.write(f"error: {error}\nhint: forcedflow --help\n")
        return 2
    except ForcedflowError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    except BrokenPipeError:
        # The reader of our output left (``| head``); that is not a failure of ours.
        sys.stderr.close()
        return 0
    except OSError as error:
        # A full disk, a drive that went away: nothing that a trace of our own code explains.
        place = f"{error.filename}: " if error.filename else ""
        sys.stderr.write(f"error: {place}{error.strerror or error}\n")
        return ForcedflowError.exit_code
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; what was finished is kept\n")
        return 130
    return status if isinstance(status, int) else 0

"""The command line. `main` is the ``forcedflow`` command."""

from forcedflow.cli.app import main

__all__ = ["main"]

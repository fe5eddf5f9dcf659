"""``python -m forcedflow`` is the ``forcedflow`` command."""

from forcedflow.cli import main

main()

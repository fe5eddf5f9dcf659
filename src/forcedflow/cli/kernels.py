"""Compiled kernels: which there are, and whether their machine code is kept on this machine.

In:  -.   Out: for each kernel, the folder of its cache and whether it is there.
Nothing is compiled or imported here; `warmup` compiles, `doctor` and `demo` look.
"""

from __future__ import annotations

import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Kernel:
    """One compiled loop.

    ``package`` holds its ``_kernels.py``, ``entry`` is the function that is called from outside.
    """

    name: str
    package: str
    entry: str

    @property
    def cache(self) -> Path | None:
        """Return the folder that Numba keeps it in; ``None`` where the package is incomplete."""
        found = importlib.util.find_spec(self.package)
        if found is None or found.origin is None:
            return None
        named = os.environ.get("NUMBA_CACHE_DIR")
        return Path(named) if named else Path(found.origin).parent / "__pycache__"

    @property
    def compiled(self) -> bool:
        """Return whether machine code of it is kept."""
        folder = self.cache
        if folder is None or not folder.is_dir():
            return False
        return any(folder.rglob(f"_kernels.{self.entry}-*.nbc"))


LADDER = Kernel("ladder", "forcedflow.positions", "replay")
SANDBOX = Kernel("sandbox", "forcedflow.sandbox", "run")
CASCADE = Kernel("cascade", "forcedflow.cascade", "fixed_points")
WAVES = Kernel("waves", "forcedflow.cascade", "waves")
KERNELS = (LADDER, SANDBOX, CASCADE, WAVES)

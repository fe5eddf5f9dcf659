"""The C peer: compiled in the run that uses it, called through ctypes.

In:  a `LadderRun`.   Out: the same run, its arrays filled.
Free of the package's own loop; the compiled library stays under ``benchmarks/build``.
"""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from pathlib import Path

import numpy as np

from benchmarks.ladder_case import LadderRun

SOURCE = Path(__file__).with_name("ladder_peer.c")
BUILD = Path(__file__).with_name("build")
FLAGS = ("-O3", "-march=native", "-shared", "-fPIC", "-std=c11", "-Wall", "-Wextra", "-Werror")


def find_compiler() -> str | None:
    """Return the C compiler, or None where the machine has none."""
    return shutil.which("cc")


class LadderPeer:
    """The compiled C loop.

    Parameters
    ----------
    build : pathlib.Path
        Folder for the library.
    """

    def __init__(self, build: Path = BUILD) -> None:
        compiler = find_compiler()
        if compiler is None:
            raise RuntimeError("the C peer needs a C compiler called cc")
        build.mkdir(parents=True, exist_ok=True)
        library = build / "ladder_peer.so"
        subprocess.run([compiler, *FLAGS, "-o", str(library), str(SOURCE)], check=True)
        self._replay = ctypes.CDLL(str(library)).ladder_replay
        self._replay.restype = ctypes.c_int64
        version = subprocess.run(
            [compiler, "--version"], check=True, capture_output=True, text=True
        ).stdout
        self.compiler = version.splitlines()[0]

    def __call__(self, run: LadderRun) -> int:
        """Run the loop; return the number of levels that fell outside the window."""
        case = run.case
        sizes = (
            case.low.size,
            case.share.size,
            case.n_bins,
            case.decay.shape[1],
            case.entry.shape[1],
            case.opens_long.shape[1],
            case.n_bands,
            case.window.size if case.window is not None else 0,
        )
        # The peer keeps no design matrix.
        kept = [v for v in run.arguments() if not (isinstance(v, np.ndarray) and v.ndim == 3)]
        outside = self._replay(*map(ctypes.c_int64, sizes), *map(_as_c, kept))
        if outside < 0:
            raise MemoryError("the C peer could not allocate its row")
        return int(outside)


def _as_c(value: np.ndarray | int) -> ctypes.c_void_p | ctypes.c_int64:
    if isinstance(value, np.ndarray):
        if not value.flags.c_contiguous:
            raise ValueError("the C peer takes contiguous arrays")
        return ctypes.c_void_p(value.ctypes.data)
    return ctypes.c_int64(value)

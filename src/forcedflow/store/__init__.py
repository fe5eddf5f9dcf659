"""The lake: where rows live between the edges that fetch them and the core that computes.

In:  checked rows of the declared tables.   Out: the same rows, each key once, with its source.
Knows tables, not analysis.
"""

from forcedflow.store.commit import TableChange
from forcedflow.store.lake import CompactResult, Lake, WriteResult, local_folder
from forcedflow.store.manifest import Receipt
from forcedflow.store.row_source import RowSource

__all__ = [
    "CompactResult",
    "Lake",
    "Receipt",
    "RowSource",
    "TableChange",
    "WriteResult",
    "local_folder",
]

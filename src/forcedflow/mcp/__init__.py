"""The same answers for language models: read-only tools over the Model Context Protocol.

Needs the extra ``mcp``. Nothing here computes: `forcedflow.answers` does.
"""

from forcedflow.mcp.tools import create_server

__all__ = ["create_server"]

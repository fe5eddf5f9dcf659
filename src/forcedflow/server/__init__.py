"""The server: the same answers over HTTP, and what happens live as a stream of events.

Needs the extra ``server``. Nothing here computes: `forcedflow.answers` does.
"""

from forcedflow.server.app import create_app
from forcedflow.server.desk import Desk
from forcedflow.server.event_stream import EventStream

__all__ = ["Desk", "EventStream", "create_app"]

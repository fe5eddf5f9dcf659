"""A server on loopback that answers what a test tells it to, and remembers what it was asked."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

EASTERN = (
    "BEGIN:VTIMEZONE\r\nTZID:US-Eastern\r\n"
    "BEGIN:DAYLIGHT\r\nTZOFFSETFROM:-0500\r\nTZOFFSETTO:-0400\r\nDTSTART:20070311T020000\r\n"
    "RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=2SU\r\nEND:DAYLIGHT\r\n"
    "BEGIN:STANDARD\r\nTZOFFSETFROM:-0400\r\nTZOFFSETTO:-0500\r\nDTSTART:20071104T020000\r\n"
    "RRULE:FREQ=YEARLY;BYMONTH=11;BYDAY=1SU\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n"
)


def entry(summary, start, *more):
    """Return one VEVENT; ``start`` is the rest of the DTSTART line."""
    lines = ["BEGIN:VEVENT", "UID:1", f"SUMMARY:{summary}", f"DTSTART{start}", *more, "END:VEVENT"]
    return "".join(f"{line}\r\n" for line in lines)


def calendar(*entries, zones=""):
    """Return the bytes of an iCalendar file."""
    head = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//test//\r\n"
    return f"{head}{zones}{''.join(entries)}END:VCALENDAR\r\n".encode()


@contextmanager
def serving(answer):
    """Run a server in a thread; yield its address and the requests it has seen.

    ``answer`` takes the path and the parameters and returns a status and a body.
    """
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            parts = urlsplit(self.path)
            params = {name: values[0] for name, values in parse_qs(parts.query).items()}
            asked.append((parts.path, params))
            status, body = answer(parts.path, params)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

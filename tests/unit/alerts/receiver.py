"""A receiver on loopback that keeps what it is sent and answers as it is told."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Request:
    path: str
    headers: dict[str, str]
    body: bytes


class Receiver:
    """Answers 200, or what `answer` returns for a request: a status, or a status and a location."""

    def __init__(self, answer=None):
        self.requests = []
        self.arrived = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                length = int(self.headers.get("content-length", 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                request = Request(self.path, headers, self.rfile.read(length))
                outer.requests.append(request)
                outer.arrived.set()
                told = 200 if answer is None else answer(request)
                status, location = told if isinstance(told, tuple) else (told, None)
                try:
                    self.send_response(status)
                    if location is not None:
                        self.send_header("location", location)
                    body = b'{"ok": true, "result": [], "id": "1"}'
                    self.send_header("content-type", "application/json")
                    self.send_header("content-length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)
                except (BrokenPipeError, ConnectionResetError):
                    outer.cut_off = True  # the sender was killed meanwhile

            do_GET = do_POST  # noqa: N815 - http.server's spelling

            def log_message(self, *arguments):
                """Say nothing."""

        self.cut_off = False
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

"""Replies: an answer made once, sent as bytes with its tag, or not sent where it is known already.

In:  a request, what it asks, a function that answers it.   Out: a response.
Free of any one endpoint.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

import msgspec
from fastapi import Request, Response

from forcedflow.server.answer_cache import Answer, AnswerCache
from forcedflow.server.desk import Desk
from forcedflow.server.schemas import AnswerBody, ErrorBody

_PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorBody, "description": words}
    for status, words in (
        (401, "The token is missing or another one."),
        (403, "Another host or site is named."),
        (404, "Nothing of it is held."),
        (413, "The body is too large."),
        (422, "A parameter is none that can be answered."),
        (429, "Too many requests."),
        (500, "Data are damaged, or the server failed."),
        (503, "Too many answers are being made."),
    )
}

JSON: dict[int | str, dict[str, Any]] = {
    200: {"model": AnswerBody, "description": "The answer; it carries an ETag."},
    304: {"description": "It is still what If-None-Match names."},
    **_PROBLEMS,
}
"""Responses of an endpoint that answers with JSON."""


def other(
    media_type: str, extra: dict[int | str, dict[str, Any]] | None = None
) -> dict[int | str, dict[str, Any]]:
    """Return the responses of an endpoint that answers with something else."""
    # Of a stream each event is described, by its fields; of anything else the whole answer.
    schema = {"type": "object" if media_type == "text/event-stream" else "string"}
    return {
        200: {"description": "The answer.", "content": {media_type: {"schema": schema}}},
        304: {"description": "It is still what If-None-Match names."},
        **_PROBLEMS,
        **(extra or {}),
    }


class Replies:
    """Answers of one desk.

    Parameters
    ----------
    desk : Desk
    answers : AnswerCache
    """

    def __init__(self, desk: Desk, answers: AnswerCache) -> None:
        self.desk, self.answers = desk, answers

    async def json(
        self,
        request: Request,
        asked: tuple[Hashable, ...],
        make: Callable[[], dict[str, Any]],
        *,
        slow: bool = False,
    ) -> Response:
        """Return an answer in JSON.

        Parameters
        ----------
        request : Request
        asked : tuple
            Everything besides the path and the lake that the answer depends on.
        make : callable
            Answers; run in a thread.
        slow : bool
            Whether it takes long, and is not to keep quick ones waiting.
        """
        return await self.bytes(
            request, asked, lambda: Answer(msgspec.json.encode(make())), slow=slow
        )

    async def bytes(
        self,
        request: Request,
        asked: tuple[Hashable, ...],
        make: Callable[[], Answer],
        *,
        slow: bool = False,
    ) -> Response:
        """Return an answer of any type; parameters as in `json`."""
        key = (request.url.path, asked, await self.desk.version())
        answer = await self.answers.get(key, make, slow=slow)
        headers = {"etag": answer.tag, "cache-control": "no-cache"}
        if _knows(request.headers.get("if-none-match"), answer.tag):
            return Response(status_code=304, headers=headers)
        return Response(answer.body, headers=headers, media_type=answer.media_type)


def _knows(header: str | None, tag: str) -> bool:
    if header is None:
        return False
    stated = [one.strip().removeprefix("W/") for one in header.split(",")]
    return tag in stated or "*" in stated

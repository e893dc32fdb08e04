"""Refusals: why a request is not done, in the documented forms of a problem.

Amberflo's published description gives a problem the texts `message`, `code` and `details`, and
documents the statuses 400, 401 and 404. Its own clients' tests have `errorMessage` with 400 and
`message` with all others. What the real service writes into them is not known; the codes here
are ours.
"""

from __future__ import annotations

import json
from typing import Any, Final

from pytest_amberflo.server.message import Answer, encode_json
from pytest_amberflo.server.shape import Shape

_SHOWN_LENGTH: Final = 80


class Refusal(Exception):  # noqa: N818 - an outcome, not a fault
    """A request that is not done."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        details: str | None = None,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(status, code, message)
        self.status = status
        self.code = code
        self.message = message
        self.details = details
        self.headers = headers

    def __str__(self) -> str:
        """The status and the message."""
        return f"{self.status} {self.message}"

    def to_answer(self, shape: Shape = Shape.PUBLISHED) -> Answer:
        """The answer that tells the client, in the form of the API that it uses.

        Where that is not known, the answer is right in both.
        """
        if shape is Shape.OFFICIAL:
            text = self.message if self.details is None else f"{self.message}: {self.details}"
            problem = {"errorMessage" if self.status == 400 else "message": text}
        else:
            problem = {"message": self.message, "code": self.code}
            if self.details is not None:
                problem["details"] = self.details
            if shape is Shape.SHARED and self.status == 400:
                problem["errorMessage"] = self.message
        return Answer(status=self.status, body=encode_json(problem), headers=self.headers)


def refuse_store(reason: str) -> Refusal:
    """The refusal of a request that the store cannot serve now; nothing of it is stored."""
    return Refusal(
        503,
        "store-unavailable",
        "The store cannot be used now; nothing of this request is known to be stored",
        details=reason,
        headers=(("Retry-After", "1"),),
    )


def refuse_fault() -> Refusal:
    """The refusal of a request that the server itself fails on.

    The reason stays inside: it is raised where the server is stopped.
    """
    return Refusal(500, "server-fault", "The server failed on this request")


def describe_value(value: Any) -> str:
    """A JSON value in a few characters, for a message."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "an array"
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10**20:
        return "a very large integer"
    return shorten(json.dumps(value))


def shorten(text: str) -> str:
    """A text of any length in at most 80 characters."""
    return text if len(text) <= _SHOWN_LENGTH else text[: _SHOWN_LENGTH - 3] + "..."

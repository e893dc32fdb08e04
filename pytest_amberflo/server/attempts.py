"""What came to ingest, request by request, and what each was answered.

The store has the events that were accepted. Whoever tests a sender also needs those that were
refused, met a fault or came again, so the latest requests are kept here as they were sent, from
the moment that somebody asks for them first. What is kept is bounded: the oldest go.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pytest_amberflo.server.fields import Fields
from pytest_amberflo.server.message import Answer, Ending, encode_json
from pytest_amberflo.server.payload import read_event_payload
from pytest_amberflo.server.refusal import Refusal, shorten

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_amberflo.server.message import Request, Respond

_CODE: Final = "invalid-control"
#: Requests that are kept, and bytes of their bodies; one request more may always be kept.
_MOST_KEPT: Final = 20_000
_MOST_BYTES: Final = 32 * 1024 * 1024
#: Attempts in one answer, and bytes of their bodies, so that an answer stays readable.
_MOST_SHOWN: Final = 500
_MOST_SHOWN_BYTES: Final = 4 * 1024 * 1024
#: Of a body that is no JSON.
_SHOWN_LENGTH: Final = 200


@dataclass(slots=True)
class Attempt:
    """One request to ingest. Times are of the machine's clock, UTC, in seconds since 1970."""

    number: int
    request: Request
    at_s: float
    done_s: float | None = None
    answer: Answer | None = None
    #: Whether its events are in the store.
    is_stored: bool = False

    @property
    def size(self) -> int:
        """About how much memory it takes, in bytes."""
        return len(self.request.body) + 1_000


class Attempts:
    """The latest requests to ingest. Belongs to the event loop's thread."""

    def __init__(
        self,
        *,
        body_limit: int,
        now: Callable[[], float] = time.time,
        most_kept: int = _MOST_KEPT,
        most_bytes: int = _MOST_BYTES,
    ) -> None:
        #: Whether anybody has asked for them yet.
        self.is_recording = False
        self._body_limit = body_limit
        self._now = now
        self._most_kept = most_kept
        self._most_bytes = most_bytes
        self._bytes = 0
        self._last_number = 0
        self._last_change = 0
        #: By the number of the last change, in its order.
        self._kept: dict[int, Attempt] = {}
        #: The change that each attempt is kept under.
        self._changes: dict[int, int] = {}
        #: The latest change that is no longer kept.
        self._forgotten = 0

    def open(self, request: Request, respond: Respond) -> tuple[Attempt, Respond]:
        """Keep a request that has just come; it must be answered through what is given back."""
        self._last_number += 1
        attempt = Attempt(number=self._last_number, request=request, at_s=self._now())
        self._bytes += attempt.size
        self._note(attempt)
        while len(self._kept) > 1 and (
            len(self._kept) > self._most_kept or self._bytes > self._most_bytes
        ):
            self._forget()

        def answer_and_note(answer: Answer) -> None:
            attempt.answer = answer
            attempt.done_s = self._now()
            if attempt.number in self._changes:
                self._note(attempt)
            respond(answer)

        return attempt, answer_and_note

    def read(self, query: Mapping[str, str]) -> dict[str, Any]:
        """What is new since the change `after`; without it nothing, and the latest change.

        `change` is what to ask `after` the next time, `isWhole` whether nothing new has been
        forgotten, `hasMore` whether there is more to be had at once. Raises Refusal (400).
        """
        self.is_recording = True
        for name in query:
            if name != "after":
                raise Refusal(400, _CODE, f"{name[:80]} is no parameter", details="there is after")
        if "after" not in query:
            return self._show([], self._last_change)
        text = query["after"]
        if not (text.isascii() and text.isdigit() and len(text) < 16):
            raise Refusal(400, _CODE, "after must be a number that was given out as change")
        after = int(text)
        found = []
        for change in reversed(self._kept):
            if change <= after:
                break
            found.append(change)
        return self._show(found[::-1], after)

    def _show(self, changes: list[int], after: int) -> dict[str, Any]:
        shown: list[dict[str, Any]] = []
        room = _MOST_SHOWN_BYTES
        last = after
        for change in changes[:_MOST_SHOWN]:
            attempt = self._kept[change]
            room -= len(attempt.request.body)
            if shown and room < 0:
                break
            shown.append(self._describe(attempt))
            last = change
        return {
            "change": last,
            "isWhole": after >= self._forgotten,
            "hasMore": len(shown) < len(changes),
            "attempts": shown,
        }

    def _note(self, attempt: Attempt) -> None:
        self._kept.pop(self._changes.get(attempt.number, 0), None)
        self._last_change += 1
        self._kept[self._last_change] = attempt
        self._changes[attempt.number] = self._last_change

    def _forget(self) -> None:
        self._forgotten, attempt = next(iter(self._kept.items()))
        del self._kept[self._forgotten], self._changes[attempt.number]
        self._bytes -= attempt.size

    def _describe(self, attempt: Attempt) -> dict[str, Any]:
        events, text = self._read_events(attempt.request)
        answer = attempt.answer
        shown: dict[str, Any] = {
            "number": attempt.number,
            "atInSeconds": attempt.at_s,
            "doneInSeconds": attempt.done_s,
            "isStored": attempt.is_stored,
            "status": None if answer is None or answer.ending is Ending.NONE else answer.status,
            "ending": None if answer is None else answer.ending.value,
            "events": events,
            "body": text,
            "problem": None,
        }
        if answer is not None and answer.status >= 400 and answer.ending is not Ending.NONE:
            shown["problem"] = _read_problem(answer)
        return shown

    def _read_events(self, request: Request) -> tuple[list[Any] | None, str | None]:
        """The events of a body as they were sent, right or not; its text where it is no JSON."""
        try:
            payload = read_event_payload(request, limit=self._body_limit)
            # What cannot be written as JSON again, such as 1e999, is shown as text, too.
            encode_json(payload)
        except (Refusal, ValueError, RecursionError):
            return None, shorten(request.body[:_SHOWN_LENGTH].decode("utf-8", "replace"))
        return payload if isinstance(payload, list) else [payload], None


def _read_problem(answer: Answer) -> str:
    fields = Fields.of(json.loads(answer.body), _CODE)
    parts = (fields.find_text("message"), fields.find_text("details"))
    return ": ".join(part for part in parts if part)

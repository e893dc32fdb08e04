"""The order of things on one connection: when a request may start, when an answer may leave."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from pytest_amberflo.server.refusal import refuse_fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_amberflo.server.app import App
    from pytest_amberflo.server.message import Answer, Request

#: Requests under way from one client; more are left unread until answers have left.
_MAX_OPEN: Final = 256


@dataclass(slots=True, kw_only=True)
class Exchange:
    """A request that was started, and its answer once there is one."""

    #: None for what could not be read as a request.
    request: Request | None
    #: On the loop's clock, in seconds.
    started_at: float
    answer: Answer | None = None


class Pipeline:
    """Starts the requests of one connection in order and gives out their answers in order.

    HTTP lets a client send its next request before it has an answer. Events that arrive so are
    written in one transaction; whatever else comes waits for all that came before it, so that a
    query sees the events sent ahead of it and none of those behind it.
    """

    def __init__(self, app: App, *, now: Callable[[], float], notify: Callable[[], None]) -> None:
        self._app = app
        self._now = now
        #: Called when an answer came later than its request was started.
        self._notify = notify
        self._waiting: deque[Request] = deque()
        self._open: deque[Exchange] = deque()
        self._unanswered = 0
        self._is_last_overlapping = False
        self._is_starting = False
        self._last_word: Answer | None = None

    @property
    def is_busy(self) -> bool:
        """Whether there is a request whose answer was not given out yet."""
        return bool(self._open or self._waiting or self._last_word is not None)

    @property
    def is_full(self) -> bool:
        """Whether the client has sent enough for now."""
        return bool(self._waiting) or len(self._open) > _MAX_OPEN

    @property
    def is_answered(self) -> bool:
        """Whether everything that was started has its answer."""
        return self._unanswered == 0

    def queue(self, request: Request) -> None:
        """Take a request; it starts when its turn comes."""
        self._waiting.append(request)

    def close_with(self, answer: Answer) -> None:
        """Take the answer to what was no request; nothing is read after it."""
        self._last_word = answer

    def clear(self) -> None:
        """Start nothing more and forget the answers; what is under way still ends."""
        self._waiting.clear()
        self._open.clear()

    def advance(self, *, is_alone: bool) -> None:
        """Start every request whose turn it is.

        `is_alone`: no other client can send events that would be written together with these, so
        that they need not wait for any.
        """
        if is_alone:
            self._start_held()
        else:
            self._start_all()
        if self._last_word is not None:
            last = Exchange(request=None, started_at=self._now(), answer=self._last_word)
            self._open.append(last)
            self._last_word = None

    def take_answered(self) -> list[Exchange]:
        """The exchanges that are over and before which none is not; each is given out once."""
        answered = []
        while self._open and self._open[0].answer is not None:
            answered.append(self._open.popleft())
        return answered

    def _start_held(self) -> None:
        while self._waiting:
            self._app.hold()
            try:
                self._start_all()
            finally:
                is_answered = self._flush()
            if not is_answered:
                return

    def _flush(self) -> bool:
        # Answers that come now are given out by whoever is starting requests.
        self._is_starting = True
        try:
            return self._app.flush()
        finally:
            self._is_starting = False

    def _start_all(self) -> None:
        while self._waiting:
            is_overlapping = self._app.is_overlapping(self._waiting[0])
            if self._unanswered and not (self._is_last_overlapping and is_overlapping):
                return
            self._is_last_overlapping = is_overlapping
            self._start(self._waiting.popleft())

    def _start(self, request: Request) -> None:
        exchange = Exchange(request=request, started_at=self._now())
        self._open.append(exchange)
        self._unanswered += 1
        self._is_starting = True
        is_started = False
        try:
            self._app.handle(request, partial(self._answer, exchange))
            is_started = True
        finally:
            # A mistake of ours must not leave the client waiting; it goes on to the loop.
            if not is_started:
                self._answer(exchange, refuse_fault().to_answer())
            self._is_starting = False

    def _answer(self, exchange: Exchange, answer: Answer) -> None:
        exchange.answer = answer
        self._unanswered -= 1
        if not self._is_starting:
            self._notify()

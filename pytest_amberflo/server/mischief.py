"""Does to requests and answers what the faults of a server say."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from pytest_amberflo.server.faults import FaultBook, FaultKind, refuse_by
from pytest_amberflo.server.message import Answer, Ending
from pytest_amberflo.server.shape import Shape
from pytest_amberflo.server.store import Delivery
from pytest_amberflo.server.subject import find_customers, find_meters

if TYPE_CHECKING:
    import asyncio
    import random
    from collections.abc import Iterable

    from pytest_amberflo.server.faults import Fault
    from pytest_amberflo.server.message import Respond
    from pytest_amberflo.server.routing import Call, Route

#: Ends of answers to what was done all the same.
_ENDINGS: Final = {FaultKind.LOST_ANSWER: Ending.NONE, FaultKind.TORN_ANSWER: Ending.TORN}
_NO_ANSWER: Final = Answer(status=200, body=b"", ending=Ending.NONE)


class Mischief:
    """The faults of a server at work. Belongs to the event loop's thread."""

    def __init__(
        self, faults: Iterable[Fault], dice: random.Random, loop: asyncio.AbstractEventLoop
    ) -> None:
        self.book = FaultBook(dice=dice)
        self._loop = loop
        for fault in faults:
            self.book.add(fault)

    def meet_events(self, delivery: Delivery, respond: Respond) -> tuple[Delivery, Respond] | None:
        """What becomes of an ingest, and who answers it; None if it is answered already."""
        if not self.book:
            return delivery, respond
        records = delivery.records
        struck = self.book.strike(
            "ingest",
            customers={str(record[3]) for record in records if record[3]},
            meters={record[1] for record in records},
        )
        if self._stop_by(struck, Shape.SHARED, respond):
            return None
        kinds = [fault.kind for fault in struck]
        lag_s = sum(self.book.draw(fault) for fault in struck if fault.kind is FaultKind.LAG)
        changed = Delivery(
            () if FaultKind.LOSE in kinds else records,
            delivery.lag_us + round(lag_s * 1_000_000),
            1 + kinds.count(FaultKind.DUPLICATE),
        )
        return changed, self._twist(struck, respond)

    def meet_call(
        self, route: Route, call: Call, shape: Shape, respond: Respond
    ) -> Respond | None:
        """Who answers a call of any other operation; None if it is answered already."""
        if not self.book:
            return respond
        struck = self.book.strike(
            route.name, customers=find_customers(call), meters=find_meters(call)
        )
        return None if self._stop_by(struck, shape, respond) else self._twist(struck, respond)

    def _stop_by(self, struck: tuple[Fault, ...], shape: Shape, respond: Respond) -> bool:
        """Answer instead of doing what was asked for, if a fault says so."""
        for fault in struck:
            if fault.kind in (FaultKind.STATUS, FaultKind.REJECT):
                respond(refuse_by(fault).to_answer(shape))
                return True
            if fault.kind is FaultKind.DROP:
                respond(_NO_ANSWER)
                return True
        return False

    def _twist(self, struck: tuple[Fault, ...], respond: Respond) -> Respond:
        """What answers as the faults have it."""
        delay_s = sum(self.book.draw(fault) for fault in struck if fault.kind is FaultKind.SLOW)
        endings = [_ENDINGS[fault.kind] for fault in struck if fault.kind in _ENDINGS]

        def answer_so(answer: Answer) -> None:
            if endings:
                answer = replace(answer, ending=endings[0])
            if delay_s:
                self._loop.call_later(delay_s, respond, answer)
            else:
                respond(answer)

        return answer_so if struck else respond

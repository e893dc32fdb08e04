"""An item's judge with everything around it, and short ways to write events and answers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from unit.plugin_parts.part_kit import DAY, StepClock, make_exchange

from pytest_amberflo.http.exchange import Response
from pytest_amberflo.judge import UsageJudge
from pytest_amberflo.metering.ledger import Ledger
from pytest_amberflo.metering.query import read_query
from pytest_amberflo.metering.terms import Terms
from pytest_amberflo.verdict import CheckOutcome, Tally, UsageDetail

if TYPE_CHECKING:
    from pytest_amberflo.metering.query import UsageQuery

    Concluded = tuple[CheckOutcome, str, UsageDetail] | None

PASSED, FAILED, UNVERIFIED = CheckOutcome.PASSED, CheckOutcome.FAILED, CheckOutcome.UNVERIFIED
#: What a query of wrong usage ends with.
WRONG = (FAILED, "usage is not what was sent")


def event(value: float, unique_id: str = "evt-1", **members: Any) -> dict[str, Any]:
    """An event an hour after the start of DAY."""
    body = {
        "meterApiName": "api-calls",
        "customerId": "acme",
        "meterValue": value,
        "meterTimeInMillis": (DAY + 3600) * 1000,
        "uniqueId": unique_id,
    }
    return body | members


def query(aggregation: str = "SUM", **members: Any) -> UsageQuery:
    """A query for customer acme on DAY."""
    body = {
        "meterApiName": "api-calls",
        "startTimeInSeconds": DAY,
        "endTimeInSeconds": DAY + 86400,
        "aggregation": aggregation,
        "timeGroupingInterval": "DAY",
        "groupBy": ["customerId"],
        "customerFilter": ["acme"],
    }
    return read_query(json.dumps(body | members).encode())


def answer(number: float | None, *, status: int = 200) -> Response:
    """An answer that shows a number for customer acme, or no usage."""
    groups = [{"groupInfo": {"customerId": "acme"}, "records": [{str(DAY): number}]}]
    data = {"clientMeters": {"api-calls": groups if number is not None else []}}
    return Response(status=status, body=json.dumps(data).encode())


class Item:
    """A judge with everything around it."""

    def __init__(self, *, is_alone: bool = True, ledger: Ledger | None = None) -> None:
        self.ledger = ledger if ledger is not None else Ledger()
        self.tally = Tally()
        self.clock = StepClock()
        terms = Terms(knows_all_writers=is_alone)
        self.judge = UsageJudge(self.ledger, self.tally, self.clock, terms=terms)

    def send(self, *events: Any, status: int | None = 200, sent: bool = True) -> None:
        """Enter an ingest of these events."""
        body = json.dumps(events[0] if len(events) == 1 else list(events)).encode()
        self.judge.enter(make_exchange(body, status=status, sent=sent))

    def read(
        self,
        *shown: float | Response | None,
        asked: UsageQuery | None = None,
        settle_s: float = 2.0,
        hold_s: float = 0.0,
    ) -> Concluded:
        """Judge answers one after another; the last one is repeated."""
        answers = [show if isinstance(show, Response) else answer(show) for show in shown]

        def read() -> Response:
            return answers.pop(0) if len(answers) > 1 else answers[0]

        return self.judge.settle(asked or query(), read, settle_s=settle_s, hold_s=hold_s)

    def conclude(self, *shown: Any, **options: Any) -> tuple[CheckOutcome, str]:
        """The outcome and message of a judged query."""
        concluded = self.read(*shown, **options)
        assert concluded is not None
        return concluded[:2]

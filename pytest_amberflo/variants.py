"""The ways in which a workflow that ingests is run: once, and with copies and relatives.

What a variant sends goes around the step's own exchange: it is held to its description and
entered in the ledger, and no criterion or output of the document sees it.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import replace

from pytest_amberflo.courier import divert
from pytest_amberflo.ingestion import NO_ANSWER
from pytest_amberflo.json_form import is_array, read_records, rewrite, write_records
from pytest_amberflo.patience import is_lost, read_throttle
from pytest_amberflo.relatives import list_relatives

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_amberflo.arazzo.events import Call
    from pytest_amberflo.courier import Courier
    from pytest_amberflo.http.exchange import Exchange
    from pytest_amberflo.ingestion import Ingestion
    from pytest_amberflo.judge import UsageJudge
    from pytest_amberflo.patience import PatientClock
    from pytest_amberflo.run import Run
    from pytest_amberflo.witness import Witness

#: Transmissions at once of the variant `concurrent`, the document's own among them.
_AT_ONCE: Final = 8
_AT_ONCE_ELSEWHERE: Final = 4
#: How long the last copy of `replay` waits, in seconds: a window of dedup may be that short.
_LATE_S: Final = 1.2


class VariantSkippedError(Exception):
    """A variant makes no sense for a workflow; the text says why."""


class Variant:
    """Ingests in the way of one variant."""

    def __init__(
        self,
        name: str | None,
        run: Run,
        courier: Courier,
        ingestion: Ingestion,
        judge: UsageJudge,
        witness: Witness,
        clock: PatientClock,
    ) -> None:
        self._name = name or "once"
        self._run = run
        self._courier = courier
        self._ingestion = ingestion
        self._judge = judge
        self._witness = witness
        self._clock = clock

    def check(self, call: Call) -> None:
        """Raise VariantSkippedError where the variant cannot be sent for a call."""
        if self._name != "once":
            self._read(call)

    def ingest(self, call: Call) -> Exchange:
        """The document's own exchange. Raises NotJudgedError and VariantSkippedError."""
        self._witness.remember(call)
        if self._name == "once":
            return self._ingestion.send(call)
        records = self._read(call)
        ways: dict[str, Callable[[Call, list[dict[str, Any]]], Exchange]] = {
            "replay": self._replay,
            "concurrent": self._send_at_once,
            "batch": self._batch,
            "lost-ack": self._lose_answer,
            "distinct": self._send_relatives,
        }
        return ways[self._name](call, records)

    def _read(self, call: Call) -> list[dict[str, Any]]:
        """The records of a call; each must be of a customer that nobody else uses."""
        try:
            records = read_records(call.plan.sent.request.body or b"")
        except ValueError as error:
            raise VariantSkippedError(f"the ingest request is not understood: {error}") from None
        for record in records:
            customer = record.get("customerId")
            if not isinstance(customer, str) or not self._run.is_fresh(customer):
                raise VariantSkippedError(f"the customer is fixed: {customer}")
        return records

    def _copy(self, call: Call, body: bytes) -> Call:
        return divert(call, replace(call.plan.sent.request, body=body))

    def _replay(self, call: Call, _: list[dict[str, Any]]) -> Exchange:
        """Three more copies: as it was, in another form, and late over a new connection."""
        body = call.plan.sent.request.body or b""
        exchange = self._ingestion.send(call)
        self._ingestion.send(self._copy(call, body), "replay")
        self._ingestion.send(self._copy(call, rewrite(body)), "replay in another form")
        self._witness.peek(call)
        if self._run.settings.target.kind != "embedded":
            self._clock.sleep(_LATE_S)
        self._ingestion.count(call)
        with self._run.new_client() as client:
            late = self._courier.send(self._copy(call, body), "replay", client=client)
        self._settle_extra(self._copy(call, body), late, "replay over a new connection")
        return exchange

    def _send_at_once(self, call: Call, _: list[dict[str, Any]]) -> Exchange:
        """The same record over several connections at the same moment."""
        copy = self._copy(call, call.plan.sent.request.body or b"")
        is_near = self._run.settings.target.is_loopback
        number = (_AT_ONCE if is_near else _AT_ONCE_ELSEWHERE) - 1
        for _copy in range(number):
            self._ingestion.count(copy)
        start = threading.Barrier(number + 1)
        timeout_s = self._run.settings.timeout_s

        def send() -> Exchange:
            with self._run.new_client() as client:
                start.wait()
                return client.send(copy.plan.sent.request, timeout_s=timeout_s)

        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415  only here

        with ThreadPoolExecutor(number) as pool:
            extras = [pool.submit(send) for _ in range(number)]
            start.wait()
            exchange = self._ingestion.send(call)
        for extra in extras:
            self._settle_extra(copy, extra.result(), "at the same moment")
        return exchange

    def _batch(self, call: Call, records: list[dict[str, Any]]) -> Exchange:
        """The records twice within one array, before the document sends them."""
        batch = self._copy(call, write_records([*records, *records], as_array=True))
        if not is_array(call.plan.sent.request.body or b""):
            self._require_admitted(batch, "the description takes no array of events")
        self._ingestion.send(batch, "batch")
        return self._ingestion.send(call)

    def _lose_answer(self, call: Call, _: list[dict[str, Any]]) -> Exchange:
        """The first answer is dropped on our side, and the request sent again."""
        self._ingestion.count(call)
        with self._run.new_client() as client:
            dropped = client.drop(call.plan.sent.request, timeout_s=self._run.settings.timeout_s)
        self._judge.enter(dropped)
        return self._ingestion.send(call, NO_ANSWER)

    def _send_relatives(self, call: Call, records: list[dict[str, Any]]) -> Exchange:
        """Beside the record, for other customers, pairs that differ in one attribute."""
        exchange = self._ingestion.send(call)
        as_array = is_array(call.plan.sent.request.body or b"")
        is_live = self._run.settings.reaches_live
        sent = 0
        for pair in list_relatives(records[0], self._run.new_unique_id):
            if pair.attribute == "value" and is_live:
                continue  # one page about the real service says that the value is no key
            customer = self._run.new_customer()
            calls = [
                self._copy(
                    call, write_records([record | {"customerId": customer}], as_array=as_array)
                )
                for record in (pair.base, pair.changed)
            ]
            if any(self._courier.find_violations(copy) for copy in calls):
                continue
            for copy in calls:
                self._ingestion.send(copy, f"another {pair.attribute}")
            sent += 1
        if not sent:
            raise VariantSkippedError("no attribute of the event can be changed")
        return exchange

    def _require_admitted(self, call: Call, reason: str) -> None:
        if self._courier.find_violations(call):
            raise VariantSkippedError(reason)

    def _settle_extra(self, call: Call, exchange: Exchange, reason: str) -> None:
        """Enter a copy that was sent on its own; without an answer that says something, again."""
        self._judge.enter(exchange, reason)
        if is_lost(exchange) or read_throttle(exchange, 0) is not None:
            self._ingestion.send(call, NO_ANSWER)
        else:
            self._courier.check_response(call, exchange)

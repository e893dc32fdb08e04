"""Usage of a customer that the user gave, before anything is sent for it.

Somebody may have written to that customer before. Each query that the workflow is going to make,
as far as it is known beforehand, and the queries of our own are read twice before the first
ingest; what they say is subtracted from later readings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_amberflo.arazzo.events import Refusal
from pytest_amberflo.metering.baseline import (
    BaselineMovedError,
    list_baseline_queries,
    take_baseline,
)
from pytest_amberflo.metering.event import UnreadableEventError, read_events
from pytest_amberflo.metering.query import Aggregation, UnreadableQueryError, read_query
from pytest_amberflo.metering.usage import UsageShapeError, read_usage
from pytest_amberflo.recognition import recognize
from pytest_amberflo.verdict import CheckOutcome
from pytest_amberflo.witness import rewrite_query

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_amberflo.arazzo.events import Call, Route
    from pytest_amberflo.arazzo.rehearsal import UnknownValue
    from pytest_amberflo.courier import Courier
    from pytest_amberflo.execution import PreparedWorkflow
    from pytest_amberflo.judge import UsageJudge
    from pytest_amberflo.metering.query import UsageQuery
    from pytest_amberflo.metering.usage import Reading
    from pytest_amberflo.reader import UsageReader
    from pytest_amberflo.run import Run
    from pytest_amberflo.witness import Witness


class PriorUsage:
    """Takes the baselines of one item, once, before its first ingest for a known customer."""

    def __init__(
        self,
        run: Run,
        prepared: PreparedWorkflow,
        inputs: Mapping[str, object],
        courier: Courier,
        reader: UsageReader,
        judge: UsageJudge,
        witness: Witness,
        route: Route,
    ) -> None:
        self._run = run
        self._prepared = prepared
        self._inputs = inputs
        self._courier = courier
        self._reader = reader
        self._judge = judge
        self._witness = witness
        self._route = route
        self._is_taken = False

    def take(self, ingest: Call) -> None:
        """Read what is there before `ingest` is sent. Raises Refusal where it changes."""
        if self._is_taken or self._judge.knows_all_writers or not self._needs(ingest):
            return
        self._is_taken = True
        self._judge.begin_with_baselines()
        for call in (*self._foresee(), *self._witness.foresee(ingest)):
            try:
                query = read_query(call.plan.sent.request.body or b"")
            except UnreadableQueryError:
                continue
            self._take(call, query)

    def _needs(self, ingest: Call) -> bool:
        """Whether a customer of the events may have usage that this run did not cause."""
        try:
            events = read_events(ingest.plan.sent.request.body or b"")
        except UnreadableEventError:
            return False
        return any(not self._run.is_fresh(event.customer or "") for event in events)

    def _foresee(self) -> Sequence[Call]:
        """The usage queries that the workflow will make, as far as nothing of them is unknown."""
        found: list[Call] = []

        def look(call: Call, unknown: Sequence[UnknownValue]) -> None:
            role = self._courier.extension_of(call).role
            if not unknown and recognize(call.target, role) == "usage":
                found.append(call)

        from pytest_amberflo.arazzo.rehearsal import Rehearsal  # noqa: PLC0415  off loopback

        rehearsal = Rehearsal(inspect=look, route=self._route)
        rehearsal.run(self._prepared.bound, self._prepared.workflow, self._inputs)
        return found

    def _take(self, call: Call, query: UsageQuery) -> None:
        readings: dict[Aggregation, Reading] = {}
        try:
            for asked in list_baseline_queries(query):
                readings[asked.aggregation] = self._read(call, asked)
            again = self._read(call, query)
            baseline = take_baseline(
                query, readings[query.aggregation], again, readings[Aggregation.COUNT]
            )
        except UsageShapeError:
            return  # the document's own reading will say what is wrong with it
        except BaselineMovedError as error:
            self._courier.add(call, "baseline", CheckOutcome.ERROR, str(error))
            raise Refusal(str(error)) from None
        self._judge.add_baseline(query, baseline)

    def _read(self, call: Call, query: UsageQuery) -> Reading:
        asked = rewrite_query(call, query)
        response = self._courier.send_patiently(asked, "before the first ingest").response
        return read_usage(response.body if response is not None else b"", query)

"""Judges one entry of a ledger: asks again what was to be asked, by the rules of then."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from msgspec import Struct
from msgspec.structs import replace

from pytest_amberflo.http.address import find_host, is_loopback
from pytest_amberflo.http.exchange import Request
from pytest_amberflo.judge import UsageJudge
from pytest_amberflo.metering.ledger import Ledger
from pytest_amberflo.metering.query import UnreadableQueryError, UsageQuery, read_query
from pytest_amberflo.metering.reckoning import reckon_entry
from pytest_amberflo.metering.window import format_time
from pytest_amberflo.patience import NotJudgedError, PatientClock, is_lost, read_throttle
from pytest_amberflo.verdict import CheckOutcome, ContractDetail, Tally, UsageDetail, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_amberflo.http.exchange import Exchange, Response
    from pytest_amberflo.metering.deferral import Entry, StoredQuery
    from pytest_amberflo.metering.expect import Judgement
    from pytest_amberflo.metering.reckoning import Reckoning
    from pytest_amberflo.openapi.violation import Violation
    from pytest_amberflo.run import Run
    from pytest_amberflo.verdict import Detail

_MOST_RESENDS: Final = 3
_FIRST_PAUSE_S: Final = 0.5


class Finding(Struct, frozen=True, kw_only=True):
    """What came of one query; `message` is one line."""

    query: StoredQuery
    outcome: CheckOutcome
    message: str
    detail: Detail = None
    exchange: Exchange | None = None


class VerifyResult(Struct, frozen=True, kw_only=True):
    """Everything that a report of an entry needs."""

    entry: Entry
    verdict: Verdict
    findings: tuple[Finding, ...]
    #: Why nothing could be concluded, for UNVERIFIED.
    reasons: tuple[str, ...]
    tally: Tally
    rows: tuple[Reckoning, ...]
    target: str
    duration_s: float


def describe_wait(entry: Entry, now_s: float) -> str | None:
    """Why an entry cannot be judged at a moment (UTC, seconds since 1970); None where it can."""
    left = entry.not_before_s - now_s
    if left <= 0:
        return None
    hours, minutes = divmod(int(left + 59) // 60, 60)
    due = format_time(entry.not_before_s * 1000)[:16]
    return (
        f"not yet due: fresh figures may count copies. It can be judged from {due} UTC on, in "
        f"{f'{hours} h ' if hours else ''}{minutes} min"
    )


def list_rows(
    entry: Entry, everything: Iterable[Entry], seen: Mapping[UsageQuery, Judgement | None]
) -> tuple[Reckoning, ...]:
    """The table of an entry, given all entries of its file."""
    return reckon_entry(entry, _unite(everything).records(), seen)


def _unite(entries: Iterable[Entry]) -> Ledger:
    """All that is known to be sent: what one item sees of a customer, another may have sent."""
    ledger = Ledger()
    for entry in entries:
        ledger.add(entry.transmissions)
    return ledger


class Verification:
    """The judging of one entry, given all entries of its file."""

    def __init__(
        self, run: Run, entry: Entry, everything: Sequence[Entry], api_key: str | None
    ) -> None:
        self._run = run
        self._entry = entry
        self._everything = everything
        self._api_key = api_key
        self._tally = Tally()
        self._clock = PatientClock(seconds_left=lambda: run.pace.seconds_left)
        ledger = _unite(everything)
        self._judge = UsageJudge(ledger, self._tally, self._clock, entry.terms)
        self._judge.adopt(entry.transmissions)
        self._findings: list[Finding] = []
        self._seen: dict[UsageQuery, Judgement | None] = {}
        self._has_waited = False

    def run(self) -> VerifyResult:
        """The result; never raises for what the service does."""
        started = time.monotonic()
        for query in self._entry.queries:
            if not self._ask(query):
                break
        verdict = self._decide(())
        reasons = self._judge.find_unobserved() if verdict is Verdict.PASSED else ()
        if not self._entry.queries:
            reasons = ("the ledger has no query for what was sent", *reasons)
        return VerifyResult(
            entry=self._entry,
            verdict=self._decide(reasons),
            findings=tuple(self._findings),
            reasons=reasons,
            tally=self._tally,
            rows=list_rows(self._entry, self._everything, self._seen),
            target=str(self._run.settings.target),
            duration_s=time.monotonic() - started,
        )

    def _decide(self, reasons: Sequence[str]) -> Verdict:
        outcomes = {finding.outcome for finding in self._findings}
        for outcome in (CheckOutcome.FAILED, CheckOutcome.ERROR, CheckOutcome.UNVERIFIED):
            if outcome in outcomes:
                return Verdict(outcome.value)
        return Verdict.UNVERIFIED if reasons else Verdict.PASSED

    def _ask(self, stored: StoredQuery) -> bool:
        """Ask a query and judge the answer; False where the next ones need not be asked."""
        if self._run.pace.is_over:
            message = "not asked: the deadline for the whole run is over"
            self._add(stored, CheckOutcome.UNVERIFIED, message)
            return False
        try:
            query = read_query(stored.body.encode())
            request = self._build(stored)
        except (UnreadableQueryError, PermissionError) as error:
            self._add(stored, CheckOutcome.ERROR, str(error))
            return True
        last: list[Exchange] = []

        def read() -> Response | None:
            last[:] = [self._send(request)]
            return self._accept(stored, last[0])

        settle_s = 0.0 if self._has_waited else self._entry.rules.settle_s
        left = self._run.pace.seconds_left
        try:
            concluded = self._judge.settle(
                query,
                read,
                settle_s=min(settle_s, left),
                hold_s=min(self._entry.rules.hold_s, left),
            )
        except NotJudgedError as error:
            self._add(stored, CheckOutcome.ERROR, str(error))
            return False
        if concluded is None:
            return last[0].response is not None
        outcome, message, detail = concluded
        self._has_waited = self._has_waited or _has_waited_in_vain(detail, settle_s)
        if stored.is_total:
            self._seen[replace(query, uses_customer_filter=False)] = detail.judgement
        self._add(stored, outcome, message, detail, last[0])
        return True

    def _build(self, stored: StoredQuery) -> Request:
        """The request of a query; the key goes where a run would send it, and nowhere else."""
        base = stored.server or self._run.target_url
        host = find_host(base)
        is_target = stored.server is None or host in self._run.trusted_hosts
        if not is_target and not is_loopback(host):
            raise PermissionError(
                f"the query was sent to {base}, which is not the target. To ask there: "
                f"--amberflo-server NAME={base}"
            )
        json_type = "application/json"
        headers = [("Content-Type", json_type), ("Accept", json_type)]
        if self._api_key is not None:
            headers.append(("X-API-KEY", self._api_key))
        url = base.rstrip("/") + stored.path
        return Request(method="POST", url=url, headers=tuple(headers), body=stored.body.encode())

    def _send(self, request: Request) -> Exchange:
        """The exchange of a query, sent again where it was throttled or got no answer."""
        throttles = resends = 0
        while True:
            if not is_loopback(find_host(request.url)):
                self._run.pace.wait_for_turn()
            left = max(0.001, self._run.pace.seconds_left)
            timeout_s = min(self._run.settings.timeout_s, left)
            exchange = self._run.client.send(request, timeout_s=timeout_s)
            wait = read_throttle(exchange, throttles)
            if wait is not None:
                throttles += 1
                self._tally.throttled += 1
                self._clock.wait_throttled(wait)
            elif is_lost(exchange) and resends < _MOST_RESENDS:
                self._tally.lost_answers += 1
                self._clock.sleep(_FIRST_PAUSE_S * 2**resends)
                resends += 1
            else:
                return exchange

    def _accept(self, stored: StoredQuery, exchange: Exchange) -> Response | None:
        """The response of a query if it keeps its description; else a finding."""
        response = exchange.response
        if response is None:
            failure = exchange.failure
            message = f"usage cannot be read: {failure.message if failure else 'no answer'}"
            self._add(stored, CheckOutcome.FAILED, message, None, exchange)
            return None
        violations = self._check(stored, exchange, response)
        if violations:
            detail = ContractDetail(side="response", operation="queryUsage", violations=violations)
            message = "the response breaks its description"
            self._add(stored, CheckOutcome.FAILED, message, detail, exchange)
        elif response.status != 200:
            is_key = response.status in (401, 403)
            message = f"usage cannot be read: status {response.status}"
            message += "; the service refuses the key" if is_key else ""
            self._add(stored, CheckOutcome.FAILED, message, None, exchange)
        else:
            return response
        return None

    def _check(
        self, stored: StoredQuery, exchange: Exchange, response: Response
    ) -> tuple[Violation, ...]:
        from pytest_amberflo.openapi.catalog import list_shipped, read_shipped  # noqa: PLC0415
        from pytest_amberflo.witness import find_usage  # noqa: PLC0415  both are costly

        if stored.description not in list_shipped() or response.status != 200:
            return ()
        description = read_shipped(stored.description)
        operation = find_usage(description)
        if operation is None:
            return ()
        contract = self._run.contract_of(description)
        found = contract.check_response(operation, exchange.request, response)
        level_of = self._run.settings.level_of
        return tuple(violation for violation in found if level_of(violation.check) == "error")

    def _add(
        self,
        stored: StoredQuery,
        outcome: CheckOutcome,
        message: str,
        detail: Detail = None,
        exchange: Exchange | None = None,
    ) -> None:
        self._findings.append(
            Finding(
                query=stored, outcome=outcome, message=message, detail=detail, exchange=exchange
            )
        )


def _has_waited_in_vain(detail: UsageDetail, settle_s: float) -> bool:
    settled = detail.settled
    if settled is None or settled.right_after_s is not None:
        return False
    return settled.waited_s >= settle_s

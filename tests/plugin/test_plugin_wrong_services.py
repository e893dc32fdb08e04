"""Services that are wrong in one way: the item goes red and names the cause."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from metering_service import Event, HangingService, MeteringService
from workflow_text import INGEST_AND_QUERY, edit, line_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from http.server import BaseHTTPRequestHandler

    from pytest_run import Run, Write

_FAST = ("--amberflo-settle", "0.5", "--amberflo-hold", "0")
_DAY_S = 86400
_QUERY_BODY = line_of(INGEST_AND_QUERY, "requestBody:", 2)


class Loses(MeteringService):
    """Accepts the event and forgets it."""

    def store(self, events: Iterable[Event]) -> None:
        """Keep nothing."""


class CountsTwice(MeteringService):
    """Counts every event twice."""

    def visible(self) -> list[Event]:
        """Everything, and everything again."""
        return [*self.stored, *self.stored]


class Rounds(MeteringService):
    """Counts whole numbers only."""

    def value_of(self, event: Event) -> float:
        """The value without its fraction."""
        return int(event["meterValue"])


class ShiftsBuckets(MeteringService):
    """Counts an event for the day before."""

    def bucket_of(self, event: Event, query: dict[str, Any]) -> int:
        """The bucket before the right one."""
        return super().bucket_of(event, query) - _DAY_S


class MixesGroups(MeteringService):
    """Counts usage for somebody else."""

    def group_value(self, event: Event, name: str) -> str | None:
        """Another customer."""
        return "somebody-else"


class MixesMeters(MeteringService):
    """Shows usage under another meter."""

    def report(self, query: dict[str, Any]) -> Any:
        """The right report under a wrong name."""
        report = super().report(query)
        (groups,) = report["clientMeters"].values()
        return {"clientMeters": {query["meterApiName"]: [], "other-meter": groups}}


class Negates(MeteringService):
    """Counts down."""

    def value_of(self, event: Event) -> float:
        """The opposite value."""
        return -float(event["meterValue"])


class WritesText(MeteringService):
    """Writes numbers as text."""

    def value_of(self, event: Event) -> Any:
        """The value as a string."""
        return super().value_of(event)

    def report(self, query: dict[str, Any]) -> Any:
        """A report whose numbers are strings."""
        report = super().report(query)
        for groups in report["clientMeters"].values():
            for group in groups:
                group["records"] = [
                    {bucket: str(value) for bucket, value in record.items()}
                    for record in group["records"]
                ]
        return report


class ListsMeters(MeteringService):
    """Answers with a list where a map is due."""

    def report(self, query: dict[str, Any]) -> Any:
        """The groups without the name of the meter."""
        (groups,) = super().report(query)["clientMeters"].values()
        return {"clientMeters": groups}


class ForgetsMembers(MeteringService):
    """Leaves out what the description requires, twice."""

    def report(self, query: dict[str, Any]) -> Any:
        """A group without records or groupInfo."""
        return {"clientMeters": {query["meterApiName"]: [{}]}}


class AnswersCreated(MeteringService):
    """Answers 201 to an ingest."""

    def ingest(self, handler: BaseHTTPRequestHandler, data: Any) -> None:
        """Store and answer with a status that is not documented."""
        self.store([data])
        self.send(handler, 201, "created")


class AnswersText(MeteringService):
    """Answers an ingest with plain text."""

    def ingest(self, handler: BaseHTTPRequestHandler, data: Any) -> None:
        """Store and answer with text."""
        self.store([data])
        self.send(handler, 200, b"1 records were ingested", content_type="text/plain")


class AnswersNoJson(MeteringService):
    """Says JSON and sends something else."""

    def usage(self, handler: BaseHTTPRequestHandler, query: dict[str, Any]) -> None:
        """Send half a document."""
        self.send(handler, 200, b'{"clientMeters": {')


class AnswersNotANumber(MeteringService):
    """Sends NaN, which Python's own reader takes for a number."""

    def usage(self, handler: BaseHTTPRequestHandler, query: dict[str, Any]) -> None:
        """Send NaN for the usage."""
        body = b'{"clientMeters": {"api-calls": [{"groupInfo": {}, "records": [{"0": NaN}]}]}}'
        self.send(handler, 200, body)


class AsksForAKey(MeteringService):
    """Knows one key only."""

    api_key: ClassVar[str | None] = "the-right-key"


WRONG_USAGE: list[tuple[type[MeteringService], list[str]]] = [
    (
        Loses,
        [
            "usage of meter api-calls: 2.5 expected, 0 seen. The event of 2.5 at * (uniqueId *) "
            "was lost: it was accepted (200) and is not counted.",
            "",
            f"workflows/ingest.arazzo.yaml:{_QUERY_BODY}  step queryUsage",
            "",
            "  usage of meter api-calls, customer pt-*, SUM by DAY",
            "                              expected          seen    difference",
            "  ????-??-??                       2.5             0          -2.5",
        ],
    ),
    (
        CountsTwice,
        [
            "  ????-??-??                       2.5             5          +2.5",
            "",
            "  One record was counted twice: 2.5 at * (uniqueId *). It was sent once. "
            "The service must keep the first and discard the rest.",
        ],
    ),
    (
        Rounds,
        [
            "  ????-??-??                       2.5             2          -0.5",
            "",
            "  The value 2.5 was rounded to 2.",
        ],
    ),
    (
        Negates,
        [
            "  ????-??-??                       2.5          -2.5            -5",
            "",
            "  The value 2.5 was counted with the opposite sign.",
        ],
    ),
    (
        ShiftsBuckets,
        [
            "  ????-??-??                         0           2.5          +2.5",
            "  ????-??-??                       2.5             0          -2.5",
            "",
            "  The event of 2.5 at * (uniqueId *) is in the bucket ????-??-?? "
            "and belongs to ????-??-??.",
        ],
    ),
    (
        MixesGroups,
        [
            "  The event of 2.5 at * (uniqueId *) is in the group customerId somebody-else "
            "and belongs to customerId pt-*.",
        ],
    ),
    (
        MixesMeters,
        [
            "  The event of 2.5 at * (uniqueId *) stands under a meter that was not asked for, "
            "not under api-calls.",
        ],
    ),
]

BROKEN_CONTRACTS: list[tuple[type[MeteringService], list[str]]] = [
    (
        WritesText,
        [
            "  response of queryUsage breaks its description (1 violation)",
            "    $.clientMeters?'api-calls'??0?.records?0??'*'?  "
            '"2.5" is a string, a number is due',
            "    amberflo-metering-openapi.yaml:*  UsageGroup",
        ],
    ),
    (
        ListsMeters,
        [
            "  response of queryUsage breaks its description (1 violation)",
            "    $.clientMeters  *is an array, an object is due",
            "    amberflo-metering-openapi.yaml:*  UsageReport",
        ],
    ),
    (
        ForgetsMembers,
        [
            "  response of queryUsage breaks its description (2 violations)",
            "    $.clientMeters?'api-calls'??0?.groupInfo  missing",
            "    $.clientMeters?'api-calls'??0?.records    missing",
        ],
    ),
    (
        AnswersCreated,
        [
            "  response of ingestMeterEvents breaks its description (1 violation)",
            "    status  201 is not documented for ingestMeterEvents (it has 200, 400, 401)",
        ],
    ),
    (
        AnswersText,
        [
            "  response of ingestMeterEvents breaks its description (1 violation)",
            "    header Content-Type  text/plain; application/json is due",
        ],
    ),
    (
        AnswersNoJson,
        [
            "  response of queryUsage breaks its description (1 violation)",
            "    $  the body is no JSON: *",
        ],
    ),
    (
        AnswersNotANumber,
        [
            "  response of queryUsage breaks its description (1 violation)",
            "    $  the body is no JSON: `NaN` is no JSON number",
        ],
    ),
]


@pytest.fixture
def _workflow(write: Write) -> None:
    write("workflows/ingest.arazzo.yaml", INGEST_AND_QUERY)


@pytest.mark.usefixtures("_workflow")
@pytest.mark.parametrize(
    ("service", "block"), WRONG_USAGE, ids=[kind.__name__ for kind, _ in WRONG_USAGE]
)
def test_wrong_usage_is_named(
    run_serially: Run, service: type[MeteringService], block: list[str]
) -> None:
    """Usage that is not what was sent fails, and the text says what is wrong with it."""
    with service() as wrong:
        result = run_serially("--amberflo-target", wrong.url, *_FAST)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(block, consecutive=True)


@pytest.mark.usefixtures("_workflow")
@pytest.mark.parametrize(
    ("service", "block"), BROKEN_CONTRACTS, ids=[kind.__name__ for kind, _ in BROKEN_CONTRACTS]
)
def test_broken_contract_is_named(
    run_serially: Run, service: type[MeteringService], block: list[str]
) -> None:
    """An answer that breaks its description fails with path, value and rule of each violation."""
    with service() as wrong:
        result = run_serially("--amberflo-target", wrong.url, *_FAST)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(block, consecutive=True)


@pytest.mark.usefixtures("_workflow")
def test_a_right_service_passes(run_serially: Run) -> None:
    """The service that the wrong ones are made from is right."""
    with MeteringService() as right:
        result = run_serially("--amberflo-target", right.url, *_FAST)
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        [f"amberflo: 1 judged on {right.url}; 1 event sent, 0 re-sent; usage right in 1 of 1; *"]
    )


@pytest.mark.usefixtures("_workflow")
def test_wrong_key_is_named(run_serially: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that the service refuses fails the item, and the text says where the key is from."""
    monkeypatch.setenv("AMBERFLO_API_KEY", "not-the-right-key")
    with AsksForAKey() as strict:
        result = run_serially("--amberflo-target", strict.url, *_FAST)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "  criterion 1 of 1 failed:  $statusCode == 200",
            "      $statusCode is 401",
            "  The service refused the key "
            "(AMBERFLO_API_KEY from the environment, 17 characters).",
        ],
        consecutive=True,
    )
    result.stdout.no_fnmatch_line("*not-the-right-key*")


def test_missing_key_is_a_broken_request(write: Write, run_serially: Run) -> None:
    """A step that sends no key breaks the description, and nothing is sent."""
    parameter = (
        "        parameters:\n          - name: X-API-KEY\n            in: header\n"
        "            value: $inputs.apiKey\n"
    )
    write("workflows/ingest.arazzo.yaml", edit(INGEST_AND_QUERY, (parameter, "")))
    with MeteringService() as service:
        result = run_serially("--amberflo-target", service.url, *_FAST)
        assert service.requests == []
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "  request of ingestMeterEvents breaks its description (1 violation)",
            "    header X-API-KEY  missing; security scheme ApiKeyAuth asks for it",
        ],
        consecutive=True,
    )
    result.stdout.fnmatch_lines(["  (not sent)"])


@pytest.mark.usefixtures("_workflow")
def test_no_server_is_named(run_serially: Run) -> None:
    """Where nothing listens, the text says so and names the target."""
    with MeteringService() as gone:
        url = gone.url
    result = run_serially("--amberflo-target", url, *_FAST)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            f"  {url.removeprefix('http://')} refused the connection",
            f"  Is the service running there? The target is {url}; "
            "--amberflo-target says another.",
        ],
        consecutive=True,
    )


@pytest.mark.usefixtures("_workflow")
def test_server_that_never_answers_is_named(run_serially: Run) -> None:
    """A service that takes requests and never answers ends in time."""
    with HangingService() as hanging:
        result = run_serially("--amberflo-target", hanging.url, "--amberflo-timeout", "0.3")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["  127.0.0.1:* did not answer within 0.3 s"])
    result.stdout.fnmatch_lines(["amberflo: 1 judged on *; 2 events sent, 1 re-sent (1 without*"])


class _RefusesWideQueries(MeteringService):
    """Answers of all customers at once are too large for it."""

    def usage(self, handler: BaseHTTPRequestHandler, query: dict[str, Any]) -> None:
        """Refuse a query without customers."""
        if query.get("customerFilter"):
            super().usage(handler, query)
        else:
            self.send(handler, 413, {"message": "the answer is too large"})


def test_an_answer_that_is_too_large_is_no_loss(run_serially: Run, write: Write) -> None:
    """What the item has sent is asked for alone; the refused answer stays what is wrong."""
    filtered = "            customerFilter:\n              - $inputs.customerId\n"
    write("wide.arazzo.yaml", edit(INGEST_AND_QUERY, (filtered, "")))
    with _RefusesWideQueries() as service:
        result = run_serially("--amberflo-target", service.url, "-v", "wide.arazzo.yaml")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*usage 2.5 as expected*", "*status 413*"])

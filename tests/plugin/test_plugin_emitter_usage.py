"""Usage of what a service metered, on another target too, and usage that a step expects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emitter_service import CHAT, CHAT_WORKFLOW, Call, ChatService
from metering_service import Event, MeteringService
from workflow_text import edit

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from pytest_run import Run, Write

_FAST = ("--amberflo-settle=0.4", "--amberflo-hold=0", "--amberflo-quiet=0.2")
_ONCE = "--amberflo-emitter-variants=once"
_METERING = (
    "  - {name: chat, url: chat.yaml, type: openapi}\n",
    "  - {name: chat, url: chat.yaml, type: openapi}\n"
    "  - {name: metering, url: amberflo-metering-openapi.yaml, type: openapi}\n",
)
_INPUTS = (
    "        key: {type: string}\n",
    "        key: {type: string}\n        startTimeInSeconds: {type: integer}\n"
    "        endTimeInSeconds: {type: integer}\n",
)
_OWN = ("operationId: chat\n", "operationId: $sourceDescriptions.chat.chat\n")
_QUERY = """\
      - stepId: query
        operationId: $sourceDescriptions.metering.queryUsage
        parameters:
          - {name: X-API-KEY, in: header, value: $inputs.apiKey}
        requestBody:
          payload:
            meterApiName: tokens
            startTimeInSeconds: $inputs.startTimeInSeconds
            endTimeInSeconds: $inputs.endTimeInSeconds
            aggregation: SUM
            timeGroupingInterval: DAY
            groupBy: [customerId]
            customerFilter: [$inputs.customerId]
        x-amberflo:
          usage:
            - {value: EXPECTED, group: {customerId: $inputs.customerId}}
"""


def _query(expected: str) -> str:
    return edit(CHAT_WORKFLOW, _METERING, _INPUTS, _OWN) + _QUERY.replace("EXPECTED", expected)


def _put(write: Write, service: ChatService, text: str = CHAT_WORKFLOW) -> None:
    write("chat.yaml", CHAT.replace("URL", service.url))
    write("talk.arazzo.yaml", text)


class CountsTwice(ChatService):
    """Sends a second event under another id."""

    def meter(self, call: Call, event: dict[str, Any]) -> None:
        """Two records."""
        self.post(call, event)
        self.post(call, event | {"uniqueId": "again"})


def test_on_another_target_usage_alone_is_judged(write: Write, run: Run) -> None:
    """The report says what could not be seen; faults cannot be had there."""
    with ChatService() as service, MeteringService() as target:
        _put(write, service)
        both = "--amberflo-emitter-variants=once,slow"
        result = run(*_FAST, "--amberflo-target", target.url, both, "-v", "-rs")
    result.assert_outcomes(passed=1, skipped=1)
    result.stdout.fnmatch_lines(
        [
            "    chat  POST /chat  200 * 1 event judged by usage alone: what the service "
            "sent cannot be seen there (unique ids, times, dimensions, copies, which call)  "
            "usage 3 as expected*",
        ]
    )
    result.stdout.fnmatch_lines(["*only the embedded server can be made to fail*"])


def test_wrong_usage_on_another_target_fails(write: Write, run_serially: Run) -> None:
    """Too much, and nothing."""
    with CountsTwice() as service, MeteringService() as target:
        _put(write, service)
        result = run_serially(*_FAST, "--amberflo-target", target.url)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["usage of meter tokens: 3 expected, 6 seen.*"])

    class Silent(ChatService):
        def meter(self, call: Call, event: dict[str, Any]) -> None:
            """Nothing at all."""

    with Silent() as silent, MeteringService() as target:
        _put(write, silent)
        result = run_serially(*_FAST, "--amberflo-target", target.url)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["usage of meter tokens: 3 expected, 0 seen.*"])


def test_a_fixed_customer_elsewhere_is_unverified(write: Write, run_serially: Run) -> None:
    """Nobody knows what usage was before."""
    with ChatService() as service, MeteringService() as target:
        _put(write, service)
        arguments = ("--amberflo-target", target.url, "--amberflo-input=customerId=acme")
        result = run_serially(*_FAST, *arguments)
    result.stdout.fnmatch_lines(
        ["step chat: usage of customer acme from before is not known*", "* 1 unverified in *"]
    )


def test_a_step_says_what_usage_it_expects(write: Write, run_serially: Run) -> None:
    """The sum of the cells that it names, once everything has been sent."""
    with ChatService() as service:
        _put(
            write,
            service,
            edit(
                _query("$steps.chat.outputs.tokens"),
                (
                    "        x-amberflo:\n          meters:",
                    "        outputs: {tokens: $response.body#/tokens}\n"
                    "        x-amberflo:\n          meters:",
                ),
            ),
        )
        result = run_serially(*_FAST, _ONCE, "-v")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["    query  POST /usage  200 * usage 3 as the step expects"])


def test_usage_that_a_step_does_not_expect_fails(write: Write, run_serially: Run) -> None:
    """With both numbers; what cannot be asked is an error."""
    with ChatService() as service:
        _put(write, service, _query("4"))
        result = run_serially(*_FAST, _ONCE)
        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines(
            [
                "step query: usage of meter tokens, customerId pt-*-1: the step expects 4, 3 is "
                "shown.",
            ]
        )
        _put(write, service, _query("3").replace("group: {customerId", "group: {region"))
        result = run_serially(*_FAST, _ONCE)
    result.stdout.fnmatch_lines(
        ["step query: the query does not group by `region`, but by customerId"]
    )


_TWINS = """\
arazzo: 1.0.1
info: {title: Twins, version: 1.0.0}
sourceDescriptions:
  - {name: metering, url: amberflo-metering-openapi.yaml, type: openapi}
workflows:
  - workflowId: twins
    inputs:
      type: object
      required: [apiKey, customerId, meterTimeInMillis, startTimeInSeconds, endTimeInSeconds]
      properties:
        apiKey: {type: string, format: password}
        customerId: {type: string}
        meterTimeInMillis: {type: integer}
        startTimeInSeconds: {type: integer}
        endTimeInSeconds: {type: integer}
    parameters: [{name: X-API-KEY, in: header, value: $inputs.apiKey}]
    steps:
      - stepId: first
        operationId: ingestMeterEvents
        requestBody:
          payload: &event
            meterApiName: api-calls
            customerId: $inputs.customerId
            meterValue: 1
            meterTimeInMillis: $inputs.meterTimeInMillis
      - stepId: second
        operationId: ingestMeterEvents
        requestBody:
          payload: *event
      - stepId: query
        operationId: queryUsage
        requestBody:
          payload:
            meterApiName: api-calls
            startTimeInSeconds: $inputs.startTimeInSeconds
            endTimeInSeconds: $inputs.endTimeInSeconds
            aggregation: SUM
            timeGroupingInterval: DAY
            customerFilter: [$inputs.customerId]
        x-amberflo: {usage: [{value: 2}]}
"""


def test_twins_are_no_loss_of_the_service(write: Write, run_serially: Run) -> None:
    """Two steps that sent one record between them: nothing tells the events apart."""
    write("twins.arazzo.yaml", _TWINS)
    result = run_serially(*_FAST)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "step query: usage of meter api-calls: the step expects 2, 1 is shown. step first and "
            "step second sent the same record, 1 at * of meter api-calls: your events have *",
        ]
    )


class Delayed(MeteringService):
    """Shows what it has with the third query."""

    def visible(self) -> list[Event]:
        """Nothing at first."""
        return list(self.stored) if self.usage_queries > 2 else []

    def store(self, events: Iterable[Event]) -> None:
        """Keep all."""
        self.stored.extend(events)


def test_expected_usage_is_waited_for(write: Write, run_serially: Run) -> None:
    """As long as it may take to settle."""
    write("twins.arazzo.yaml", _TWINS.replace("- {value: 2}", "- {value: 2}"))
    with Delayed() as target:
        text = _TWINS.replace("meterValue: 1\n", "meterValue: 1\n            uniqueId: a\n")
        text = text.replace("&event", "").replace(
            "payload: *event",
            "payload: {meterApiName: api-calls, customerId: $inputs.customerId, meterValue: 1, "
            "meterTimeInMillis: $inputs.meterTimeInMillis, uniqueId: b}",
        )
        write("twins.arazzo.yaml", text)
        result = run_serially("--amberflo-hold=0", "--amberflo-target", target.url)
    result.assert_outcomes(passed=1)

"""Workflows that say what calls to one's own service must meter."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from emitter_service import CHAT, CHAT_WORKFLOW, Call, ChatService
from workflow_text import edit

if TYPE_CHECKING:
    from pytest_run import Run, Write

_FAST = ("--amberflo-quiet=0.2", "--amberflo-settle=0.6")
_ONCE = "--amberflo-emitter-variants=once"
_ALL = "--amberflo-emitter-variants=once,unavailable,throttled,lost-answer,down,slow,repeat"
_KEYED = (
    "    parameters:\n",
    "    parameters:\n      - {name: Idempotency-Key, in: header, value: $inputs.key}\n",
)
_ROWS = (
    "      inputs: {ingest",
    "      rows: [{id: a}, {id: b}, {id: c}, {id: d}]\n      inputs: {ingest",
)


def _put(write: Write, service: ChatService, *changes: tuple[str, str]) -> None:
    write("chat.yaml", CHAT.replace("URL", service.url))
    write("talk.arazzo.yaml", edit(CHAT_WORKFLOW, *changes))


def test_a_right_service_is_right_in_every_variant(write: Write, run_serially: Run) -> None:
    """Each is an item of its own; the service sends again until it is taken."""
    with ChatService(tries=200) as service:
        _put(write, service, _KEYED)
        result = run_serially("-n", "2", "-v", _ALL, "--amberflo-quiet=0.2")
    result.assert_outcomes(passed=7)
    for variant in ("once", "unavailable", "throttled", "lost-answer", "down", "slow", "repeat"):
        result.stdout.fnmatch_lines([f"*talk.arazzo.yaml::talk::{variant}*"])
    result.stdout.fnmatch_lines(
        [
            "    chat  POST /chat  200 * 1 event metered once each  usage 3 as expected *",
            "amberflo: 7 judged on embedded; 0 events sent, 0 re-sent; 7 due from services *",
        ]
    )
    assert service.requests == 7  # the repeated call is answered from its key


def test_items_side_by_side_do_not_hear_each_other(write: Write, run: Run) -> None:
    """Four rows in two variants, each with a customer of its own, on one server."""
    with ChatService() as service:
        _put(write, service, _ROWS)
        run(*_FAST, "--amberflo-emitter-variants=once,lost-answer").assert_outcomes(passed=8)


@dataclass
class Faulty(ChatService):
    """Changes what it sends again, or meters in some other way, as a test says."""

    resent: Any = None
    metered: Any = None

    def change(self, event: dict[str, Any]) -> dict[str, Any]:
        """What the test makes of it."""
        return event if self.resent is None else self.resent(event)

    def meter(self, call: Call, event: dict[str, Any]) -> None:
        """As the test has it."""
        if self.metered is None:
            super().meter(call, event)
        else:
            self.metered(self, call, event)


def test_a_new_id_on_retry_is_told_with_calls_and_events(write: Write, run_serially: Run) -> None:
    """The finding, a table of calls, what was due and what came, and every request to ingest."""
    with Faulty(resent=lambda event: event | {"uniqueId": "retry-1"}) as service:
        _put(write, service)
        result = run_serially(*_FAST, "--amberflo-emitter-variants=lost-answer")
    result.assert_outcomes(failed=1)
    first = "tokens 3 at * (uniqueId chat-*-1)"
    result.stdout.fnmatch_lines(
        [
            "*_ talk::lost-answer _*",
            f"chat: the retry minted a new uniqueId: {first}*",
            "",
            "talk.arazzo.yaml:21  step chat",
            "",
            f"  chat: the retry minted a new uniqueId: {first} and 3 at * (uniqueId retry-1) are "
            "two records.",
            "",
            "    call                   due                                     * came",
            "    chat  POST /chat 200   tokens 3  uniqueId=chat-*-1  model=small   tokens 3  "
            "uniqueId=chat-*-1  model=small  customer=pt-*-1  at ??:??:??.???",
            "      *   not due * tokens 3  uniqueId=retry-1  model=small  customer=pt-*-1  at *",
            "",
            "  requests to ingest",
            "    ??:??:??.???  1 event  no answer, kept",
            "    ??:??:??.???  1 event  200",
            "",
            "     19        - {name: X-Api-Key, in: header, value: $inputs.apiKey}",
            "     20      steps:",
            "  >  21        - stepId: chat",
            "     22          operationId: chat",
            "",
            f"  request   POST {service.url}/chat *",
        ],
        consecutive=True,
    )


def _twice(service: ChatService, call: Call, event: dict[str, Any]) -> None:
    service.post(call, event)
    service.post(call, event | {"uniqueId": event["uniqueId"] + "-again"})


def _later(service: ChatService, call: Call, event: dict[str, Any]) -> None:
    threading.Thread(target=ChatService.meter, args=(service, call, event)).start()


def _never(*_: Any) -> None:
    pass


def _flood(service: ChatService, call: Call, event: dict[str, Any]) -> None:
    service.post(call, *({**event, "uniqueId": f"e{number}"} for number in range(600)))


@pytest.mark.parametrize(
    ("variant", "changed", "headline"),
    [
        ("lost-answer", {"resent": lambda e: e | {"meterTimeInMillis": int(time.time() * 1000)}},
         "chat: the retry re-stamped the time: two records, * ms apart: tokens 3 at *"),
        ("lost-answer",
         {"resent": lambda e: e | {"uniqueId": "late"}, "metered": _later, "pause_s": 0.5},
         "chat: the retry minted a new uniqueId: tokens 3 at *"),
        ("unavailable", {"tries": 2}, "chat: the batch was dropped after 2 tries: tokens 3 *503*"),
        ("down", {"tries": 3}, "chat: the batch was dropped after 3 tries: tokens 3 *no answer*"),
        ("throttled", {"tries": 1}, "chat: lost: tokens 3 * was sent once, was answered 429,*"),
        ("once", {"metered": _twice}, "chat: metered twice: the second minted a new uniqueId:*"),
        ("once", {"metered": _never}, "chat: tokens 3 was due, and nothing at all came."),
        ("once", {"metered": _flood}, "flood: 1 event was due, and 600 came within * s*"),
    ],
    ids=["restamp", "late", "two-tries", "three-tries", "one-try", "twice", "never", "flood"],
)  # fmt: skip
def test_a_mistake_is_the_headline(
    write: Write, run_serially: Run, variant: str, changed: dict[str, Any], headline: str
) -> None:
    """What the sender did, and in time."""
    with Faulty(**changed) as service:
        _put(write, service)
        started = time.monotonic()
        options = ("--amberflo-settle=0.3", "--amberflo-quiet=0.2")
        result = run_serially(*options, f"--amberflo-emitter-variants={variant}")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"*_ talk::{variant} _*", headline])
    assert time.monotonic() - started < 20


_REFUSED = (
    "        x-amberflo:\n          meters:\n",
    "        x-amberflo:\n          meters: []\n        successCriteria:\n"
    "          - condition: $statusCode == 402\n      - stepId: more\n        operationId: chat\n"
    "        requestBody:\n          payload: {customer: $inputs.customerId, text: one word}\n"
    "        x-amberflo:\n          meters:\n",
)


def test_a_call_that_is_to_meter_nothing(write: Write, run_serially: Run) -> None:
    """An empty list says so, and an event at the time of the call is its."""
    silent = ("text: three short words", 'text: ""')

    class MetersFailures(ChatService):
        def chat(self, call: Call) -> tuple[int, Any]:
            if call.text == "":
                self.meter(call, self.make_event(call, "failed", 0))
            return super().chat(call)

    with ChatService() as service:
        _put(write, service, _REFUSED, silent)
        run_serially(*_FAST, _ONCE).assert_outcomes(passed=1)
    with MetersFailures() as service:
        _put(write, service, _REFUSED, silent)
        result = run_serially(*_FAST, _ONCE)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "chat: tokens 0 at * (uniqueId failed) came, and the call (POST /chat 402) is to "
            "meter nothing.",
        ]
    )


@dataclass
class Holding(ChatService):
    """Keeps events until it is told to send them."""

    def __post_init__(self) -> None:
        self.held: list[tuple[Call, dict[str, Any]]] = []

    def meter(self, call: Call, event: dict[str, Any]) -> None:
        """Hold it back."""
        self.held.append((call, event))

    def flush(self) -> None:
        """Send what is held."""
        held, self.held = self.held, []
        for call, event in held:
            super().meter(call, event)


def test_a_flush_step_has_the_service_send(write: Write, run_serially: Run) -> None:
    """Where it stands, and once more where calls came after it."""
    flush = "      - stepId: flushIt\n        operationId: flush\n"
    named = (
        "    x-amberflo:\n      inputs",
        "    x-amberflo:\n      flush: flushIt\n      inputs",
    )
    after = edit(CHAT_WORKFLOW, named) + flush
    before = edit(CHAT_WORKFLOW, named, ("    steps:\n", "    steps:\n" + flush))
    for text in (after, before):
        with Holding() as service:
            write("chat.yaml", CHAT.replace("URL", service.url))
            write("talk.arazzo.yaml", text)
            run_serially(*_FAST, _ONCE).assert_outcomes(passed=1)
    with Holding() as service:
        _put(write, service)
        result = run_serially(*_FAST, _ONCE)
    result.stdout.fnmatch_lines(["chat: tokens 3 was due, and nothing at all came."])


def test_hooks_flush_and_restart(write: Write, run_serially: Run) -> None:
    """A conftest says how; what was in memory and is not sent before a restart is lost."""
    flush = (
        "import httpx\n\n"
        "def pytest_amberflo_flush_emitter(item):\n"
        "    httpx.post('URL/flush')\n\n"
        "def pytest_amberflo_restart_emitter(item):\n"
        "    httpx.post('URL/flush')\n"
        "    return True\n"
    )
    two = ("      - stepId: chat\n", "      - stepId: chat\n")
    with Holding() as service:
        _put(write, service, two)
        write("conftest.py", flush.replace("URL", service.url))
        result = run_serially(*_FAST, "--amberflo-emitter-variants=once,restart")
    result.assert_outcomes(passed=2)


def test_a_command_restarts_the_service(write: Write, run_serially: Run) -> None:
    """One that fails is an error of the item; without one the variant is skipped."""
    restart = "--amberflo-emitter-variants=restart"
    with Holding() as service:
        _put(write, service)
        result = run_serially(*_FAST, restart, "-rs")
        result.assert_outcomes(skipped=1)
        result.stdout.fnmatch_lines(["*nobody says how to restart*--amberflo-emitter-restart*"])
        result = run_serially(
            *_FAST, restart, "--amberflo-emitter-restart=sh -c 'echo no; exit 3'"
        )
        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines(["*was to restart the service and ended with 3: no*"])
        result = run_serially(*_FAST, restart, "--amberflo-emitter-restart=true")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["chat: lost flush: tokens 3 was due, and never came: *"])


def test_what_a_variant_needs_and_does_not_have(write: Write, run_serially: Run) -> None:
    """By default it is left out; a user who names it is told."""
    with ChatService() as service:
        _put(write, service)
        result = run_serially("--collect-only", "-q")
        lines = [line.split("::")[-1] for line in result.outlines if "::talk::" in line]
        assert lines == ["once", "unavailable", "throttled", "lost-answer", "down", "slow"]
        result = run_serially(*_FAST, "--amberflo-emitter-variants=repeat", "-rs")
        result.assert_outcomes(skipped=1)
        result.stdout.fnmatch_lines(["*no call has a header Idempotency-Key*"])
        fixed = ("customer: $inputs.customerId\n", "customer: $response.body#/id\n")
        write("talk.arazzo.yaml", edit(CHAT_WORKFLOW, fixed).replace("customerId", "who"))
        result = run_serially("--amberflo-emitter-variants=slow", "-rs", "--amberflo-input=who=x")
        result.assert_outcomes(skipped=1)
        result.stdout.fnmatch_lines(["*whom the call is metered for is not known before*"])
        result = run_serially("--amberflo-emitter-variants=slaw")
        result.stderr.fnmatch_lines(
            ["*emitter-variants: `slaw` is unknown; did you mean `slow`?*"]
        )


def test_the_trace_has_what_was_declared_and_received(
    pytester: pytest.Pytester, write: Write, run_serially: Run
) -> None:
    """Every request to ingest with its events, and the findings."""
    with Faulty(resent=lambda event: event | {"uniqueId": "retry-1"}) as service:
        _put(write, service)
        files = ("--amberflo-trace=trace.json", "--junitxml=junit.xml")
        run_serially(*_FAST, "--amberflo-emitter-variants=lost-answer", *files)
    junit = (pytester.path / "junit.xml").read_text(encoding="utf-8")
    assert 'name="amberflo_events_due" value="1"' in junit
    assert 'name="amberflo_events_heard" value="2"' in junit
    trace = json.loads((pytester.path / "trace.json").read_text(encoding="utf-8"))
    metering = trace["workflows"][0]["metering"]
    (declared,) = metering["declared"]
    assert (declared["step"], declared["meter"], declared["value"]) == ("chat", "tokens", "3")
    assert [
        (one["answer"], one["kept"], one["events"][0]["uniqueId"].partition("-")[0])
        for one in metering["received"]
    ] == [("no answer", True, "chat"), ("200", True, "retry")]
    assert [one["kind"] for one in metering["findings"]] == ["duplicate"]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (("meter: tokens", "metre: tokens"), "`meters` has no `metre`; it takes meter,*"),
        (("$response.body#/tokens", "$respons.body#/tokens"), "`$respons.body#/tokens` does not*"),
        (("$inputs.customerId\n", "$inputs.customer\n"), "*has no input `customer`"),
        (("$response.body#/id", "$steps.chatt.outputs.id"), "*there is no step `chatt`"),
        (("{model: small}", "[small]"), "`dimensions` is an array; an object is due"),
        (("value: $response.body#/tokens", "value: [1]"), "`value` is an array;*"),
        (("      inputs: {ingest", "      flush: chatt\n      inputs: {ingest"),
         "there is no step `chatt` that calls an operation"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_meters_is_told_at_collection(
    write: Write, run_serially: Run, change: tuple[str, str], problem: str
) -> None:
    """With file, line and column; nothing is sent."""
    with ChatService() as service:
        _put(write, service, change)
        result = run_serially()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([f"*talk.arazzo.yaml:*:*  {problem}"])
    assert service.requests == 0


def test_meters_are_not_for_calls_to_amberflo_itself(write: Write, run_serially: Run) -> None:
    """An ingest is in the ledger anyway."""
    write(
        "own.arazzo.yaml",
        "arazzo: 1.0.1\ninfo: {title: t, version: '1'}\n"
        "sourceDescriptions: [{name: m, url: amberflo-metering-openapi.yaml, type: openapi}]\n"
        "workflows:\n  - workflowId: w\n    steps:\n      - stepId: send\n"
        "        operationId: ingestMeterEvents\n        x-amberflo: {meters: []}\n",
    )
    result = run_serially()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        ["own.arazzo.yaml:9:*`meters` is for calls to your own service, and this step ingests *"]
    )


def test_a_customer_that_others_use_is_judged_by_events(write: Write, run_serially: Run) -> None:
    """What usage of it has to be is not known."""
    rows = ("      inputs: {ingest", "      rows: [{id: a}, {id: b}]\n      inputs: {ingest")
    with ChatService() as service:
        _put(write, service, rows)
        result = run_serially(*_FAST, _ONCE, "--amberflo-input=customerId=acme", "-v")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["    chat  POST /chat  200 * 1 event metered once each"])


def test_a_value_that_is_none_is_an_error(write: Write, run_serially: Run) -> None:
    """The answer has no such member, or something that is no number."""
    with ChatService() as service:
        _put(write, service, ("$response.body#/tokens", "$response.body#/token"))
        result = run_serially(*_FAST, _ONCE)
        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines(["*`value` of `meters` has no value: *no member `token`*"])
        _put(write, service, ("$response.body#/tokens", "$response.body#/id"))
        result = run_serially(*_FAST, _ONCE)
    result.stdout.fnmatch_lines(["step chat: `value` of `meters` is `chat-*`; a number is due"])

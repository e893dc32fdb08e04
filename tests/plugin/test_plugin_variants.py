"""The ways a workflow that ingests is run, and the faults that each of them finds."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from metering_service import Event, MeteringService
from workflow_text import INGEST_AND_QUERY, edit

if TYPE_CHECKING:
    from collections.abc import Iterable
    from http.server import BaseHTTPRequestHandler

    from pytest_run import Run, Write

_FAST = ("--amberflo-settle=0.3", "--amberflo-hold=0", "-q", "-rA", "--tb=no")
_ALL = ("once", "replay", "concurrent", "batch", "lost-ack", "distinct")


@pytest.fixture(autouse=True)
def _workflow(write: Write) -> None:
    write("ingest.arazzo.yaml", INGEST_AND_QUERY)


class CountsCopies(MeteringService):
    """Knows no duplicates."""

    def store(self, events: Iterable[Event]) -> None:
        """Keep everything."""
        self.stored.extend(events)


class ComparesText(MeteringService):
    """Takes the same values in another text for another record."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: set[bytes] = set()

    def answer(
        self, handler: BaseHTTPRequestHandler, path: str, headers: dict[str, str], body: bytes
    ) -> None:
        """Store a body that was not seen before."""
        if not path.endswith("/ingest"):
            super().answer(handler, path, headers, body)
            return
        with self.lock:
            data = json.loads(body)
            if body not in self.texts:
                self.texts.add(body)
                self.stored.extend(data if isinstance(data, list) else [data])
        self.send(handler, 200, "1 records were ingested")


class LooksThenStores(MeteringService):
    """Leaves a moment between looking for a duplicate and storing."""

    def ingest(self, handler: BaseHTTPRequestHandler, data: Any) -> None:
        """Look, dawdle, store."""
        events = data if isinstance(data, list) else [data]
        new = [event for event in events if event not in self.stored]
        time.sleep(0.05)
        self.stored.extend(new if len(new) < 2 or new[0] != new[1] else new[:1])
        self.send(handler, 200, f"{len(events)} records were ingested")


class TrustsBatches(MeteringService):
    """Compares a batch with what is stored, and not with itself."""

    def store(self, events: Iterable[Event]) -> None:
        """Keep what is new, however often it is in the batch."""
        self.stored.extend([event for event in events if event not in self.stored])


class ForgetsOnHangUp(MeteringService):
    """Takes a record for lost when its answer could not be delivered, and counts the retry."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Event] = []

    def ingest(self, handler: BaseHTTPRequestHandler, data: Any) -> None:
        """Store; look whether the client still listens."""
        self.stored.append(data)
        self.send(handler, 200, "1 records were ingested")
        handler.connection.settimeout(0.2)
        try:
            is_gone = handler.connection.recv(1) == b""
        except TimeoutError:
            is_gone = False
        if not is_gone and self.stored.count(data) > 1:
            self.stored.remove(data)
        handler.close_connection = True


class LeavesOut(MeteringService):
    """Leaves one attribute out of the comparison."""

    attribute = ""

    def store(self, events: Iterable[Event]) -> None:
        """Keep what differs in anything else."""
        for event in events:
            if not any(self._rest(event) == self._rest(other) for other in self.stored):
                self.stored.append(event)

    def _rest(self, event: Event) -> Event:
        return {name: value for name, value in event.items() if name != self.attribute}


class ComparesIds(MeteringService):
    """Takes the unique id alone for the record, whoever's it is."""

    def store(self, events: Iterable[Event]) -> None:
        """Keep one record an id."""
        for event in events:
            if all(event["uniqueId"] != other["uniqueId"] for other in self.stored):
                self.stored.append(event)


def _leaves_out(name: str) -> type[MeteringService]:
    return type(f"LeavesOut{name}", (LeavesOut,), {"attribute": name})


def _verdicts(result: pytest.RunResult) -> dict[str, str]:
    """The verdict of each variant, by its name."""
    found: dict[str, str] = {}
    for line in result.outlines:
        word, _, rest = line.partition(" ")
        if "::" in rest and word in ("PASSED", "FAILED", "UNVERIFIED"):
            found[rest.split(" ")[0].rpartition("::")[2]] = word
    return found


@pytest.mark.parametrize(
    ("service", "red"),
    [
        (MeteringService, set()),
        (CountsCopies, {"replay", "concurrent", "batch", "lost-ack"}),
        (ComparesText, {"replay", "batch"}),
        (LooksThenStores, {"concurrent"}),
        (TrustsBatches, {"batch"}),
        (ComparesIds, {"distinct"}),
        (_leaves_out("meterTimeInMillis"), {"distinct"}),
        (_leaves_out("meterValue"), {"distinct"}),
        (_leaves_out("dimensions"), {"distinct"}),
        (_leaves_out("uniqueId"), {"distinct"}),
        (_leaves_out("customerId"), {"distinct"}),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_each_variant_finds_its_fault(
    run_serially: Run, service: type[MeteringService], red: set[str]
) -> None:
    """A right service passes in every variant; a wrong one fails where its fault shows."""
    with service() as target:
        result = run_serially(
            "--amberflo-target", target.url, "--amberflo-variants=" + ",".join(_ALL), *_FAST
        )
    verdicts = _verdicts(result)
    assert set(verdicts) == set(_ALL)
    assert {name for name, verdict in verdicts.items() if verdict != "PASSED"} == red


def test_all_variants_are_the_default(pytester: pytest.Pytester) -> None:
    """On this machine a workflow that ingests is run in every way; each is an item."""
    result = pytester.runpytest("-v", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=6)
    for name in _ALL:
        result.stdout.fnmatch_lines(
            [f"ingest.arazzo.yaml::ingest-and-query-usage::{name} PASSED*"]
        )


def test_a_replay_says_how_often_it_was_sent(run: Run) -> None:
    """The text names copies and the last connection."""
    with CountsCopies() as wrong:
        result = run("--amberflo-target", wrong.url, "--amberflo-variants=replay", *_FAST[:2])
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["  *2.5 *10 *+7.5"])
    result.stdout.fnmatch_lines(["  One record was counted 4 times*It was sent 4 times*"])


@pytest.mark.parametrize("variant", _ALL[1:])
def test_a_fixed_customer_is_run_once(run_serially: Run, variant: str) -> None:
    """Copies for a customer that others may use prove nothing: skipped, with the reason."""
    result = run_serially(
        "--amberflo-input=customerId=acme", f"--amberflo-variants=once,{variant}", "-rs"
    )
    result.assert_outcomes(passed=1, skipped=1)
    result.stdout.fnmatch_lines(["SKIPPED *the customer is fixed: acme"])


def test_a_description_without_arrays_skips_the_batch(write: Write, run_serially: Run) -> None:
    """Who takes single events only is not sent arrays."""
    from pytest_amberflo.openapi.catalog import SHIPPED  # noqa: PLC0415  the shipped text

    text = (SHIPPED / "amberflo-metering-openapi.yaml").read_text(encoding="utf-8")
    start = text.index("            schema:\n", text.index("ingestMeterEvents"))
    end = text.index("      responses:", start)
    single = '            schema: {$ref: "#/components/schemas/MeterEvent"}\n'
    write("openapi/amberflo-metering-openapi.yaml", text[:start] + single + text[end:])
    write("workflows/ingest.yaml", INGEST_AND_QUERY)
    result = run_serially("workflows", "--amberflo-variants=once,batch", "-rs")
    result.assert_outcomes(passed=1, skipped=1)
    result.stdout.fnmatch_lines(["SKIPPED *the description takes no array of events"])


def test_a_workflow_chooses_its_variants(write: Write, run_serially: Run) -> None:
    """`x-amberflo.variants` narrows what is run."""
    anchor = "    summary: Send one event, then read the customer's usage of that day.\n"
    chosen = f"{anchor}    x-amberflo: {{variants: [replay, batch]}}\n"
    write("ingest.arazzo.yaml", edit(INGEST_AND_QUERY, (anchor, chosen)))
    result = run_serially("--amberflo-variants=once,replay,batch,distinct", "-v")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["*::replay PASSED*", "*::batch PASSED*"])


def _ingest_only() -> str:
    start = INGEST_AND_QUERY.index("      - stepId: queryUsage")
    end = INGEST_AND_QUERY.index("    outputs:\n      ingestResult: $steps")
    text = INGEST_AND_QUERY[:start] + INGEST_AND_QUERY[end:]
    return edit(text, ("      clientMeters: $steps.queryUsage.outputs.clientMeters\n", ""))


class Loses(MeteringService):
    """Accepts the event and forgets it."""

    def store(self, events: Iterable[Event]) -> None:
        """Keep nothing."""


def test_a_workflow_that_only_ingests_is_looked_after(write: Write, run_serially: Run) -> None:
    """Queries of our own tell whether what was sent counts."""
    write("ingest.arazzo.yaml", _ingest_only())
    result = run_serially("-v")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        ["    ingestEvent  POST /ingest  200  *  usage 2.5 as expected  usage 1 as expected"]
    )
    with Loses() as wrong:
        result = run_serially("--amberflo-target", wrong.url, *_FAST[:2])
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["  The event of 2.5 at * was lost*"])
    result.stdout.fnmatch_lines([f"  request   POST {wrong.url}/usage *"])


@pytest.mark.parametrize(
    ("change", "value"),
    [
        (("aggregation: SUM", "aggregation: MAX"), "2.5"),
        (("aggregation: SUM", "aggregation: SUM"), "0"),
    ],
)
def test_what_a_query_cannot_show_is_looked_after(
    write: Write, run_serially: Run, change: tuple[str, str], value: str
) -> None:
    """A maximum hides a copy, a sum a zero; a count does not."""
    write("ingest.arazzo.yaml", edit(INGEST_AND_QUERY, change))
    given = (f"--amberflo-input=meterValue={value}", "--amberflo-variants=replay", *_FAST[:2])
    run_serially(*given).assert_outcomes(passed=1)
    with CountsCopies() as wrong:
        result = run_serially("--amberflo-target", wrong.url, *given)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*counted 4 times*"])


def test_what_nobody_can_ask_for_is_unverified(write: Write, run_serially: Run) -> None:
    """Usage of no customer cannot be told from that of others: red, with the reason."""
    anchor = "            customerId: $inputs.customerId\n"
    write("ingest.arazzo.yaml", edit(_ingest_only(), (anchor, "")))
    result = run_serially("-v")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.re_match_lines([r".*(once UNVERIFIED|UNVERIFIED .*::once).*"])
    result.stdout.fnmatch_lines(
        [
            "  Nothing wrong was seen, and nothing could have been:",
            "    no usage query would show it if 2.5 at * (uniqueId *) of meter api-calls "
            "were lost",
        ],
        consecutive=True,
    )
    result.stdout.fnmatch_lines(["amberflo: 0 judged on embedded, 1 unverified; *"])
    result.stdout.fnmatch_lines(["*= 1 unverified in *"])

"""Where the inputs of a workflow come from, and what is said of those that are wrong."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from metering_service import MeteringService
from workflow_text import INGEST_AND_QUERY, edit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_run import Run, Write

_DEFAULT = "          type: number\n"
_REGION = edit(
    INGEST_AND_QUERY,
    (
        "        - endTimeInSeconds\n",
        "        - endTimeInSeconds\n        - region\n        - planId\n",
    ),
    (
        "        uniqueId:\n",
        "        region: {type: string, description: Where the customer lives}\n"
        "        planId: {type: integer}\n"
        "        uniqueId:\n",
    ),
)


@pytest.fixture
def service() -> Iterator[MeteringService]:
    """A right service that keeps what it was sent."""
    with MeteringService() as right:
        yield right


def _sent(service: MeteringService) -> dict[str, Any]:
    """The first event that was sent."""
    event: dict[str, Any] = json.loads(service.ingested[0])
    return event


def test_everything_has_a_source_of_its_own(
    write: Write, run: Run, service: MeteringService
) -> None:
    """Without a word from the user, every input of the workflow is given, the value with 2.5."""
    write("ingest.arazzo.yaml", INGEST_AND_QUERY)
    run("--amberflo-target", service.url, "--amberflo-hold=0").assert_outcomes(passed=1)
    event = _sent(service)
    assert event["meterApiName"] == "api-calls"
    assert event["meterValue"] == 2.5
    assert event["customerId"].startswith("pt-")
    assert event["uniqueId"].startswith("evt-")
    query = json.loads(service.requests[1][3])
    start, end = query["startTimeInSeconds"], query["endTimeInSeconds"]
    assert start % 86400 == 0
    assert end == start + 86400
    assert start * 1000 <= event["meterTimeInMillis"] < end * 1000


def test_every_fixture_can_be_overridden(
    write: Write, run_serially: Run, service: MeteringService
) -> None:
    """A conftest has the key, the customer, the meter, the value, the id and the window."""
    write(
        "conftest.py",
        "import pytest\n"
        "from types import SimpleNamespace\n\n"
        "@pytest.fixture\ndef amberflo_api_key(): return 'key-of-conftest'\n"
        "@pytest.fixture\ndef amberflo_customer_id(): return 'acme'\n"
        "@pytest.fixture\ndef amberflo_meter(): return 'tokens'\n"
        "@pytest.fixture\ndef amberflo_meter_value(): return 0.125\n"
        "@pytest.fixture\ndef amberflo_unique_id(): return 'once-only'\n"
        "@pytest.fixture\ndef metering_window():\n"
        "    times = dict(start_seconds=86400, end_seconds=172800, event_millis=90000000)\n"
        "    return SimpleNamespace(**times)\n",
    )
    write("ingest.arazzo.yaml", INGEST_AND_QUERY)
    run_serially("--amberflo-target", service.url, "--amberflo-hold=0").assert_outcomes(passed=1)
    assert _sent(service) == {
        "meterApiName": "tokens",
        "customerId": "acme",
        "meterValue": 0.125,
        "meterTimeInMillis": 90000000,
        "uniqueId": "once-only",
    }
    assert service.requests[0][2]["x-api-key"] == "key-of-conftest"


def _override_inputs(write: Write, body: str) -> None:
    head = "import pytest\n\n@pytest.fixture\ndef amberflo_inputs(amberflo_inputs):\n"
    write("conftest.py", head + body)


def test_amberflo_inputs_has_the_last_word(
    write: Write, run_serially: Run, service: MeteringService
) -> None:
    """An override of the fixture beats options, and its value is checked like any other."""
    _override_inputs(write, "    return amberflo_inputs | {'meterValue': 4}\n")
    write("ingest.arazzo.yaml", INGEST_AND_QUERY)
    result = run_serially(
        "--amberflo-target", service.url, "--amberflo-hold=0", "--amberflo-input=meterValue=9"
    )
    result.assert_outcomes(passed=1)
    assert _sent(service)["meterValue"] == 4


def test_what_a_fixture_changes_is_the_items_own(
    write: Write, run_serially: Run, service: MeteringService
) -> None:
    """A list of a default, an example or the input file comes as it is written, to each item."""
    _override_inputs(
        write,
        "    for name in ('tags', 'names', 'marks'):\n"
        "        assert amberflo_inputs[name] == ['a']\n"
        "        amberflo_inputs[name].append('b')\n"
        "    return amberflo_inputs\n",
    )
    lists = (
        "        tags: {type: array, default: [a]}\n"
        "        names: {type: array, examples: [[a]]}\n"
        "        marks: {type: array}\n"
    )
    text = edit(INGEST_AND_QUERY, ("        uniqueId:\n", f"{lists}        uniqueId:\n"))
    write("one.arazzo.yaml", text)
    write("two.arazzo.yaml", text)
    write("inputs.yaml", "marks: [a]\n")
    result = run_serially(
        "--amberflo-target", service.url, "--amberflo-hold=0", "--amberflo-input-file=inputs.yaml"
    )
    result.assert_outcomes(passed=2)


def test_options_beat_files_and_files_beat_fixtures(
    write: Write, run_serially: Run, service: MeteringService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Option, then input file (also of the environment), then fixture."""
    write("ingest.arazzo.yaml", INGEST_AND_QUERY)
    write(
        "inputs.yaml",
        "meterValue: 7\nmeterApiName: of-file\ningest-and-query-usage: {uniqueId: f}\n",
    )
    monkeypatch.setenv("AMBERFLO_INPUT_FILE", "inputs.yaml")
    target = ("--amberflo-target", service.url, "--amberflo-hold=0")
    run_serially(*target, "--amberflo-input=meterApiName=of-option").assert_outcomes(passed=1)
    event = _sent(service)
    assert (event["meterValue"], event["meterApiName"], event["uniqueId"]) == (7, "of-option", "f")


def test_a_mapped_fixture_beats_defaults(
    write: Write, run_serially: Run, service: MeteringService
) -> None:
    """`x-amberflo.inputs` names the fixture of an input."""
    anchor = "    summary: Send one event, then read the customer's usage of that day.\n"
    mapped = f"{anchor}    x-amberflo: {{inputs: {{customerId: tenant}}}}\n"
    write("ingest.arazzo.yaml", edit(INGEST_AND_QUERY, (anchor, mapped)))
    write("conftest.py", "import pytest\n\n@pytest.fixture\ndef tenant(): return 'tenant-7'\n")
    run_serially("--amberflo-target", service.url, "--amberflo-hold=0").assert_outcomes(passed=1)
    assert _sent(service)["customerId"] == "tenant-7"


def test_an_absent_input_is_left_out(
    write: Write, run_serially: Run, service: MeteringService
) -> None:
    """An optional input that is not given is no member of the body: neither null nor text."""
    write("ingest.arazzo.yaml", INGEST_AND_QUERY)
    target = ("--amberflo-target", service.url, "--amberflo-hold=0")
    run_serially(*target, "--amberflo-without=uniqueId").assert_outcomes(passed=1)
    assert "uniqueId" not in _sent(service)


def test_missing_inputs_are_listed_together(
    write: Write, run_serially: Run, service: MeteringService
) -> None:
    """One error of the item names every missing input and how to give it; nothing is sent."""
    write("ingest.arazzo.yaml", _REGION)
    result = run_serially("--amberflo-target", service.url)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        [
            "ingest-and-query-usage needs 2 inputs that nothing gives:",
            '    region  string    "Where the customer lives"',
            "            --amberflo-input region=VALUE, an input file, or a row",
            "    planId  integer ",
            "            --amberflo-input planId=VALUE, an input file, or a row",
            "  or in a conftest.py:",
            "    @pytest.fixture",
            "    def amberflo_inputs(amberflo_inputs):",
            '        return amberflo_inputs | {"region": ...}',
        ],
        consecutive=True,
    )
    assert service.requests == []
    given = ("--amberflo-input=region=eu", "--amberflo-input=planId=4", "--amberflo-hold=0")
    run_serially("--amberflo-target", service.url, *given).assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (
            "--amberflo-input=meterValue=abc",
            "--amberflo-input meterValue: `abc` is no number (as JSON)",
        ),
        (
            '--amberflo-input=meterValue="abc"',
            "    meterValue: 'abc' is not of type 'number'  (from --amberflo-input meterValue)",
        ),
        (
            "--amberflo-without=customerId",
            "ingest-and-query-usage requires `customerId`: only optional inputs can be left out",
        ),
    ],
)
def test_a_wrong_input_is_an_error_of_the_item(
    write: Write, run_serially: Run, service: MeteringService, option: str, message: str
) -> None:
    """A value of the wrong type, or none where one must be, stops the item before any request."""
    write("ingest.arazzo.yaml", INGEST_AND_QUERY)
    result = run_serially("--amberflo-target", service.url, option)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([message])
    result.stdout.no_fnmatch_line("*Traceback*")
    result.stdout.no_fnmatch_line("*During handling*")
    assert service.requests == []


def test_an_input_that_no_workflow_has_is_refused(write: Write, run_serially: Run) -> None:
    """A misspelt name is no reason to run with the default."""
    write("ingest.arazzo.yaml", INGEST_AND_QUERY)
    result = run_serially("--amberflo-input=custmerId=x")
    assert result.ret != 0
    text = result.stdout.str() + result.stderr.str()
    assert (
        "--amberflo-input custmerId: no workflow has this input; did you mean `customerId`?"
        in text
    )
    assert "1 passed" not in text


def test_an_input_file_that_is_broken_is_explained(write: Write, run_serially: Run) -> None:
    """With the place in the file, as an error of the item."""
    write("ingest.arazzo.yaml", INGEST_AND_QUERY)
    write("inputs.yaml", "meterValue: 1\nmeterValue: 2\n")
    result = run_serially("--amberflo-input-file=inputs.yaml")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*inputs.yaml:2:1  `meterValue` stands here a second time; *"])


def test_every_item_has_a_customer_of_its_own(
    write: Write, run_serially: Run, service: MeteringService
) -> None:
    """Two items never share a customer or an id, also when they run in two processes."""
    for name in ("a", "b", "c", "d"):
        write(f"{name}.arazzo.yaml", INGEST_AND_QUERY)
    run_serially("--amberflo-target", service.url, "--amberflo-hold=0").assert_outcomes(passed=4)
    events = [json.loads(body) for _, path, _, body in service.requests if "ingest" in path]
    assert len({event["customerId"] for event in events}) == 4
    assert len({event["uniqueId"] for event in events}) == 4

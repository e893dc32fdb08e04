"""Whose fixture an item gets, also where the items before it had the plugin's own."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from metering_service import MeteringService
from workflow_text import INGEST_AND_QUERY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_run import Run, Write

_FILES = ("one", "three", "two")


@pytest.fixture
def service() -> Iterator[MeteringService]:
    """A right service that keeps what it was sent."""
    with MeteringService() as right:
        yield right


def run_all(
    run: Run, service: MeteringService, *arguments: str, passed: int = len(_FILES)
) -> list[dict[str, Any]]:
    """The events that were sent in a run, one an item, in order."""
    result = run("--amberflo-target", service.url, "--amberflo-hold=0", *arguments)
    result.assert_outcomes(passed=passed)
    return [json.loads(body) for body in service.ingested]


def write_all(write: Write, conftest: str = "", folder: str = ".") -> None:
    """Write a conftest and a document of each name into a folder."""
    write(f"{folder}/conftest.py", f"import pytest\n\n{conftest}\n")
    for name in _FILES:
        write(f"{folder}/{name}.arazzo.yaml", INGEST_AND_QUERY)


def test_each_item_has_values_of_its_own(
    write: Write, run_serially: Run, service: MeteringService
) -> None:
    """A customer and a unique id are new for each item, and the session's values the same."""
    write_all(write)
    events = run_all(run_serially, service)
    assert len({event["customerId"] for event in events}) == 3
    assert len({event["uniqueId"] for event in events}) == 3
    assert {event["meterApiName"] for event in events} == {"api-calls"}
    assert len({headers["x-api-key"] for _, _, headers, _ in service.requests}) == 1


#: Folder, scope of the override in its conftest, and what the override asks for besides.
_SHORT_LIVED = (
    ("function", "function", ""),
    ("function-with-base", "function", "amberflo_meter, "),
    ("module", "module", ""),
    ("class", "class", ""),
)


def _write_override(write: Write, scope: str, base: str, folder: str = ".") -> None:
    """Write an override that gives the name of the item's file, without its end."""
    write_all(
        write,
        f"@pytest.fixture(scope={scope!r})\n"
        f"def amberflo_meter({base}request): return request.node.nodeid.split('.')[0]\n",
        folder,
    )


@pytest.mark.parametrize(
    ("scope", "base"),
    [(scope, base) for _, scope, base in _SHORT_LIVED],
    ids=[name for name, *_ in _SHORT_LIVED],
)
def test_a_value_that_does_not_last_is_asked_for_again(
    write: Write, run_serially: Run, service: MeteringService, scope: str, base: str
) -> None:
    """An override may give another value to each item, or file."""
    _write_override(write, scope, base)
    meters = [event["meterApiName"] for event in run_all(run_serially, service)]
    assert sorted(meters) == sorted(_FILES)


def test_values_that_do_not_last_side_by_side(
    write: Write, run: Run, service: MeteringService
) -> None:
    """Each folder has an override of another life."""
    for folder, scope, base in _SHORT_LIVED:
        _write_override(write, scope, base, folder)
    events = run_all(run, service, passed=len(_SHORT_LIVED) * len(_FILES))
    files = [f"{folder}/{file}" for folder, *_ in _SHORT_LIVED for file in _FILES]
    assert sorted(event["meterApiName"] for event in events) == sorted(files)


@pytest.mark.parametrize("name", ["amberflo_customer_id", "amberflo_unique_id"])
def test_an_override_may_begin_with_what_it_overrides(
    write: Write, run_serially: Run, service: MeteringService, name: str
) -> None:
    """The first item gets the plugin's own value from an override, and the others do not."""
    write_all(
        write,
        "@pytest.fixture\n"
        f"def {name}({name}, request):\n"
        "    file = request.node.nodeid.split('.')[0]\n"
        f"    return {name} if file == 'one' else file\n",
    )
    member = {"amberflo_customer_id": "customerId", "amberflo_unique_id": "uniqueId"}[name]
    first, *others = [event[member] for event in run_all(run_serially, service)]
    assert first.startswith(("pt-", "evt-"))
    assert others == ["three", "two"]


def test_an_override_may_ask_for_what_it_overrides_only_at_times(
    write: Write, run_serially: Run, service: MeteringService
) -> None:
    """Of a request within an override it gets the plugin's own, of every item anew."""
    write_all(
        write,
        "@pytest.fixture\n"
        "def amberflo_inputs(request):\n"
        "    inputs = request.getfixturevalue('amberflo_inputs')\n"
        "    is_first = request.node.nodeid.startswith('one')\n"
        "    return inputs if is_first else inputs | {'meterValue': 7}\n",
    )
    events = run_all(run_serially, service)
    assert [event["meterValue"] for event in events] == [2.5, 7, 7]
    assert len({event["customerId"] for event in events}) == 3


def test_an_override_of_one_folder_is_of_no_other(
    write: Write, run_serially: Run, service: MeteringService
) -> None:
    """What is known of a folder's fixtures does not hold below it, nor beside it."""
    write_all(write)
    override = "@pytest.fixture(scope='session')\ndef amberflo_meter(): return 'inner'\n"
    write_all(write, override, "inner")
    write_all(write, "@pytest.fixture\ndef amberflo_customer_id(): return 'acme'\n", "other")
    events = run_all(run_serially, service, passed=9)
    assert [event["meterApiName"] for event in events].count("inner") == 3
    assert [event["customerId"] for event in events].count("acme") == 3
    assert not any(
        event["customerId"] == "acme" for event in events if event["meterApiName"] == "inner"
    )


def test_a_fixture_of_the_session_is_set_up_once(
    write: Write, run_serially: Run, service: MeteringService
) -> None:
    """An override of the session is asked first, once, and torn down after the last item."""
    write_all(
        write,
        "@pytest.fixture(scope='session')\n"
        "def amberflo_servers():\n"
        "    print('UP'); yield {}; print('DOWN')\n"
        "@pytest.fixture(autouse=True)\n"
        "def _look(): print('ITEM')\n",
    )
    result = run_serially("--amberflo-target", service.url, "--amberflo-hold=0", "-s", "-q")
    result.assert_outcomes(passed=3)
    words = re.findall("UP|DOWN|ITEM", result.stdout.str())
    assert words == ["UP", "ITEM", "ITEM", "ITEM", "DOWN"]


def test_users_fixtures_see_what_the_workflow_gets(
    write: Write, run_serially: Run, service: MeteringService
) -> None:
    """One that comes first and changes the inputs is heard; the customer is the item's."""
    write_all(
        write,
        "@pytest.fixture(autouse=True)\n"
        "def _change(request, amberflo_unique_id, metering_window):\n"
        "    if not request.node.nodeid.startswith('one'):\n"
        "        inputs = request.getfixturevalue('amberflo_inputs')\n"
        "        assert inputs['uniqueId'] == amberflo_unique_id\n"
        "        assert inputs['meterTimeInMillis'] == metering_window.event_millis\n"
        "        inputs['meterValue'] = 9\n"
        "        inputs['meterApiName'] = request.getfixturevalue('amberflo_customer_id')\n",
    )
    events = run_all(run_serially, service)
    assert [event["meterValue"] for event in events] == [2.5, 9, 9]
    assert [event["meterApiName"] == event["customerId"] for event in events] == [0, 1, 1]


def test_python_tests_beside_workflows_have_values_of_their_own(
    write: Write, run_serially: Run, service: MeteringService
) -> None:
    """Each test has its own customer, and no inputs."""
    write_all(write)
    write(
        "test_it.py",
        "import pytest\nSEEN = set()\n"
        "@pytest.mark.parametrize('number', [1, 2])\n"
        "def test_it(number, amberflo_customer_id, amberflo_inputs, request):\n"
        "    assert amberflo_inputs == {}\n"
        "    assert amberflo_customer_id == request.getfixturevalue('amberflo_customer_id')\n"
        "    SEEN.add(amberflo_customer_id)\n"
        "    assert len(SEEN) == number\n",
    )
    run_all(run_serially, service, passed=5)


@pytest.mark.parametrize("name", ["amberflo_servers", "amberflo_url"])
def test_what_starts_a_service_comes_before_what_each_item_does_with_it(
    write: Write, run_serially: Run, service: MeteringService, name: str
) -> None:
    """As pytest has it: a fixture of the session is set up before those of an item."""
    write_all(
        write,
        "STARTED = []\n\n"
        "@pytest.fixture(scope='session')\n"
        f"def {name}({name}):\n"
        "    STARTED.append(1)\n"
        f"    return {name}\n\n"
        "@pytest.fixture(autouse=True)\n"
        "def clear():\n"
        "    assert STARTED == [1]\n",
    )
    run_all(run_serially, service)


@pytest.mark.parametrize("option", ["--setup-show", "--fixtures-per-test", "--setup-plan"])
def test_fixtures_are_shown_where_they_are_asked_for(
    write: Write, run_serially: Run, option: str
) -> None:
    """Who wants to see what items ask for sees it of every item."""
    write_all(write)
    text = run_serially(option).stdout.str()
    assert text.count("amberflo_inputs") >= 3
    assert "amberflo_servers" in text
    assert "amberflo_url" in text
    if option == "--setup-show":
        assert text.count("SETUP    F amberflo_customer_id") == 3

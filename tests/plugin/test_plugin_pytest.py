"""Workflows among pytest's own features: scopes, marks, names, fixtures that go wrong."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from metering_service import MeteringService
from workflow_text import INGEST_AND_QUERY, edit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_run import Run, Write

PLAIN = """\
arazzo: 1.0.1
info: {title: t, version: "1"}
sourceDescriptions:
  - {name: m, url: plain.yaml, type: openapi}
workflows:
"""
PLAIN_API = """\
openapi: 3.1.0
info: {title: t, version: "1"}
servers: [{url: "http://127.0.0.1:9"}]
paths:
  /: {get: {operationId: read, responses: {"200": {description: ok}}}}
"""


def add_workflow(workflow_id: str, more: str = "") -> str:
    """A workflow of one step; nothing listens where it is called."""
    name = json.dumps(workflow_id)
    step = "    steps: [{stepId: s, operationId: read}]\n"
    return f"  - workflowId: {name}\n{more}{step}"


@pytest.fixture
def service() -> Iterator[MeteringService]:
    """A right service."""
    with MeteringService() as found:
        yield found


def test_fixtures_of_every_scope_are_set_up(write: Write, run_serially: Run) -> None:
    """A document is a module, and `request` has all that an autouse fixture asks for."""
    write(
        "conftest.py",
        "import pytest\n\nmade = []\n\n"
        "@pytest.fixture(autouse=True, scope='session')\ndef session(): made.append('s')\n\n"
        "@pytest.fixture(autouse=True, scope='package')\ndef package(): made.append('p')\n\n"
        "@pytest.fixture(autouse=True, scope='module')\n"
        "def module(request):\n"
        "    assert request.module.__file__ == str(request.path)\n"
        "    made.append('m')\n    yield\n    made.append('end')\n\n"
        "@pytest.fixture(autouse=True, scope='class')\n"
        "def klass(request):\n    assert request.cls is None\n    made.append('c')\n\n"
        "@pytest.fixture(autouse=True)\n"
        "def function(request, tmp_path, monkeypatch):\n"
        "    assert request.instance is None and request.function\n    made.append('f')\n\n"
        "def pytest_itemcollected(item):\n"
        "    assert item.module.__name__ and item.cls is None and item.location[2]\n\n"
        "def pytest_amberflo_workflow_result(item, result):\n"
        "    assert made == list('spmcf') + (item.path.stem[0] == 'b') * ['end', *'mcf'], made\n",
    )
    write("a.arazzo.yaml", INGEST_AND_QUERY)
    write("b.arazzo.yaml", INGEST_AND_QUERY)
    run_serially().assert_outcomes(passed=2)


def test_a_condition_of_a_mark_is_no_program(
    write: Write, run_serially: Run, pytester: pytest.Pytester
) -> None:
    """A document that wants Python to be run is broken."""
    code = "open('ran', 'w')"
    write(
        "x.arazzo.yaml",
        edit(
            INGEST_AND_QUERY,
            (
                "    inputs:\n",
                f'    x-amberflo: {{marks: [{{skipif: ["{code}"]}}]}}\n    inputs:\n',
            ),
        ),
    )
    result = run_serially()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["x.arazzo.yaml:*  the condition of `skipif` is a text, which *"])
    assert not (pytester.path / "ran").exists()


def test_every_workflow_has_a_name_of_its_own(
    write: Write, run_serially: Run, pytester: pytest.Pytester
) -> None:
    """Whatever ids are made of, node ids are alike for no two, and can be asked for."""
    ids = ["a/b", "a_b", "a::b", "x[1]", "x(1)", "t\tb", "ü n", "-k"]
    write("plain.yaml", PLAIN_API)
    write("w.arazzo.yaml", PLAIN + "".join(map(add_workflow, ids)))
    result = run_serially("--collect-only", "-q")
    names = [line for line in result.outlines if line.startswith("w.arazzo.yaml::")]
    assert [name.removeprefix("w.arazzo.yaml::") for name in names] == [
        *("a_b~2", "a_b", "a_b~3", "x(1)~2", "x(1)", "t_b", "ü n", "-k"),
    ]
    chosen = run_serially("--collect-only", "-q", *names[::3])
    assert chosen.parseoutcomes()["tests"] == len(names[::3])


def test_files_of_one_name_and_odd_paths(
    write: Write, run: Run, pytester: pytest.Pytester
) -> None:
    """Folders tell files of one name apart; blanks, letters and links are fine."""
    for name in ("one/w.arazzo.yaml", "two/w.arazzo.yaml", "ü b/ï w.arazzo.yaml"):
        write(name, INGEST_AND_QUERY)
    (pytester.path / "link.arazzo.yaml").symlink_to("one/w.arazzo.yaml")
    run("one/w.arazzo.yaml", ".", "one").assert_outcomes(passed=4)


def test_a_fixture_sends_the_service_elsewhere(
    write: Write, run_serially: Run, service: MeteringService
) -> None:
    """A conftest that starts a service of its own has it called, and the report says so."""
    write(
        "conftest.py",
        "import pytest\n\n"
        f"@pytest.fixture(scope='session')\ndef amberflo_url(): return '{service.url}/'\n",
    )
    write("ingest.arazzo.yaml", INGEST_AND_QUERY)
    result = run_serially("--amberflo-hold=0")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines([f"amberflo: 1 judged on {service.url}; 1 event sent, *"])
    assert len(service.stored) == 1


@pytest.mark.parametrize(
    ("fixture", "arguments", "message"),
    [
        (
            "amberflo_url(): return 'https://app.amberflo.io'",
            (),
            "*the fixture amberflo_url gives `https://app.amberflo.io`: a target off this *",
        ),
        (
            "amberflo_url(): return 'http://127.0.0.1:9'",
            ("--amberflo-require=embedded",),
            "*amberflo_url gives `http://127.0.0.1:9`, but --amberflo-require asks for embedded",
        ),
        ("amberflo_url(): return None", (), "*the fixture amberflo_url gives None; a URL is due"),
        ("amberflo_target(): return 'live'", (), "the fixture amberflo_target only tells *"),
        (
            "amberflo_inputs(): return None",
            (),
            "the fixture amberflo_inputs gives None; a mapping of inputs by name is due",
        ),
        (
            "amberflo_inputs(amberflo_inputs): return amberflo_inputs | {1: 2}",
            (),
            "the fixture amberflo_inputs gives {'apiKey': '[*]*'*1: 2}; a mapping of inputs *",
        ),
        (
            "metering_window(): return {}",
            (),
            "the fixture metering_window gives {}, which has no `event_millis`",
        ),
    ],
)
def test_a_fixture_that_gives_the_wrong_thing_is_named(
    write: Write, run_serially: Run, fixture: str, arguments: tuple[str, ...], message: str
) -> None:
    """The item errs with the fixture and what is due, and nothing is sent."""
    write("conftest.py", f"import pytest\n\n@pytest.fixture(scope='session')\ndef {fixture}\n")
    if "amberflo_inputs" in fixture or "metering" in fixture:
        write("conftest.py", f"import pytest\n\n@pytest.fixture\ndef {fixture}\n")
    write("ingest.arazzo.yaml", INGEST_AND_QUERY)
    result = run_serially(*arguments)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([message])
    result.stdout.no_fnmatch_line("*pytest_amberflo/*")
    result.stdout.fnmatch_lines(["amberflo: 0 judged on embedded, 1 error; 0 events sent, *"])


def test_a_users_traceback_is_the_users(write: Write, run_serially: Run) -> None:
    """Where a fixture of a conftest raises, no frame of the plugin stands before it."""
    write(
        "conftest.py",
        "import pytest\n\n@pytest.fixture\ndef amberflo_meter():\n    raise OSError('mine')\n",
    )
    write("ingest.arazzo.yaml", INGEST_AND_QUERY)
    result = run_serially()
    result.stdout.fnmatch_lines(["E * OSError: mine", "conftest.py:5: OSError"])
    result.stdout.no_fnmatch_line("*pytest_amberflo/*")


INNER = """\
    inputs: {type: object, required: [who], properties: {who: {type: string}}}
"""


def test_a_workflow_that_is_only_called_is_skipped(write: Write, run_serially: Run) -> None:
    """What nobody can give its inputs but its caller does not fail, unless it is asked for."""
    caller = "  - {workflowId: outer, steps: [{stepId: go, workflowId: inner}]}\n"
    write("plain.yaml", PLAIN_API)
    write("w.arazzo.yaml", PLAIN + caller + add_workflow("inner", INNER))
    result = run_serially("-rs")
    result.assert_outcomes(skipped=1, failed=1)
    result.stdout.fnmatch_lines(
        ["SKIPPED * another workflow calls it, and nothing gives its inputs: who"]
    )
    run_serially("w.arazzo.yaml::inner").assert_outcomes(errors=1)


def test_a_trace_holds_any_value(
    write: Write, run_serially: Run, pytester: pytest.Pytester
) -> None:
    """What JSON cannot say is described; half a character breaks no report and no worker."""
    write(
        "conftest.py",
        "import pytest\n\n@pytest.fixture\ndef amberflo_inputs(amberflo_inputs):\n"
        "    odd = {'a': {1}, 'b': 10 ** 5000, 'c': float('inf'), 'd': '\\ud800'}\n"
        "    return amberflo_inputs | odd | {'customerId': '\\ud800'}\n",
    )
    write("ingest.arazzo.yaml", INGEST_AND_QUERY)
    run_serially("--amberflo-trace=t.json").assert_outcomes(failed=1)
    (entry,) = json.loads((pytester.path / "t.json").read_text(encoding="utf-8"))["workflows"]
    assert [entry["inputs"][name] for name in "abcd"] == [
        *("{1}", "<integer of 16610 bits>", "inf", "\N{REPLACEMENT CHARACTER}"),
    ]


def test_a_trace_that_cannot_be_written_is_no_green_run(
    write: Write, run_serially: Run, pytester: pytest.Pytester
) -> None:
    """A file that was asked for and is not there is said, without a traceback."""
    (pytester.path / "t.json").mkdir()
    write("ingest.arazzo.yaml", INGEST_AND_QUERY)
    result = run_serially("--amberflo-trace=t.json")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["amberflo: */t.json cannot be written: Is a directory"])


def test_the_trace_is_red_where_the_item_is(
    write: Write, run_serially: Run, pytester: pytest.Pytester
) -> None:
    """A hook of a user that fails the item fails it in the trace, too."""
    write(
        "conftest.py",
        "def pytest_amberflo_workflow_result(item, result):\n    raise AssertionError('slow')\n",
    )
    write("ingest.arazzo.yaml", INGEST_AND_QUERY)
    run_serially("--amberflo-trace=t.json").assert_outcomes(failed=1)
    (entry,) = json.loads((pytester.path / "t.json").read_text(encoding="utf-8"))["workflows"]
    assert entry["outcome"] == "failed"

"""Which files are collected, what their nodes are called, and what broken documents say."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from workflow_text import INGEST_AND_QUERY, SHOP, SHOP_WORKFLOW, edit, line_of

if TYPE_CHECKING:
    from pytest_run import Run, Write

_ID = "workflows/ingest.arazzo.yaml::ingest-and-query-usage::once"
_INGEST = "operationId: ingestMeterEvents"


def _list_ids(result: pytest.RunResult) -> list[str]:
    return [line for line in result.outlines if "::" in line]


def test_files_are_told_by_name_folder_and_key(write: Write, run_serially: Run) -> None:
    """Named files anywhere, any YAML or JSON with an `arazzo` key below `workflows`; no others."""
    write("one.arazzo.yaml", INGEST_AND_QUERY)
    write("deep/er/arazzo.yml", INGEST_AND_QUERY)
    write("workflows/plain.yml", INGEST_AND_QUERY)
    write("workflows/deep/plain.yaml", INGEST_AND_QUERY)
    write("elsewhere/plain.yml", INGEST_AND_QUERY)
    write("workflows/compose.yml", "services: {web: {image: x}}\n")
    write("workflows/broken.yml", "a: [1\n")
    write("workflows/nested.json", '{"x": {"arazzo": "1.0.1"}}')
    result = run_serially("--co", "-q")
    assert _list_ids(result) == [
        "deep/er/arazzo.yml::ingest-and-query-usage::once",
        "one.arazzo.yaml::ingest-and-query-usage::once",
        "workflows/deep/plain.yaml::ingest-and-query-usage::once",
        "workflows/plain.yml::ingest-and-query-usage::once",
    ]


def test_a_file_named_on_the_command_line_is_collected(write: Write, run_serially: Run) -> None:
    """A file outside `workflows` is collected when it is named."""
    write("elsewhere/plain.yml", INGEST_AND_QUERY)
    assert _list_ids(run_serially("--co", "-q")) == []
    result = run_serially("--co", "-q", "elsewhere/plain.yml")
    assert _list_ids(result) == ["elsewhere/plain.yml::ingest-and-query-usage::once"]


def test_names_of_files_can_be_set(
    write: Write, run_serially: Run, pytester: pytest.Pytester
) -> None:
    """`amberflo_files` replaces the names."""
    write("checks/one.flow", INGEST_AND_QUERY)
    write("one.arazzo.yaml", INGEST_AND_QUERY)
    pytester.makeini("[pytest]\namberflo_files = *.flow\n")
    result = run_serially("--co", "-q")
    assert _list_ids(result) == ["checks/one.flow::ingest-and-query-usage::once"]


def test_a_workflow_is_selected_like_any_test(write: Write, run_serially: Run) -> None:
    """By its node id, by that of its parent, by -k and --deselect."""
    write("workflows/ingest.arazzo.yaml", INGEST_AND_QUERY)
    write("test_plain.py", "def test_plain(): pass\n")
    run_serially().assert_outcomes(passed=2)
    run_serially(_ID).assert_outcomes(passed=1)
    run_serially(_ID.removesuffix("::once")).assert_outcomes(passed=1)
    run_serially("-k", "ingest").assert_outcomes(passed=1)
    run_serially("--deselect", _ID).assert_outcomes(passed=1)


def test_failed_workflows_run_again(write: Write, pytester: pytest.Pytester) -> None:
    """`--lf` finds a red workflow again, and only that."""
    write("workflows/ingest.arazzo.yaml", INGEST_AND_QUERY)
    write("workflows/other.arazzo.yaml", INGEST_AND_QUERY)
    wrong = "--amberflo-input=apiKey=wrong"
    once = "--amberflo-variants=once"
    first = pytester.runpytest("workflows/other.arazzo.yaml", wrong, once)
    first.assert_outcomes(failed=1)
    again = pytester.runpytest("--lf", "-v", once)
    again.assert_outcomes(passed=1)
    again.stdout.fnmatch_lines(["workflows/other.arazzo.yaml::*::once PASSED*"])


def test_marks_select_skip_and_expect(
    write: Write, run_serially: Run, pytester: pytest.Pytester
) -> None:
    """Marks of `x-amberflo` are pytest's own, with their arguments."""
    pytester.makeini("[pytest]\nmarkers = slow: takes long\n")
    anchor = "    summary: Send one event, then read the customer's usage of that day.\n"
    for name, marks in (
        ("slow", "[slow]"),
        ("skipped", "[{skip: not today}]"),
        ("expected", "[{xfail: {reason: known, strict: true}}]"),
    ):
        marked = f"{anchor}    x-amberflo: {{marks: {marks}}}\n"
        write(f"{name}.arazzo.yaml", edit(INGEST_AND_QUERY, (anchor, marked)))
    result = run_serially("-rsx", "--amberflo-input=apiKey=wrong")
    result.assert_outcomes(failed=1, skipped=1, xfailed=1)
    result.stdout.fnmatch_lines(["SKIPPED * not today"])
    run_serially("-m", "slow").assert_outcomes(passed=1)
    run_serially("-m", "not slow").assert_outcomes(skipped=1, failed=1)


def test_rows_are_children(write: Write, run_serially: Run) -> None:
    """Each row is a node with its own inputs, and its variants are below it."""
    anchor = "    summary: Send one event, then read the customer's usage of that day.\n"
    rows = (
        f"{anchor}    x-amberflo:\n      rows:\n"
        "        - {id: small, inputs: {meterValue: 0.25}}\n"
        "        - {id: without-id, inputs: {meterValue: 7}, without: [uniqueId]}\n"
    )
    write("ingest.arazzo.yaml", edit(INGEST_AND_QUERY, (anchor, rows)))
    result = run_serially("-v")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["    queryUsage * usage 0.25 as expected"])
    result.stdout.fnmatch_lines(["    queryUsage * usage 7 as expected"])
    one = run_serially("ingest.arazzo.yaml::ingest-and-query-usage::small::once")
    one.assert_outcomes(passed=1)
    run_serially("ingest.arazzo.yaml::ingest-and-query-usage::small").assert_outcomes(passed=1)


def test_a_workflow_that_does_not_ingest_is_one_item(write: Write, run_serially: Run) -> None:
    """Without rows and variants the workflow itself is the item."""
    write("shop.arazzo.yaml", SHOP_WORKFLOW)
    write("shop.yaml", SHOP.replace("URL", "http://127.0.0.1:1"))
    result = run_serially("--co", "-q")
    assert _list_ids(result) == ["shop.arazzo.yaml::read-order"]


def test_fixtures_are_those_of_the_folder(write: Write, run: Run) -> None:
    """Autouse fixtures and overrides of a conftest work for a workflow as for any test."""
    write(
        "conftest.py",
        "import pytest\n\n"
        "@pytest.fixture(autouse=True)\n"
        "def note(request, record_property):\n"
        "    record_property('noted', request.node.name)\n"
        "    print('set up for', request.node.name)\n"
        "    yield\n"
        "    print('torn down')\n",
    )
    write("ingest.arazzo.yaml", INGEST_AND_QUERY)
    result = run("-rP")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["set up for once"])
    result.stdout.fnmatch_lines(["torn down"])


def test_an_unknown_fixture_is_named(write: Write, run_serially: Run) -> None:
    """A fixture that `x-amberflo` asks for and nobody has is pytest's own error."""
    anchor = "    summary: Send one event, then read the customer's usage of that day.\n"
    asking = f"{anchor}    x-amberflo: {{fixtures: [no_such_fixture]}}\n"
    write("ingest.arazzo.yaml", edit(INGEST_AND_QUERY, (anchor, asking)))
    result = run_serially()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*fixture 'no_such_fixture' not found"])


BROKEN: list[tuple[str, str, list[str]]] = [
    ("empty", "", ["x.arazzo.yaml  the file is empty"]),
    (
        "not-yaml",
        "arazzo: [1.0.1\n",
        ["x.arazzo.yaml:2:1  not YAML: did not find expected ',' or ']', *"],
    ),
    (
        "tab",
        "arazzo: 1.0.1\ninfo:\n\ttitle: x\n",
        [
            "x.arazzo.yaml:3:1  a tab stands where YAML allows only spaces",
            "",
            "      1  arazzo: 1.0.1",
            "      2  info:",
            "  >   3   title: x",
            "         ^",
            "  Indent with spaces.",
        ],
    ),
    (
        "not-arazzo",
        "openapi: 3.0.3\n",
        [
            "x.arazzo.yaml:1:1  not an Arazzo document: it has no `arazzo`",
            "",
            "  >   1  openapi: 3.0.3",
            "         ^",
            "  An Arazzo document starts with a version: `arazzo: 1.0.1`",
        ],
    ),
    (
        "duplicate-key",
        edit(INGEST_AND_QUERY, ("  version: 1.0.0\n", "  version: 1.0.0\n  title: again\n")),
        ["x.arazzo.yaml:5:3  `title` stands here a second time; the first is in line 3, column 3"],
    ),
    (
        "other-version",
        edit(INGEST_AND_QUERY, ("arazzo: 1.0.1", "arazzo: 2.0.0")),
        ["x.arazzo.yaml:1:9  Arazzo `2.0.0` is not supported; 1.0.x and 1.1.x are"],
    ),
    (
        "missing-field",
        edit(INGEST_AND_QUERY, ("  version: 1.0.0\n", "")),
        ["x.arazzo.yaml:3:3  the info object has no `version`"],
    ),
    (
        "unknown-field",
        edit(INGEST_AND_QUERY, ("        successCriteria:", "        sucessCriteria:")),
        [
            "x.arazzo.yaml:*  unknown field `sucessCriteria` in a step",
            "",
            "*",
            "*",
            "*",
            "*",
            "  Did you mean `successCriteria`?",
        ],
    ),
    (
        "unknown-operation",
        edit(INGEST_AND_QUERY, (_INGEST, "operationId: ingestMeterEvent")),
        [
            f"x.arazzo.yaml:{line_of(INGEST_AND_QUERY, _INGEST)}:22  no operation "
            "`ingestMeterEvent` in source `meteringApi`",
            "",
            "*",
            "*",
            "  >  * operationId: ingestMeterEvent",
            "                              ^^^^^^^^^^^^^^^^",
            "  Did you mean `ingestMeterEvents`?",
            "  amberflo-metering-openapi.yaml has 9 operations",
        ],
    ),
    (
        "dangling-step",
        edit(INGEST_AND_QUERY, ("$steps.ingestEvent.outputs", "$steps.ingest.outputs")),
        [
            "x.arazzo.yaml:*  workflow `ingest-and-query-usage` reads "
            "`$steps.ingest.outputs.ingestResult`, but there is no step `ingest`",
        ],
    ),
    (
        "source-missing",
        edit(INGEST_AND_QUERY, ("amberflo-metering-openapi", "amberflo-meterng-openapi")),
        [
            "x.arazzo.yaml:*  source `meteringApi`: there is no file *amberflo-meterng-*",
            "",
            "*",
            "*",
            "*",
            "*",
            "  Did you mean `amberflo-metering-openapi.yaml`?",
        ],
    ),
    (
        "source-no-openapi",
        edit(INGEST_AND_QUERY, ("../openapi/amberflo-metering-openapi.yaml", "x.arazzo.yaml")),
        ["x.arazzo.yaml:*  source `meteringApi` is said to be openapi, and is arazzo"],
    ),
    (
        "not-yet",
        edit(
            INGEST_AND_QUERY,
            (
                "      - stepId: queryUsage\n",
                "      - stepId: queryUsage\n        x-amberflo: {meters: {}}\n",
            ),
        ),
        ["x.arazzo.yaml:77:30  `meters` is an object; a list is due"],
    ),
    (
        "extension",
        edit(
            INGEST_AND_QUERY,
            (
                "      - stepId: queryUsage\n",
                "      - stepId: queryUsage\n        x-amberflo: {rol: usage}\n",
            ),
        ),
        [
            "x.arazzo.yaml:*  `x-amberflo` has no `rol`; it takes role, usage, *",
            "",
            "*",
            "*",
            "*",
            "*",
            "  Did you mean `role`?",
        ],
    ),
]


@pytest.mark.parametrize(("text", "block"), [b[1:] for b in BROKEN], ids=[b[0] for b in BROKEN])
def test_a_broken_document_is_a_collection_error(
    write: Write, run_serially: Run, text: str, block: list[str]
) -> None:
    """File, line, column, what is wrong and what would be right; no traceback."""
    write("x.arazzo.yaml", text)
    result = run_serially()
    result.assert_outcomes(errors=1)
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(block, consecutive=True)
    result.stdout.no_fnmatch_line("*Traceback*")


def test_every_problem_of_a_document_is_in_one_report(write: Write, run_serially: Run) -> None:
    """Two problems, one error, in the order of the document."""
    text = edit(
        INGEST_AND_QUERY,
        (_INGEST, "operationId: ingest"),
        ("$steps.queryUsage.outputs.clientMeters", "$steps.queryUsage.outputs.meters"),
    )
    write("x.arazzo.yaml", text)
    result = run_serially()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        ["x.arazzo.yaml:*  no operation `ingest` *", "x.arazzo.yaml:* has no output `meters`"]
    )


def test_unrelated_files_are_not_parsed(write: Write, run_serially: Run) -> None:
    """The engine is not even imported where no file looks like a workflow."""
    write("workflows/compose.yml", "services: {web: {image: x}}\n")
    write(
        "test_modules.py",
        "import sys\n\ndef test_modules():\n"
        "    names = ('yaml', 'httpx', 'jsonschema', 'openapi_core', 'pytest_amberflo.arazzo')\n"
        "    assert [name for name in names if name in sys.modules] == []\n",
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:hypothesispytest", "-p", "no:anyio"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "1 passed" in done.stdout, done.stdout


def test_a_step_that_is_never_reached_is_a_warning(write: Write, run_serially: Run) -> None:
    """It is told with file and line, and nothing is red because of it."""
    text = edit(
        INGEST_AND_QUERY,
        (
            f"        {_INGEST}\n",
            f"        {_INGEST}\n        onSuccess: [{{name: x, type: end}}]\n",
        ),
    )
    write("workflows/ingest.arazzo.yaml", text)
    result = run_serially("--co", "-W", "default::pytest.PytestCollectionWarning")
    assert result.ret == 0
    line = line_of(text, "stepId", 2)
    result.stdout.fnmatch_lines(
        [
            f"*workflows/ingest.arazzo.yaml:{line}: PytestCollectionWarning: "
            "step `*` is never reached: *",
        ]
    )
    strict = run_serially("--co", "-W", "error::pytest.PytestCollectionWarning")
    strict.stdout.fnmatch_lines([f"*ingest.arazzo.yaml:{line}:*  step `*` is never reached: *"])
    strict.stdout.no_fnmatch_line("*nodes.py*")


_CALLER = """\
arazzo: 1.0.1
info: {title: Callers, version: 1.0.0}
sourceDescriptions:
  - {name: other, url: workflows/ingest.arazzo.yaml, type: arazzo}
workflows:
  - workflowId: NAME
    steps:
      - stepId: call
        workflowId: $sourceDescriptions.other.ingest-and-query-usage
        parameters:
          - {name: customerId, value: acme}
"""


def test_several_documents_refer_to_one(write: Write, run_serially: Run) -> None:
    """What was read for the first is there for the second, and for the document's own items."""
    write("workflows/ingest.arazzo.yaml", INGEST_AND_QUERY)
    write("a.arazzo.yaml", _CALLER.replace("NAME", "first"))
    write("b.arazzo.yaml", _CALLER.replace("NAME", "second"))
    result = run_serially("--co", "-q")
    assert result.ret == 0
    assert _list_ids(result) == [
        "a.arazzo.yaml::first::once",
        "b.arazzo.yaml::second::once",
        _ID,
    ]


_COUNTING = """
calls = []

def pytest_fixture_setup(fixturedef, request):
    calls.append(request.node.nodeid)

def pytest_sessionfinish(session):
    places = sorted({call.partition("/")[0] for call in calls if "::" in call})
    print(f"\\n{__file__.split('/')[-2]} saw", *places)
"""


def test_a_conftest_sees_the_items_below_it_only(write: Write, run_serially: Run) -> None:
    """Hooks of one folder are not called for items of another, whichever is loaded first."""
    for folder in ("a", "b"):
        write(f"{folder}/conftest.py", _COUNTING)
        write(f"{folder}/one.arazzo.yaml", INGEST_AND_QUERY)
    result = run_serially("-s")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines_random(["a saw a", "b saw b"])

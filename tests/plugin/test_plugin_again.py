"""Items that are run a second time, when what was read of their documents is dropped."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from metering_service import MeteringService
from workflow_text import INGEST_AND_QUERY

if TYPE_CHECKING:
    from pytest_run import Write

_TWICE = """
import gc
import pathlib

import pytest

from pytest_amberflo.execution import PreparedWorkflow


def print_kept(when):
    gc.unfreeze()
    gc.collect()
    found = sum(isinstance(found, PreparedWorkflow) for found in gc.get_objects())
    print(f"kept {{when}}: {{found}}")


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session):
    if session.config.option.collectonly:
        return None
    {look}("before")
    for round in range(2):
        for item, following in zip(session.items, [*session.items[1:], None]):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        {look}("after")
        {change}
    return True
"""


def _list_options(service: MeteringService) -> tuple[str, ...]:
    return (
        *("-p", "no:cacheprovider", "-p", "no:xdist", "--amberflo-hold=0"),
        *("--amberflo-target", service.url, "--amberflo-variants=once,replay"),
    )


def test_an_item_that_is_run_again_is_what_it_was(write: Write, pytester: pytest.Pytester) -> None:
    """A document is held until its last item is over, and read anew for who runs it again."""
    write("one.arazzo.yaml", INGEST_AND_QUERY)
    write("two.arazzo.yaml", INGEST_AND_QUERY)
    pytester.makeconftest(_TWICE.format(look="print_kept", change=""))
    with MeteringService() as service:
        # A process of its own, in which nothing else is kept.
        result = pytester.runpytest_subprocess("-s", *_list_options(service))
    result.assert_outcomes(passed=8)
    kept = [line.partition("kept ")[2] for line in result.outlines if "kept " in line]
    assert kept == ["before: 2", "after: 0", "after: 0"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            'pathlib.Path("one.arazzo.yaml").unlink(missing_ok=True)',
            "*No such file or directory: '*one.arazzo.yaml'",
        ),
        (
            'pathlib.Path("one.arazzo.yaml").write_text("arazzo: [")',
            "one.arazzo.yaml:2:1  not YAML: *",
        ),
        (
            'path = pathlib.Path("one.arazzo.yaml"); path.write_text('
            'path.read_text().replace("workflowId: ingest-and-query-usage", "workflowId: other"))',
            "one.arazzo.yaml has changed since it was collected",
        ),
    ],
    ids=["gone", "broken", "another"],
)
def test_a_document_that_is_no_longer_there_is_said(
    write: Write, pytester: pytest.Pytester, change: str, message: str
) -> None:
    """Whoever changes a document while its items run reads what is wrong with it, and no more."""
    write("one.arazzo.yaml", INGEST_AND_QUERY)
    pytester.makeconftest(_TWICE.format(look="str", change=change))
    with MeteringService() as service:
        result = pytester.runpytest_inprocess(*_list_options(service))
    result.assert_outcomes(passed=2, errors=2)
    result.stdout.fnmatch_lines(["*ERROR at setup of *::once*", message])
    result.stdout.no_fnmatch_line("*traceback*")
    assert "pytest_amberflo/" not in result.stdout.str()

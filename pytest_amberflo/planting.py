"""The nodes of a document's workflows: one for each row and variant of each."""

from __future__ import annotations

import inspect
from functools import lru_cache
from itertools import count
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_amberflo.nodes import WORKFLOW, WorkflowItem, WorkflowNode, run_of
from pytest_amberflo.option_table import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from pytest_amberflo.execution import PreparedWorkflow
    from pytest_amberflo.marks import MarkSpec

_REPLACED: Final = str.maketrans({"[": "(", "]": ")", "/": "_"})
#: Fixtures of the session that may start what is called, for workflows that call Amberflo's own
#: hosts and for all: pytest sets them up before those that each item has for itself.
_TARGET: Final = "amberflo_url"
_SERVERS: Final = "amberflo_servers"
#: What is read besides, for workflows that call these hosts and for all.
_TOLD: Final = "amberflo_target"
_INPUTS: Final = "amberflo_inputs"


def name_nodes(workflow_ids: Sequence[str]) -> list[str]:
    """A name for each workflow: its id, without what means something in node ids or a terminal.

    No two are alike, or the one could not be told from the other in a report or by `--lf`.
    """
    taken = set(workflow_ids)
    names: list[str] = []
    for workflow_id in workflow_ids:
        plain = "".join(char if char.isprintable() else "_" for char in workflow_id)
        name = plain.translate(_REPLACED).replace("::", "_")
        if name == workflow_id:
            name = workflow_id  # one text, which is kept
        else:
            numbered = (f"{name}~{number}" for number in count(2))
            name = name if name not in taken else next(n for n in numbered if n not in taken)
            taken.add(name)
        names.append(name)
    return names


def make_node(parent: Any, name: str, workflow_id: str) -> pytest.Item | pytest.Collector:
    """The node of a workflow of a document; with rows, one that has a node for each."""
    if not parent.find_workflow(workflow_id).extension.rows:
        return _make_run(parent, name, workflow_id, None)
    return WorkflowNode.from_parent(parent, name=name, workflow_id=workflow_id, row=None)


def make_children(node: WorkflowNode) -> Iterator[pytest.Item | pytest.Collector]:
    """The nodes of a workflow's rows; of the variants of a row, or of a workflow without."""
    prepared = node.document.find_workflow(node.workflow_id)
    rows = prepared.extension.rows
    if rows and node.row is None:
        for place, row in enumerate(rows):
            yield _make_run(node, row.id, node.workflow_id, place)
    else:
        for variant in _select_variants(node.config, prepared):
            yield _make_item(node, variant, node.workflow_id, node.row, variant)


def _make_run(
    parent: Any, name: str, workflow_id: str, row: int | None
) -> pytest.Item | pytest.Collector:
    """The node of a workflow or row: an item, or one with an item for each variant."""
    prepared = parent.document.find_workflow(workflow_id)
    if not prepared.ingests and not prepared.metered:
        return _make_item(parent, name, workflow_id, row, None)
    return WorkflowNode.from_parent(parent, name=name, workflow_id=workflow_id, row=row)


def _select_variants(config: pytest.Config, prepared: PreparedWorkflow) -> Sequence[str]:
    """The variants of a workflow that ingests, and of one that says what calls meter."""
    settings = config.stash[SETTINGS]
    chosen = [*(settings.variants if prepared.ingests else ())]
    if prepared.metered:
        from pytest_amberflo.emitter.choice import choose_for  # noqa: PLC0415  only with meters

        chosen += choose_for(config, settings, prepared)
    wanted = prepared.extension.variants
    found = dict.fromkeys(name for name in chosen if wanted is None or name in wanted)
    return tuple(found)


def _make_item(
    parent: Any, name: str, workflow_id: str, row: int | None, variant: str | None
) -> WorkflowItem:
    prepared = parent.document.find_workflow(workflow_id)
    extension = prepared.extension
    marks = [*extension.marks, *(extension.rows[row].marks if row is not None else ())]
    calls_service = run_of(parent.config).calls_service(prepared.bound)
    fixtures = [_SERVERS, WORKFLOW, *extension.inputs.values(), *extension.fixtures]
    is_shown = shows_fixtures(parent.config)
    if is_shown:
        fixtures = [_INPUTS, *fixtures]
    if calls_service:
        fixtures = [_TARGET, *((_TOLD,) if is_shown else ()), *fixtures]
    parent.document.count_item()
    return WorkflowItem.from_parent(
        parent,
        name=name,
        callobj=_make_callable(marks, fixtures),
        prepared=prepared,
        row=row,
        variant=variant,
        calls_service=calls_service,
    )


def shows_fixtures(config: pytest.Config) -> bool:
    """Whether the user wants to see which fixtures each item asks for."""
    options = ("show_fixtures_per_test", "setupshow", "setupplan", "setuponly")
    return any(getattr(config.option, name, False) for name in options)


def _make_callable(marks: Sequence[MarkSpec], fixtures: Iterable[str]) -> Callable[..., None]:
    """The function that pytest calls: its signature asks for fixtures, marks are on it.

    pytest reads both when the item is made, so they cannot be added later. Items without marks
    share a function, as those of a parametrized test do.
    """
    names = tuple(dict.fromkeys(fixtures))
    if not marks:
        return _make_shared(names)
    function = _make_function(names)
    for mark in marks:
        decorator = getattr(pytest.mark, mark.name)
        # A mark called with one function would decorate it; arguments are data here.
        decorator.with_args(*mark.args, **mark.kwargs)(function)
    return function


def _make_function(names: tuple[str, ...]) -> Callable[..., None]:
    def run_workflow(**arguments: Any) -> None:
        __tracebackhide__ = True
        arguments[WORKFLOW]()

    run_workflow.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY) for name in names]
    )
    return run_workflow


_make_shared: Final = lru_cache(maxsize=64)(_make_function)

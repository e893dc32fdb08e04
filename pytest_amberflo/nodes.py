"""Workflow documents as pytest nodes: file, workflow, row and variant."""

from __future__ import annotations

import inspect
import warnings
from functools import lru_cache
from itertools import count
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_amberflo.option_table import SETTINGS, STARTED

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Iterator, Sequence

    import pluggy

    from pytest_amberflo.execution import Execution, PreparedWorkflow
    from pytest_amberflo.extension import Row
    from pytest_amberflo.inputs import Inputs
    from pytest_amberflo.marks import MarkSpec
    from pytest_amberflo.run import Run

#: Whether the test itself has failed, for fixtures that look at it afterwards.
HAS_FAILED: Final = pytest.StashKey[bool]()
#: Gives what an item that is no workflow leaves for later, as plain values; takes whether it is
#: red.
KEEP: Final[pytest.StashKey[Callable[[bool], dict[str, Any]]]] = pytest.StashKey()
#: The attributes of a report that carry plain values to the controller: an item's digest, what an
#: item that is no workflow leaves for later, and HAR entries.
DIGEST: Final = "amberflo"
KEPT: Final = "amberflo_kept"
HAR: Final = "amberflo_har"
RUN: Final[pytest.StashKey[Run]] = pytest.StashKey()
#: Why no workflow of this worker may run, where a worker cannot end the run itself.
REFUSAL: Final = pytest.StashKey[str]()
_REPLACED: Final = str.maketrans({"[": "(", "]": ")", "/": "_"})
#: The fixture that hands an item what it runs.
WORKFLOW: Final = "_amberflo_workflow"
#: Those that it reads for workflows that call Amberflo's own hosts, and for all.
_PLACES: Final = ("amberflo_url", "amberflo_target")
_READ: Final = ("amberflo_servers", "amberflo_inputs")


def run_of(config: pytest.Config) -> Run:
    """What all items of this process share; made when the first workflow asks for it."""
    run = config.stash.get(RUN, None)
    if run is None:
        from pytest_amberflo.registration import register_parts  # noqa: PLC0415  likewise
        from pytest_amberflo.run import make_run  # noqa: PLC0415  runs without workflows do not pay

        run = make_run(register_parts(config), config, config.stash[STARTED])
        config.stash[RUN] = run
        config.add_cleanup(run.close)
    return run


class ArazzoFile(pytest.Module):
    """A workflow document; a broken one is a collection error with every problem in it.

    A module in pytest's eyes, so that fixtures of that scope live as long as a document's items.
    """

    def __init__(self, *, is_certain: bool, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._is_certain = is_certain
        # For `request.module`; nothing is imported.
        self.obj = ModuleType(self.path.stem)
        self.obj.__file__ = str(self.path)

    def collect(self) -> Iterator[pytest.Item | pytest.Collector]:
        """One node a workflow."""
        from pytest_amberflo.arazzo.errors import DocumentError  # noqa: PLC0415  only with files
        from pytest_amberflo.collection import prepare_document  # noqa: PLC0415
        from pytest_amberflo.exchange_text import clean  # noqa: PLC0415

        run = run_of(self.config)
        try:
            prepared = prepare_document(self.path, run, is_certain=self._is_certain)
        except (DocumentError, OSError) as error:
            raise self.CollectError(clean(str(error))) from None
        run.called.update(*(workflow.calls for workflow in prepared))
        names = name_nodes([workflow.workflow.workflow_id for workflow in prepared])
        for name, workflow in zip(names, prepared, strict=True):
            self._warn(workflow)
            yield _make_node(self, name, workflow)

    def _warn(self, prepared: PreparedWorkflow) -> None:
        """Warn of what is odd about a workflow; an error where the user wants warnings to be."""
        from pytest_amberflo.arazzo.errors import DocumentError  # noqa: PLC0415  only with files

        source = prepared.bound.document.source
        for problem in prepared.warnings:
            line = problem.span.line if problem.span is not None else 1
            try:
                warnings.warn_explicit(
                    problem.message, pytest.PytestCollectionWarning, str(self.path), line
                )
            except pytest.PytestCollectionWarning:
                error = DocumentError(source.name, source.text, [problem])
                raise self.CollectError(str(error)) from None


class WorkflowNode(pytest.Collector):
    """A workflow, or a row of one, that is run in several ways."""

    def __init__(self, *, children: Callable[[Any], Iterable[Any]], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._children = children

    def collect(self) -> Iterator[pytest.Item | pytest.Collector]:
        """One node a row or variant."""
        yield from self._children(self)


class WorkflowItem(pytest.Function):
    """One run of a workflow."""

    def __init__(
        self,
        *,
        prepared: PreparedWorkflow,
        row: Row | None,
        variant: str | None,
        calls_service: bool,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.prepared = prepared
        self.row = row
        self.variant = variant
        #: Whether it is asked for where the target of the run is.
        self.calls_service = calls_service
        #: Before a user's fixture has had the last word; while the item is set up.
        self.gathered: Inputs | None = None
        self._hooks: pluggy.HookRelay | None = None

    @property
    def ihook(self) -> pluggy.HookRelay:
        """The hooks of plugins and of the conftests above the item.

        pytest looks for the conftests at each of twenty calls an item, which takes 0.1 ms; while
        an item runs they are known.
        """
        return super().ihook if self._hooks is None else self._hooks

    def hold_hooks(self) -> None:
        """Keep the hooks as they are now, until they are released."""
        self._hooks = super().ihook

    def release_hooks(self) -> None:
        """Look for the hooks anew at each call."""
        self._hooks = None

    def reportinfo(self) -> tuple[os.PathLike[str] | str, int | None, str]:
        """The file, the 0-based line of the workflow, and the item's name below the file."""
        return self.path, self.prepared.line - 1, self.nodeid.partition("::")[2]

    def repr_failure(  # type: ignore[override]
        self, excinfo: pytest.ExceptionInfo[BaseException]
    ) -> Any:
        """The failure text of a red workflow; pytest's own text for everything else."""
        from pytest_amberflo.failure import (  # noqa: PLC0415  only a red run needs it
            WorkflowFailure,
            describe_failure,
        )

        if isinstance(excinfo.value, WorkflowFailure):
            redactor = run_of(self.config).redactor
            return describe_failure(excinfo.value.result, redactor)
        return super().repr_failure(excinfo)


def _make_node(
    parent: Any, name: str, prepared: PreparedWorkflow
) -> pytest.Item | pytest.Collector:
    rows = prepared.extension.rows
    if rows:
        return WorkflowNode.from_parent(
            parent,
            name=name,
            children=lambda node: (_make_run(node, prepared, row.id, row) for row in rows),
        )
    return _make_run(parent, prepared, name, None)


def _make_run(
    parent: Any, prepared: PreparedWorkflow, name: str, row: Row | None
) -> pytest.Item | pytest.Collector:
    """The node of a workflow or row: an item, or one with an item for each variant."""
    if not prepared.ingests and not prepared.metered:
        return _make_item(parent, prepared, name, row, None)
    variants = _select_variants(parent.config, prepared)
    return WorkflowNode.from_parent(
        parent,
        name=name,
        children=lambda node: (
            _make_item(node, prepared, variant, row, variant) for variant in variants
        ),
    )


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
    parent: Any, prepared: PreparedWorkflow, name: str, row: Row | None, variant: str | None
) -> WorkflowItem:
    marks = [*prepared.extension.marks, *(row.marks if row is not None else ())]
    calls_service = run_of(parent.config).calls_service(prepared.bound)
    extension = prepared.extension
    fixtures = [WORKFLOW, *extension.inputs.values(), *extension.fixtures]
    if shows_fixtures(parent.config):
        fixtures = [*(_PLACES if calls_service else ()), *_READ, *fixtures]
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
    return any(config.getoption(name, False) for name in options)


def _make_callable(marks: Iterable[MarkSpec], fixtures: Iterable[str]) -> Callable[..., None]:
    """The function that pytest calls: its signature asks for fixtures, marks are on it.

    pytest reads both when the item is made, so they cannot be added later.
    """

    def run_workflow(**arguments: Any) -> None:
        __tracebackhide__ = True
        arguments[WORKFLOW]()

    signature = _make_signature(tuple(fixtures))
    run_workflow.__signature__ = signature  # type: ignore[attr-defined]
    for mark in marks:
        decorator = getattr(pytest.mark, mark.name)
        # A mark called with one function would decorate it; arguments are data here.
        decorator.with_args(*mark.args, **mark.kwargs)(run_workflow)
    return run_workflow


@lru_cache(maxsize=64)
def _make_signature(names: tuple[str, ...]) -> inspect.Signature:
    """The signature that asks for fixtures; most items ask for the same."""
    return inspect.Signature(
        [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY) for name in dict.fromkeys(names)]
    )


def run_item(item: pytest.Item, execution: Execution) -> None:
    """Run an item's workflow and keep its result. Raises WorkflowFailure where it is red."""
    __tracebackhide__ = True
    from pytest_amberflo.summary import note_result  # noqa: PLC0415
    from pytest_amberflo.variants import VariantSkippedError  # noqa: PLC0415
    from pytest_amberflo.verdict import Verdict  # noqa: PLC0415

    skipped = ""
    try:
        result = execution.run()
    except VariantSkippedError as error:
        skipped = str(error)
    if skipped:
        pytest.skip(run_of(item.config).redactor.redact(skipped))
    note_result(item, result)
    item.config.hook.pytest_amberflo_workflow_result(item=item, result=result)
    if result.verdict not in (Verdict.PASSED, Verdict.DEFERRED):
        from pytest_amberflo.failure import WorkflowFailure  # noqa: PLC0415  only a red run

        raise WorkflowFailure(result)


def name_nodes(workflow_ids: Sequence[str]) -> list[str]:
    """A name for each workflow: its id, without what means something in node ids or a terminal.

    No two are alike, or the one could not be told from the other in a report or by `--lf`.
    """
    taken = set(workflow_ids)
    names: list[str] = []
    for workflow_id in workflow_ids:
        plain = "".join(char if char.isprintable() else "_" for char in workflow_id)
        name = plain.translate(_REPLACED).replace("::", "_")
        if name != workflow_id:
            numbered = (f"{name}~{number}" for number in count(2))
            name = name if name not in taken else next(n for n in numbered if n not in taken)
            taken.add(name)
        names.append(name)
    return names


def check_items(config: pytest.Config, items: Sequence[pytest.Item]) -> None:
    """Refuse `--amberflo-input` and `-without` that no workflow has.

    Raises pytest.UsageError; in a worker of xdist, where that would be an internal error, every
    workflow item errs instead.
    """
    settings = config.stash[SETTINGS]
    workflows = [item for item in items if isinstance(item, WorkflowItem)]
    if not workflows or not (settings.inputs or settings.without):
        return
    from pytest_amberflo.inputs import find_unknown  # noqa: PLC0415

    schemas = [item.prepared.input_schema for item in workflows]
    known = frozenset(name for schema in schemas for name in schema.properties)
    given = (("input", frozenset(settings.inputs)), ("without", settings.without))
    for option, names in given:
        for name, near in find_unknown(names, known):
            hint = f"; did you mean `{near}`?" if near else ""
            message = f"amberflo: --amberflo-{option} {name}: no workflow has this input{hint}"
            if not hasattr(config, "workerinput"):
                raise pytest.UsageError(message)
            config.stash[REFUSAL] = message

"""Workflow documents as pytest nodes: file, workflow, row and variant."""

from __future__ import annotations

import os
import warnings
from functools import cached_property
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, NoReturn

import pytest

from pytest_amberflo.option_table import SETTINGS, STARTED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import pluggy

    from pytest_amberflo.execution import PreparedWorkflow
    from pytest_amberflo.extension import Row
    from pytest_amberflo.inputs import Inputs
    from pytest_amberflo.run import Run
    from pytest_amberflo.verdict import ItemResult

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
#: The fixture that hands an item what it runs.
WORKFLOW: Final = "_amberflo_workflow"


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
        parent: pytest.Collector = kwargs["parent"]
        path = self.path.parent
        #: One object for all files of a folder: a path's hash is costly, and kept in it.
        self.folder = parent.path if parent.path == path else path
        self._workflows: Mapping[str, PreparedWorkflow] = {}
        #: How many of its items have not been run.
        self._left = 0

    @property
    def document(self) -> ArazzoFile:
        """The document that its nodes ask for."""
        return self

    @cached_property
    def obj(self) -> ModuleType:
        """What `request.module` gives; nothing is imported."""
        module = ModuleType(self.path.stem)
        module.__file__ = str(self.path)
        return module

    @property
    def ihook(self) -> pluggy.HookRelay:
        """The hooks of plugins and of the conftests above the document."""
        return self.session.gethookproxy(self.folder)

    def collect(self) -> Iterator[pytest.Item | pytest.Collector]:
        """One node a workflow."""
        from pytest_amberflo.planting import make_node, name_nodes  # noqa: PLC0415  only with files
        from pytest_amberflo.registration import register_fixtures  # noqa: PLC0415

        run = run_of(self.config)
        register_fixtures(self.config)
        self._workflows = self._read()
        run.called.update(*(workflow.calls for workflow in self._workflows.values()))
        names = name_nodes([*self._workflows])
        for name, (workflow_id, workflow) in zip(names, self._workflows.items(), strict=True):
            self._warn(workflow)
            yield make_node(self, name, workflow_id)

    def _read(self) -> Mapping[str, PreparedWorkflow]:
        """The workflows of the document by id, ready to be run. Raises CollectError."""
        from pytest_amberflo.arazzo.errors import DocumentError  # noqa: PLC0415  only with files
        from pytest_amberflo.collection import prepare_document  # noqa: PLC0415
        from pytest_amberflo.exchange_text import clean  # noqa: PLC0415

        try:
            found = prepare_document(self.path, run_of(self.config), is_certain=self._is_certain)
        except (DocumentError, OSError) as error:
            raise self.CollectError(clean(str(error))) from None
        return {prepared.workflow.workflow_id: prepared for prepared in found}

    def find_workflow(self, workflow_id: str) -> PreparedWorkflow:
        """A workflow of the document; read anew where a plugin runs an item that was over.

        An item that asks is red where the document is no longer what it was.
        """
        message = ""
        if not self._workflows:
            try:
                self._workflows = self._read()
            except self.CollectError as error:
                message = str(error)
        if message:  # outside the handler: pytest would show the error as a cause
            pytest.fail(message, pytrace=False)
        if workflow_id not in self._workflows:
            self.fail_changed()
        return self._workflows[workflow_id]

    def fail_changed(self) -> NoReturn:
        """Let the item that asks be red: the document is not the one that was collected."""
        shown = run_of(self.config).shorten(self.path)
        pytest.fail(f"{shown} has changed since it was collected", pytrace=False)

    def count_item(self) -> None:
        """Note an item of the document that will be run."""
        self._left += 1

    def drop_item(self) -> None:
        """Note an item that is over; with the last, what was read: 1.5 KB a document."""
        self._left -= 1
        if self._left <= 0:
            self._workflows = {}

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

    def __init__(self, *, workflow_id: str, row: int | None, **kwargs: Any) -> None:
        """`row` is a place in the workflow's rows, from 0."""
        super().__init__(**kwargs)
        self.workflow_id = workflow_id
        self.row = row
        self.document: ArazzoFile = kwargs["parent"].document

    @property
    def ihook(self) -> pluggy.HookRelay:
        """The hooks of plugins and of the conftests above the document."""
        return self.session.gethookproxy(self.document.folder)

    def collect(self) -> Iterator[pytest.Item | pytest.Collector]:
        """One node a row or variant."""
        from pytest_amberflo.planting import make_children  # noqa: PLC0415  only with files

        yield from make_children(self)


class ItemProgress:
    """What an item has while it runs."""

    __slots__ = ("gathered", "masked", "report", "result")

    def __init__(self) -> None:
        #: Its inputs before a user's fixture has had the last word.
        self.gathered: Inputs | None = None
        #: Its result, and a line on each of its steps.
        self.result: tuple[ItemResult, tuple[str, ...]] | None = None
        #: A section of its reports that has no secrets.
        self.masked: str | None = None
        #: Its last report.
        self.report: pytest.TestReport | None = None


class WorkflowItem(pytest.Function):
    """One run of a workflow."""

    def __init__(
        self,
        *,
        prepared: PreparedWorkflow,
        row: int | None,
        variant: str | None,
        calls_service: bool,
        **kwargs: Any,
    ) -> None:
        """`row` is a place in the workflow's rows, from 0."""
        super().__init__(**kwargs)
        self._row = row
        self._line = prepared.line
        self.workflow_id = prepared.workflow.workflow_id
        self.variant = variant
        #: Whether it is asked for where the target of the run is.
        self.calls_service = calls_service
        self.document: ArazzoFile = kwargs["parent"].document
        #: While the item runs.
        self.hooks: pluggy.HookRelay | None = None
        self._progress: ItemProgress | None = None

    @property
    def progress(self) -> ItemProgress:
        """What the item has while it runs."""
        if self._progress is None:
            self._progress = ItemProgress()
        return self._progress

    def end(self) -> None:
        """Let go of everything that was for the run alone."""
        self.hooks = self._progress = None
        self.document.drop_item()

    @property
    def prepared(self) -> PreparedWorkflow:
        """The workflow; held by its document, which lets go of it after its last item."""
        return self.document.find_workflow(self.workflow_id)

    @property
    def row(self) -> Row | None:
        """The row of inputs that the item is of."""
        if self._row is None:
            return None
        rows = self.prepared.extension.rows
        return rows[self._row] if self._row < len(rows) else self.document.fail_changed()

    @property
    def ihook(self) -> pluggy.HookRelay:
        """The hooks of plugins and of the conftests above the item.

        pytest looks for the conftests at each of twenty calls an item; while an item runs they
        are known.
        """
        return self.hooks or self.session.gethookproxy(self.document.folder)

    def reportinfo(self) -> tuple[os.PathLike[str] | str, int | None, str]:
        """The file, the 0-based line of the workflow, and the item's name below the file."""
        return self.path, self._line - 1, self.nodeid.partition("::")[2]

    @cached_property
    def location(self) -> tuple[str, int | None, str]:
        """The file's path below the root, the 0-based line, and the name.

        Node ids of files below the root have this path already, which pytest would work out.
        """
        name = self.nodeid.partition("::")[2]
        # One text for the document and its items: pytest keeps it in each report.
        file = self.document.nodeid.replace("/", os.sep)
        is_below = f"{self.config.rootpath}{os.sep}{file}" == str(self.path)
        return (file, self._line - 1, name) if is_below else super().location

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

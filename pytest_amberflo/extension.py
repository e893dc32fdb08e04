"""`x-amberflo`: what a workflow or step says to this plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias
from urllib.parse import urlsplit

from msgspec import Struct, field

from pytest_amberflo.arazzo.errors import Problem
from pytest_amberflo.arazzo.load import EXTENSION
from pytest_amberflo.arazzo.scope import describe_type
from pytest_amberflo.arazzo.source import read_file_path
from pytest_amberflo.extension_value import MeterSpec, UsageSpec, ValueReader
from pytest_amberflo.marks import MarkError, MarkSpec, is_fixture_name, parse_mark
from pytest_amberflo.recognition import recognize
from pytest_amberflo.row_file import RowFileError, read_row_file
from pytest_amberflo.settings import EMITTER_VARIANTS, VARIANTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_amberflo.arazzo.bound import BoundDocument
    from pytest_amberflo.arazzo.model import Step, Workflow
    from pytest_amberflo.arazzo.source import Pointer

Role: TypeAlias = Literal["ingest", "usage"]
ROLES: Final = ("ingest", "usage")
_WORKFLOW_KEYS: Final = ("rows", "inputs", "variants", "marks", "fixtures", "flush")
#: Every variant that a workflow may want, each once.
_VARIANTS: Final = tuple(dict.fromkeys((*VARIANTS, *EMITTER_VARIANTS)))
_STEP_KEYS: Final = ("role", "usage", "meters", "settle", "validate")
_ROW_KEYS: Final = ("id", "inputs", "without", "marks")


class Row(Struct, frozen=True, kw_only=True):
    """One set of inputs that a workflow is run with."""

    id: str
    inputs: Mapping[str, Any]
    without: frozenset[str] = frozenset()
    marks: tuple[MarkSpec, ...] = ()


class WorkflowExtension(Struct, frozen=True, kw_only=True):
    """What a workflow says."""

    rows: tuple[Row, ...] = ()
    #: Input to the fixture that gives it.
    inputs: Mapping[str, str] = field(default_factory=dict)
    #: The variants it wants, or None for all that are chosen.
    variants: tuple[str, ...] | None = None
    marks: tuple[MarkSpec, ...] = ()
    fixtures: tuple[str, ...] = ()
    #: The step that has a service send what it still holds.
    flush: str | None = None


class StepExtension(Struct, frozen=True, kw_only=True):
    """What a step says."""

    role: Role | None = None
    #: Whether usage that the step reads is judged.
    judges_usage: bool = True
    #: What its usage must show, beside what the ledger says.
    usage: tuple[UsageSpec, ...] = ()
    #: What its call must meter; None where the step does not say.
    meters: tuple[MeterSpec, ...] | None = None
    #: How long its usage may take to show, in seconds; None for the run's setting.
    settle_s: float | None = None
    validates_request: bool = True
    validates_response: bool = True


class StepExtensions(dict[tuple[str, str, str], StepExtension]):
    """What steps say, by the URI of their document, workflowId and stepId; most say nothing."""

    def __missing__(self, key: tuple[str, str, str]) -> StepExtension:
        """What a step says that is not here."""
        return _SILENT_STEP


#: What most of them say.
_SILENT_WORKFLOW: Final = WorkflowExtension()
_SILENT_STEP: Final = StepExtension()


class ExtensionReader:
    """Reads the extensions of a document and keeps what is wrong with them in `problems`."""

    def __init__(self, bound: BoundDocument) -> None:
        self._bound = bound
        self._source = bound.document.source
        self.problems: list[Problem] = []

    def read_steps(self) -> dict[tuple[str, str], StepExtension]:
        """What steps of the document say, by workflowId and stepId."""
        return {
            (workflow.workflow_id, step.step_id): self.read_step(workflow, step)
            for workflow in self._bound.document.workflows
            for step in workflow.steps
            if step.extension is not None
        }

    def read_workflow(self, workflow: Workflow) -> WorkflowExtension:
        """The extension of a workflow."""
        if workflow.extension is None:
            return _SILENT_WORKFLOW
        at = (*workflow.place.pointer, EXTENSION)
        data = self._read_object(workflow.extension, at, _WORKFLOW_KEYS)
        rows = data.get("rows", [])
        variants = data.get("variants")
        return WorkflowExtension(
            rows=self._read_recorded(rows, (*at, "rows"), workflow)
            if isinstance(rows, dict)
            else self._read_rows(rows, (*at, "rows"), workflow),
            inputs=self._read_mapping(data.get("inputs", {}), (*at, "inputs"), workflow),
            variants=None
            if variants is None
            else self._read_variants(variants, (*at, "variants")),
            marks=self._read_marks(data.get("marks", []), (*at, "marks")),
            fixtures=self._read_fixtures(data.get("fixtures", []), (*at, "fixtures")),
            flush=self._read_flush(data.get("flush"), (*at, "flush"), workflow),
        )

    def _read_flush(self, name: Any, at: Pointer, workflow: Workflow) -> str | None:
        """The step that flushes; it must be one that calls an operation."""
        known = tuple(step.step_id for step in workflow.steps if step.workflow_id is None)
        if name is None:
            return None
        if name in known:
            return str(name)
        self._add(at, f"there is no step `{name}` that calls an operation", name, known)
        return None

    def read_step(self, workflow: Workflow, step: Step) -> StepExtension:
        """The extension of a step."""
        at = (*step.place.pointer, EXTENSION)
        data = self._read_object(step.extension, at, _STEP_KEYS)
        role = data.get("role")
        if role is not None and role not in ROLES:
            self._add((*at, "role"), f"`role` is `{role}`; ingest or usage is due", role, ROLES)
            role = None
        values = ValueReader(self._bound.document, workflow, step, self.problems)
        usage = data.get("usage", "auto")
        expected: tuple[UsageSpec, ...] = ()
        if usage is False:  # YAML 1.2 reads `off` as text, other tools write a boolean
            usage = "off"
        if isinstance(usage, list):
            expected = values.read_usage(usage, (*at, "usage"))
        elif usage not in ("auto", "off"):
            message = f"`usage` is `{usage}`; auto, off or a list of expectations is due"
            self._add((*at, "usage"), message)
        meters = None
        if "meters" in data:
            meters = values.read_meters(data["meters"], (*at, "meters"))
            self._check_caller(workflow, step, role, (*at, "meters"))
        settle = data.get("settle")
        if settle is not None and (
            isinstance(settle, bool) or not isinstance(settle, int | float) or settle < 0
        ):
            self._add((*at, "settle"), "`settle` takes seconds from 0")
            settle = None
        validate = self._read_object(
            data.get("validate"), (*at, "validate"), ("request", "response")
        )
        return StepExtension(
            role=role,
            judges_usage=usage != "off",
            usage=expected,
            meters=meters,
            settle_s=settle,
            validates_request=self._read_switch(validate, "request", (*at, "validate")),
            validates_response=self._read_switch(validate, "response", (*at, "validate")),
        )

    def _check_caller(
        self, workflow: Workflow, step: Step, role: Role | None, at: Pointer
    ) -> None:
        """Refuse `meters` where it is not one's own service that is called."""
        if step.workflow_id is not None:
            message = "a step that calls a workflow meters nothing itself: say it of its steps"
            self._add(at, message, key=True)
            return
        target = self._bound.find_target(workflow, step)
        found = role if target is None else recognize(target, role)
        if found in ROLES:
            what = {"ingest": "ingests events", "usage": "queries usage"}[found]
            message = f"`meters` is for calls to your own service, and this step {what} itself"
            self._add(at, message, key=True)

    def _read_switch(self, data: Mapping[str, Any], name: str, at: Pointer) -> bool:
        value = data.get(name, "on")
        if value in ("on", "off", True, False):
            return value in ("on", True)
        self._add((*at, name), f"`{name}` is `{value}`; on or off is due")
        return True

    def _read_object(self, data: Any, at: Pointer, known: tuple[str, ...]) -> Mapping[str, Any]:
        if data is None:
            return {}
        if not isinstance(data, dict):
            self._add(at, f"`{at[-1]}` is {describe_type(data)}; an object is due")
            return {}
        for name in data:
            if name not in known:
                message = f"`{at[-1]}` has no `{name}`; it takes {', '.join(known)}"
                self._add((*at, name), message, name, known, key=True)
        return data

    def _read_rows(self, data: Any, at: Pointer, workflow: Workflow) -> tuple[Row, ...]:
        rows: list[Row] = []
        for index, item in enumerate(self._read_list(data, at)):
            here = (*at, index)
            row = self._read_object(item, here, _ROW_KEYS)
            name = row.get("id")
            if not isinstance(name, str) or not _is_item_name(name):
                self._add(here, "a row needs an `id` of letters, digits, `.`, `-` and `_`")
                continue
            if name in {known.id for known in rows}:
                self._add((*here, "id"), f"row `{name}` stands twice")
                continue
            inputs = row.get("inputs", {})
            self._check_inputs(inputs, (*here, "inputs"), workflow)
            without = self._read_without(row.get("without", []), (*here, "without"), workflow)
            marks = self._read_marks(row.get("marks", []), (*here, "marks"))
            rows.append(
                Row(
                    id=name,
                    inputs=inputs if isinstance(inputs, dict) else {},
                    without=frozenset(without),
                    marks=marks,
                )
            )
        return tuple(rows)

    def _read_recorded(self, data: Any, at: Pointer, workflow: Workflow) -> tuple[Row, ...]:
        """The rows of a file beside the document; each is called by its unique id or line."""
        where = self._read_object(data, at, ("file",)).get("file")
        if not isinstance(where, str) or not where:
            self._add(at, "rows are a list, or `{file: events.jsonl}`")
            return ()
        folder = read_file_path(urlsplit(self._source.uri).path).parent
        try:
            recorded = read_row_file(folder / where, where)
        except RowFileError as error:
            self._add((*at, "file"), str(error))
            return ()
        known = tuple(self._bound.inputs_of(workflow).properties)
        rows: dict[str, Row] = {}
        for row in recorded:
            for name in row.inputs:
                if name not in known:
                    message = f"{where}:{row.line}: workflow `{workflow.workflow_id}` has no "
                    self._add((*at, "file"), f"{message}input `{name}`", name, known)
                    return ()
            given = str(row.inputs.get("uniqueId", ""))
            is_usable = _is_item_name(given) and given not in rows
            row_id = given if is_usable else f"line-{row.line}"
            rows[row_id] = Row(id=row_id, inputs=row.inputs)
        return tuple(rows.values())

    def _check_inputs(self, data: Any, at: Pointer, workflow: Workflow) -> None:
        if not isinstance(data, dict):
            self._add(at, f"`inputs` is {describe_type(data)}; an object is due")
            return
        known = tuple(self._bound.inputs_of(workflow).properties)
        for name in data:
            if name not in known:
                message = f"workflow `{workflow.workflow_id}` has no input `{name}`"
                self._add((*at, name), message, name, known, key=True)

    def _read_mapping(self, data: Any, at: Pointer, workflow: Workflow) -> Mapping[str, str]:
        self._check_inputs(data, at, workflow)
        if not isinstance(data, dict):
            return {}
        for name, fixture in data.items():
            if not is_fixture_name(fixture):
                self._add((*at, name), f"`{fixture}` is no name of a fixture")
        return {name: fixture for name, fixture in data.items() if is_fixture_name(fixture)}

    def _read_variants(self, data: Any, at: Pointer) -> tuple[str, ...]:
        names = self._read_names(data, at)
        if data == []:
            self._add(at, f"`variants` is empty; it takes {', '.join(_VARIANTS)}")
        for index, name in enumerate(names):
            if name not in _VARIANTS:
                self._add((*at, index), f"there is no variant `{name}`", name, _VARIANTS)
        return names

    def _read_without(self, data: Any, at: Pointer, workflow: Workflow) -> tuple[str, ...]:
        names = self._read_names(data, at)
        known = tuple(self._bound.inputs_of(workflow).properties)
        for index, name in enumerate(names):
            if name not in known:
                message = f"workflow `{workflow.workflow_id}` has no input `{name}`"
                self._add((*at, index) if isinstance(data, list) else at, message, name, known)
        return names

    def _read_fixtures(self, data: Any, at: Pointer) -> tuple[str, ...]:
        names = self._read_names(data, at)
        for index, name in enumerate(names):
            if not is_fixture_name(name):
                here = (*at, index) if isinstance(data, list) else at
                self._add(here, f"`{name}` is no name of a fixture")
        return tuple(name for name in names if is_fixture_name(name))

    def _read_marks(self, data: Any, at: Pointer) -> tuple[MarkSpec, ...]:
        marks: list[MarkSpec] = []
        for index, item in enumerate(self._read_list(data, at)):
            try:
                marks.append(parse_mark(item))
            except MarkError as error:
                self._add((*at, index), str(error))
        return tuple(marks)

    def _read_names(self, data: Any, at: Pointer) -> tuple[str, ...]:
        items = self._read_list([data] if isinstance(data, str) else data, at)
        for index, item in enumerate(items):
            if not isinstance(item, str):
                self._add((*at, index), f"{describe_type(item)} stands where a name is due")
        return tuple(item for item in items if isinstance(item, str))

    def _read_list(self, data: Any, at: Pointer) -> list[Any]:
        if isinstance(data, list):
            return data
        self._add(at, f"`{at[-1]}` is {describe_type(data)}; a list is due")
        return []

    def _add(
        self,
        pointer: Pointer,
        message: str,
        name: Any = None,
        candidates: tuple[str, ...] = (),
        *,
        key: bool = False,
    ) -> None:
        self.problems.append(
            Problem(
                span=self._source.locate(pointer, key=key),
                message=message,
                name=str(name) if name is not None else None,
                candidates=candidates,
            )
        )


def _is_item_name(name: str) -> bool:
    return bool(name) and all(char.isalnum() or char in "._-" for char in name)

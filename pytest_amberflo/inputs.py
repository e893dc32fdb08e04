"""The inputs of a workflow: where each comes from, and whether they are what its schema asks.

First wins: option, input file, row, mapped fixture; for identity and time the fixture; the
schema's default; for meter and value the fixture; the schema's examples.
"""

from __future__ import annotations

import json
import math
from copy import deepcopy
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from pytest_amberflo.arazzo.expression import InputRef
from pytest_amberflo.arazzo.input_schema import UnusableSchemaError
from pytest_amberflo.arazzo.uses import find_uses
from pytest_amberflo.naming import find_nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pytest_amberflo.arazzo.input_schema import InputSchema
    from pytest_amberflo.arazzo.model import Workflow

#: Inputs of identity and time, with the fixture (and its attribute) that gives them.
IDENTITY: Final = {
    "apiKey": "amberflo_api_key",
    "customerId": "amberflo_customer_id",
    "uniqueId": "amberflo_unique_id",
    "meterTimeInMillis": "metering_window.event_millis",
    "startTimeInSeconds": "metering_window.start_seconds",
    "endTimeInSeconds": "metering_window.end_seconds",
}
#: Inputs of the meter, for which a default of the schema goes first.
METER: Final = {"meterApiName": "amberflo_meter", "meterValue": "amberflo_meter_value"}
#: What `amberflo_meter_value` is unless a user says otherwise: a fraction shows rounding.
METER_VALUE: Final = 2.5
_WHOLE_METER_VALUE: Final = 3


class InputError(Exception):
    """The inputs of an item cannot be used; the text says which and what to do."""


class MissingInputsError(InputError):
    """Nothing gives the required inputs `names`."""

    def __init__(self, text: str, names: Sequence[str]) -> None:
        super().__init__(text)
        self.names = tuple(names)


class InputSources(Struct, frozen=True, kw_only=True):
    """Everything that inputs of one item can come from."""

    options: Mapping[str, str]
    file: Mapping[str, Any]
    row: Mapping[str, Any]
    #: Input to the name of a fixture.
    fixtures: Mapping[str, str]
    without: frozenset[str]
    #: The value of a fixture by name, with attributes: `metering_window.start_seconds`.
    read_fixture: Callable[[str], Any]


class Inputs(Struct, frozen=True, kw_only=True):
    """The values of an item's inputs, and in words where each came from."""

    values: Mapping[str, Any]
    origins: Mapping[str, str]


def collect_inputs(workflow: Workflow, schema: InputSchema, sources: InputSources) -> Inputs:
    """The value of every declared input that has a source. Raises InputError.

    Where the schema leaves open what else there may be, what the workflow reads counts, too.
    """
    __tracebackhide__ = True
    if sources.without:
        _check_without(workflow, schema, sources.without)
    # Mostly nobody gives anything, and it is all left to fixtures.
    is_given = bool(sources.options or sources.file or sources.row or sources.fixtures)
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for name, member in {**_list_undeclared(workflow, schema), **schema.properties}.items():
        if name in sources.without:
            continue
        found = _find_given(name, member, sources) if is_given else None
        if found is None:
            found = _find_own(name, member, sources)
        if found is not None:
            values[name], origins[name] = found
    return Inputs(values=values, origins=origins)


def _list_undeclared(workflow: Workflow, schema: InputSchema) -> dict[str, Mapping[str, Any]]:
    """The inputs that a workflow reads and that its open schema allows without a word."""
    if not schema.is_open:
        return {}
    expressions = (use.expression for use in find_uses(workflow))
    return {found.name: {} for found in expressions if isinstance(found, InputRef)}


def check_inputs(workflow: Workflow, schema: InputSchema, inputs: Inputs) -> None:
    """Raise InputError for inputs that are missing, or that the workflow's schema refuses."""
    missing = [name for name in schema.required if name not in inputs.values]
    if missing:
        raise MissingInputsError(_describe_missing(workflow, schema, missing), missing)
    try:
        errors = schema.find_errors(inputs.values)
    except UnusableSchemaError as error:
        raise InputError(
            f"the schema of {workflow.workflow_id}'s inputs cannot be used: {error}"
        ) from None
    if errors:
        lines = [f"{workflow.workflow_id} does not accept its inputs:"]
        for found in errors:
            name = str(found.absolute_path[0]) if found.absolute_path else ""
            origin = f"  (from {inputs.origins[name]})" if name in inputs.origins else ""
            label = found.json_path.removeprefix("$.") if name else "inputs"
            lines.append(f"    {label}: {found.message}{origin}")
        raise InputError("\n".join(lines))


def find_unknown(
    names: frozenset[str], known: frozenset[str]
) -> tuple[tuple[str, str | None], ...]:
    """Names that no workflow has as an input, each with the nearest one that exists."""
    return tuple((name, find_nearest(name, known)) for name in sorted(names - known))


def select_file_inputs(data: Mapping[str, Any], workflow_id: str) -> Mapping[str, Any]:
    """The inputs of a file that apply to a workflow: by name, and by workflowId and name."""
    own = data.get(workflow_id)
    return {**data, **own} if isinstance(own, dict) else data


def _check_without(workflow: Workflow, schema: InputSchema, without: frozenset[str]) -> None:
    refused = [name for name in schema.required if name in without]
    if refused:
        names = ", ".join(f"`{name}`" for name in refused)
        raise InputError(
            f"{workflow.workflow_id} requires {names}: only optional inputs can be left out"
        )


def _find_given(
    name: str, schema: Mapping[str, Any], sources: InputSources
) -> tuple[Any, str] | None:
    """What the user gives for an input by its name."""
    __tracebackhide__ = True
    if name in sources.options:
        return _parse_option(name, sources.options[name], schema), f"--amberflo-input {name}"
    for values, origin in ((sources.file, "the input file"), (sources.row, "the row")):
        if name in values:
            return _copy(values[name]), origin
    if name in sources.fixtures:
        return _read(sources, sources.fixtures[name])
    return None


def _find_own(
    name: str, schema: Mapping[str, Any], sources: InputSources
) -> tuple[Any, str] | None:
    """What an input is where the user says nothing of it."""
    __tracebackhide__ = True
    if name in IDENTITY:
        found = _read(sources, IDENTITY[name])
        if found[0] is not None:
            return found
    if "default" in schema:
        return _copy(schema["default"]), "the schema's default"
    if name in METER:
        return _read_meter(name, schema, sources)
    examples = schema.get("examples")
    if isinstance(examples, list) and examples:
        return _copy(examples[0]), "the schema's examples"
    return None


def _copy(value: Any) -> Any:
    """The item's own: a fixture may change it, and what is written is for other items, too."""
    return deepcopy(value) if isinstance(value, dict | list) else value


def _read(sources: InputSources, fixture: str) -> tuple[Any, str]:
    __tracebackhide__ = True
    return sources.read_fixture(fixture), f"the fixture {fixture}"


def _read_meter(name: str, schema: Mapping[str, Any], sources: InputSources) -> tuple[Any, str]:
    __tracebackhide__ = True
    value, origin = _read(sources, METER[name])
    kinds = _kinds_of(schema)
    if value == METER_VALUE and "integer" in kinds and "number" not in kinds:
        value = _WHOLE_METER_VALUE
    return value, origin


def _parse_option(name: str, text: str, schema: Mapping[str, Any]) -> Any:
    kinds = _kinds_of(schema)
    if "string" in kinds:
        return text
    try:
        return _load_finite(text)
    except (ValueError, RecursionError):
        if not kinds:
            return text
    expected = " or ".join(kinds)
    raise InputError(f"--amberflo-input {name}: `{text}` is no {expected} (as JSON)")


def _kinds_of(schema: Mapping[str, Any]) -> list[str]:
    """The types that a schema names; none where it takes any."""
    kind = schema.get("type")
    return [kind] if isinstance(kind, str) else kind if isinstance(kind, list) else []


def _load_finite(text: str) -> Any:
    """The JSON value of a text. Raises ValueError, also for numbers that JSON cannot say."""

    def read_float(digits: str) -> float:
        number = float(digits)
        if not math.isfinite(number):
            raise ValueError(digits)
        return number

    return json.loads(text, parse_float=read_float, parse_constant=read_float)


def _describe_missing(workflow: Workflow, schema: InputSchema, missing: list[str]) -> str:
    several = len(missing) > 1
    count = f"{len(missing)} input{'s' if several else ''}"
    lines = [f"{workflow.workflow_id} needs {count} that nothing gives:"]
    width = max(len(name) for name in missing)
    for name in missing:
        member = schema.properties.get(name, {})
        kind = str(member.get("type", "any"))
        text = member.get("description")
        about = f'  "{" ".join(str(text).split())}"' if text else ""
        lines.append(f"    {name:<{width}}  {kind:<8}{about}")
        lines.append(f"    {'':<{width}}  {_how_to_give(name)}")
    example = missing[0]
    lines += [
        "  or in a conftest.py:",
        "    @pytest.fixture",
        "    def amberflo_inputs(amberflo_inputs):",
        f'        return amberflo_inputs | {{"{example}": ...}}',
    ]
    return "\n".join(lines)


def _how_to_give(name: str) -> str:
    if name == "apiKey":
        return "AMBERFLO_API_KEY in the environment, or the fixture amberflo_api_key"
    return f"--amberflo-input {name}=VALUE, an input file, or a row"

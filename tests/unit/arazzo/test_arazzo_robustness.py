"""No text makes the reader, the loader or the checks fail in any way but their own."""

from __future__ import annotations

import copy
import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st
from unit.arazzo.arazzo_kit import API, effort, read, write_workflow

from pytest_amberflo.arazzo.errors import DocumentError
from pytest_amberflo.arazzo.lint import check_document
from pytest_amberflo.arazzo.load import load_document
from pytest_amberflo.openapi.description import Description

if TYPE_CHECKING:
    from pytest_amberflo.arazzo.source import Source

FLOW = write_workflow(
    """
- stepId: send
  operationId: sendParcel
  parameters:
    - {name: X-Key, in: header, value: $inputs.key}
    - reference: $components.parameters.page
  requestBody:
    contentType: application/json
    payload: {to: "Mx {$inputs.name}", weights: [1, $inputs.weight]}
    replacements: [{target: /to, value: $inputs.name}]
  successCriteria:
    - condition: $statusCode == 201 && $response.body#/id != null
    - {context: $response.body, condition: '$.id', type: jsonpath}
    - {context: $response.body, condition: //id, type: {type: xpath, version: xpath-10}}
  onSuccess:
    - {name: done, type: end, criteria: [{condition: $statusCode == 201}]}
  onFailure:
    - {name: again, type: retry, retryAfter: 1.5, retryLimit: 2}
  outputs: {id: $response.body#/id}
- stepId: track
  operationPath: '{$sourceDescriptions.parcels.url}#/paths/~1parcels~1{parcelId}/get'
  parameters: [{name: parcelId, in: path, value: $steps.send.outputs.id}]
""",
    inputs="{type: object, properties: {key: {}, name: {}, weight: {}}, required: [key]}",
    rest="outputs: {id: $steps.send.outputs.id}\nx-amberflo: {variants: [once]}",
)
FLOW += "components:\n  parameters: {page: {name: page, in: query, value: 1}}\n"

#: What YAML, JSON and expressions give a meaning to.
TOKENS = (
    *"{}[]:,-?&*!|>%@'\"#$\\/~()=<. \t\r\n0",
    "\ufeff",
    "\x85",
    "\u2028",
    "\x00",
    "é",
    "- ",
    ": ",
    "\n  ",
    "---\n",
    "<<: ",
    "!!str ",
    "&a ",
    "*a ",
    "{$",
    "$inputs.",
    "null",
    "1e999",
    "0x",
    "\\ud83d",
)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["", "$inputs.x", "{$", "$steps.a.outputs.b", "1.0.1", "path", "goto"])
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["name", "type", "reference", "value", "$ref"]) | st.text(max_size=4),
            inner,
            max_size=2,
        )
    ),
    max_leaves=4,
)


def read_quietly(text: str, *, is_json: bool = False) -> Source | None:
    """The source of a text, or None where it is refused; the refusal can be printed."""
    try:
        return read(text, is_json=is_json)
    except DocumentError as error:
        report = str(error)
    assert report.startswith("doc")
    return None


def use(source: Source) -> None:
    """Take a source all the way to a checked document, printing what is refused."""
    try:
        document = load_document(source)
        problems = check_document(document)
        report = str(DocumentError(source.name, source.text, problems)) or "doc"
    except DocumentError as error:
        report = str(error)
    assert report.startswith("doc")


@st.composite
def splices(draw: st.DrawFn, text: str) -> str:
    """The text with pieces left out, repeated or replaced by a token, up to four times."""
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 12)))
        piece = draw(st.sampled_from([*TOKENS, text[start:end] * 2, ""]))
        text = text[:start] + piece + text[end:]
    return text


@st.composite
def swaps(draw: st.DrawFn, text: str) -> Any:
    """The data of a text with up to three values replaced by something else."""
    data = copy.deepcopy(read(text).data)
    for _ in range(draw(st.integers(1, 3))):
        owner = data
        while isinstance(owner, dict | list) and owner:
            keys = list(owner) if isinstance(owner, dict) else list(range(len(owner)))
            key = draw(st.sampled_from(keys))
            inner = owner[key]
            if not inner or not isinstance(inner, dict | list) or draw(st.booleans()):
                owner[key] = draw(values)
                break
            owner = inner
    return data


@effort(120)
@given(st.text(), st.booleans())
def test_any_text_is_read_or_refused(text: str, is_json: bool) -> None:  # noqa: FBT001
    """Text of any characters is a source or a DocumentError."""
    read_quietly(text, is_json=is_json)


@effort(150)
@given(st.lists(st.sampled_from(TOKENS), max_size=40).map("".join), st.booleans())
def test_any_syntax_is_read_or_refused(text: str, is_json: bool) -> None:  # noqa: FBT001
    """Text of nothing but syntax is a source or a DocumentError."""
    read_quietly(text, is_json=is_json)


@effort(150)
@given(splices(FLOW))
def test_a_damaged_document_is_used_or_refused(text: str) -> None:
    """A workflow with pieces missing, repeated or replaced passes or is refused."""
    source = read_quietly(text)
    if source is not None:
        use(source)


@effort(120)
@given(splices(json.dumps(read(FLOW).data, indent=1)))
def test_a_damaged_document_in_json_is_used_or_refused(text: str) -> None:
    """The same holds for a workflow in JSON."""
    source = read_quietly(text, is_json=True)
    if source is not None:
        use(source)


@effort(150)
@given(swaps(FLOW))
def test_a_document_of_other_values_is_used_or_refused(data: Any) -> None:
    """A workflow with values of other types and shapes passes or is refused."""
    use(read(json.dumps(data), is_json=True))


@effort(120)
@given(swaps(API))
def test_a_description_of_other_values_is_used_or_refused(data: Any) -> None:
    """A description with values of other types gives its operations or is refused."""
    with suppress(DocumentError):
        description = Description(read(json.dumps(data), is_json=True))
        for name in description.operation_ids:
            assert description.find(name)
        description.list_paths()

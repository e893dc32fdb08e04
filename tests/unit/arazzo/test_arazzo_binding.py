"""Steps and the operations that they call, found in the descriptions of a document."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from unit.arazzo.arazzo_kit import API, bind, find_problems, first_lines, write_workflow

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_amberflo.arazzo.bound import Target


def call(target: str, *, sources: str = "") -> str:
    """A document whose only step has this target; line 9 without further sources."""
    text = write_workflow(f"- stepId: one\n  {target}\n")
    return text.replace("workflows:\n", f"{sources}workflows:\n", 1)


def target_of(text: str, api: str = API) -> Target:
    """What the only step of a document calls."""
    bound = bind(text, api)
    workflow = bound.document.workflows[0]
    return bound.target_of(workflow, workflow.steps[0])


@pytest.mark.parametrize(
    "target",
    [
        "operationId: sendParcel",
        "operationId: $sourceDescriptions.parcels.sendParcel",
        "operationPath: '{$sourceDescriptions.parcels.url}#/paths/~1parcels/post'",
        "operationPath: $sourceDescriptions.parcels.url#/paths/~1parcels/post",
        "operationPath: '{$sourceDescriptions.parcels.url}#/paths/%2Fparcels/post'",
    ],
)
def test_an_operation_is_found_by_every_form_of_its_name(target: str) -> None:
    """An id, an id with its source, and a path with or without braces lead to one operation."""
    found = target_of(call(target))
    assert found.source_name == "parcels"
    assert (found.operation.method, found.operation.path) == ("POST", "/parcels")


@pytest.mark.parametrize(
    "path",
    [
        "~1parcels~1{parcelId}",
        "~1parcels~1%7BparcelId%7D",
        "~1parcels~1%7bparcelId%7d",
    ],
)
def test_braces_of_a_path_stand_plain_or_percent_encoded(path: str) -> None:
    """A fragment of a URI has its braces encoded; most writers leave them plain."""
    text = call(f"operationPath: '{{$sourceDescriptions.parcels.url}}#/paths/{path}/delete'")
    assert target_of(text).operation.path == "/parcels/{parcelId}"


def test_tildes_and_spaces_of_a_path_are_unescaped() -> None:
    """A path is a token of a JSON Pointer, in a fragment of a URI."""
    api = API.replace("  /parcels:\n", "  /a b~c/{x}:\n", 1)
    for path in ("~1a b~0c~1{x}", "~1a%20b~0c~1%7Bx%7D"):
        text = call(f"operationPath: '{{$sourceDescriptions.parcels.url}}#/paths/{path}/post'")
        assert target_of(text, api).operation.path == "/a b~c/{x}"


@pytest.mark.parametrize(
    ("target", "lines"),
    [
        (
            "operationId: sendParcels",
            [
                "no operation `sendParcels` in source `parcels`",
                "Did you mean `sendParcel`?",
                "parcels.yaml has 3 operations",
            ],
        ),
        (
            "operationId: sendparcel",
            [
                "no operation `sendparcel` in source `parcels`",
                "Did you mean `sendParcel`?",
                "parcels.yaml has 3 operations",
            ],
        ),
        (
            "operationId: $sourceDescriptions.parcels.track",
            [
                "no operation `track` in source `parcels`",
                "Did you mean `trackParcel`?",
                "parcels.yaml has 3 operations",
            ],
        ),
        (
            "operationId: $sourceDescriptions.parcels.url",
            ["no operation `url` in source `parcels`", "parcels.yaml has 3 operations"],
        ),
        (
            "operationId: $sourceDescriptions.parcel.sendParcel",
            ["there is no source description `parcel`", "Did you mean `parcels`?"],
        ),
        (
            "operationId: $inputs.operation",
            ["`$inputs.operation` does not refer to `$sourceDescriptions`"],
        ),
        (
            "operationId: $sourceDescription.parcels.sendParcel",
            [
                "`$sourceDescription.parcels.sendParcel` does not parse: a runtime expression "
                "is due at character 1, before `$sourceDescr`",
                "Did you mean `$sourceDescriptions`?",
            ],
        ),
        (
            "operationPath: '{$sourceDescriptions.parcel.url}#/paths/~1parcels/post'",
            ["there is no source description `parcel`", "Did you mean `parcels`?"],
        ),
    ],
)
def test_an_operation_that_is_not_there_is_answered_with_the_nearest(
    tmp_path: Path, target: str, lines: list[str]
) -> None:
    """The report says what was looked for and where, and what is there."""
    first, *rest = find_problems(tmp_path, call(target)).splitlines()
    assert first.partition("  ")[2] == lines[0]
    assert [line.strip() for line in rest if line.startswith("  ") and line[2] not in " >"] == (
        lines[1:]
    )


@pytest.mark.parametrize(
    ("pointer", "near"),
    [
        ("/paths/~1parcels/put", "post /parcels"),
        ("/paths/~1parcels/POST", "post /parcels"),
        ("/paths/parcels/post", "post /parcels"),
        ("/paths/~1parcel/get", "get /parcels"),
        ("/paths/~1parcels~1{parcelID}/get", "get /parcels/{parcelId}"),
    ],
)
def test_a_path_without_an_operation_is_answered_with_the_nearest(
    tmp_path: Path, pointer: str, near: str
) -> None:
    """Method and path are compared with those that the description has."""
    text = call(f"operationPath: '{{$sourceDescriptions.parcels.url}}#{pointer}'")
    report = find_problems(tmp_path, text)
    first = f"flow.arazzo.yaml:9:24  no operation at `#{pointer}` in source `parcels`"
    assert report.splitlines()[0] == first
    assert f"  Did you mean `{near}`?" in report


def test_an_operation_without_an_id_is_suggested_too(tmp_path: Path) -> None:
    """A path is the very way to call operations that have no id, so they are candidates."""
    text = call(
        "operationPath: '{$sourceDescriptions.parcels.url}#/paths/~1parcels~1{parcelId}/delet'"
    )
    assert "Did you mean `delete /parcels/{parcelId}`?" in find_problems(tmp_path, text)


@pytest.mark.parametrize(
    "path",
    [
        "/parcels",
        "#/paths/~1parcels/post",
        "parcels.yaml#/paths/~1parcels/post",
        "{$sourceDescriptions.parcels}#/paths/~1parcels/post",
        "{$sourceDescriptions.parcels.name}#/paths/~1parcels/post",
        "{$sourceDescriptions.parcels.url}/paths/~1parcels/post",
        "{$sourceDescriptions.parcels.url}#paths/~1parcels/post",
        "{$sourceDescriptions.parcels.url}#",
        "{$sourceDescriptions.parcels.url}",
        "{$inputs.url}#/paths/~1parcels/post",
        "$sourceDescriptions.parcels.url",
        "$inputs.url#/paths/~1parcels/post",
        "{$nothing}#/paths/~1parcels/post",
    ],
)
def test_what_is_no_operation_path_is_answered_with_the_form(tmp_path: Path, path: str) -> None:
    """Sources, fields and pointers have one form."""
    report = find_problems(tmp_path, call(f"operationPath: '{path}'"))
    assert f"  `{path}` is no operationPath\n" in report
    hint = "The form is `{$sourceDescriptions.NAME.url}#/paths/~1PATH/METHOD`"
    assert report.endswith(f"\n  {hint}")


def test_a_bare_id_with_several_sources_is_answered_with_the_qualified_forms(
    tmp_path: Path,
) -> None:
    """Only sources that have the operation are suggested, or else all."""
    other = API.replace("sendParcel", "postParcel")
    (tmp_path / "other.yaml").write_text(other)
    sources = "  - {name: other, url: other.yaml}\n"
    hint = "  With several sources the qualified form is due: "
    for name, forms in {
        "sendParcel": "`$sourceDescriptions.parcels.sendParcel`",
        "postParcel": "`$sourceDescriptions.other.postParcel`",
        "listParcels": "`$sourceDescriptions.parcels.listParcels` or "
        "`$sourceDescriptions.other.listParcels`",
        "nothing": "`$sourceDescriptions.parcels.nothing` or `$sourceDescriptions.other.nothing`",
    }.items():
        report = find_problems(tmp_path, call(f"operationId: {name}", sources=sources))
        assert report.splitlines()[0] == (
            f"flow.arazzo.yaml:10:22  `{name}` does not say which of 2 sources it is in"
        )
        assert report.splitlines()[-1] == hint + forms


def test_a_qualified_id_with_several_sources_is_found(tmp_path: Path) -> None:
    """The qualified form says which source is meant."""
    (tmp_path / "other.yaml").write_text(API)
    sources = "  - {name: other, url: other.yaml}\n"
    for form in (
        "operationId: $sourceDescriptions.other.sendParcel",
        "operationPath: '{$sourceDescriptions.other.url}#/paths/~1parcels/post'",
    ):
        assert find_problems(tmp_path, call(form, sources=sources)) == ""


def test_a_description_that_is_not_there_is_reported_at_its_url(tmp_path: Path) -> None:
    """The nearest file beside the workflow is suggested; steps are not blamed for it."""
    text = call("operationId: sendParcel").replace("url: parcels.yaml", "url: parcel.yaml")
    assert find_problems(tmp_path, text).splitlines() == [
        "flow.arazzo.yaml:4:26  source `parcels`: there is no file parcel.yaml",
        "",
        "      2  info: {title: Parcels, version: 1.0.0}",
        "      3  sourceDescriptions:",
        "  >   4    - {name: parcels, url: parcel.yaml, type: openapi}",
        "                                  ^^^^^^^^^^^",
        "  Did you mean `parcels.yaml`?",
    ]


@pytest.mark.parametrize(
    ("content", "found", "column"),
    [
        ("swagger: '2.0'\n", "it is Swagger 2.0; OpenAPI 3.0.x, 3.1.x and 3.2.x are read", 10),
        ("- a\n", "it is an array", 1),
        ("just text\n", "it is a string", 1),
        ("{}\n", "it has no `openapi`", 1),
        ("openapi: 4.0.0\n", "its version is `4.0.0`; 3.0.x, 3.1.x and 3.2.x are read", 10),
    ],
)
def test_a_file_that_is_no_description_is_quoted_in_the_report(
    tmp_path: Path, content: str, found: str, column: int
) -> None:
    """The problem stands at the source's url, with the lines of the other file below it."""
    (tmp_path / "other.yaml").write_text(content)
    text = call("operationId: sendParcel").replace("url: parcels.yaml", "url: other.yaml")
    line = content.strip()
    assert find_problems(tmp_path, text) == "\n".join(
        [
            "flow.arazzo.yaml:4:26  source `parcels` cannot be used",
            "",
            "      2  info: {title: Parcels, version: 1.0.0}",
            "      3  sourceDescriptions:",
            "  >   4    - {name: parcels, url: other.yaml, type: openapi}",
            "                                  ^^^^^^^^^^",
            f"  other.yaml:1:{column}  not an OpenAPI description: {found}",
            "  ",
            f"    >   1  {line}",
            " " * (10 + column) + "^" * (len(line) - column + 1),
        ]
    )


def test_every_source_that_cannot_be_opened_is_reported(tmp_path: Path) -> None:
    """One bad source does not hide the next."""
    text = call(
        "operationId: $sourceDescriptions.parcels.sendParcel",
        sources="  - {name: b, url: b.yaml}\n  - {name: c, url: https://example.com/c.yaml}\n",
    )
    assert first_lines(find_problems(tmp_path, text)) == [
        "flow.arazzo.yaml:5:20  source `b`: there is no file b.yaml",
        "flow.arazzo.yaml:6:20  source `c`: https://example.com/c.yaml is not fetched here",
    ]

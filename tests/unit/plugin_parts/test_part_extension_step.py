"""`x-amberflo` of steps: every key, and what is wrong with its place."""

from __future__ import annotations

from typing import Any

import pytest
from unit.plugin_parts.extension_kit import list_lines, read_step

from pytest_amberflo.extension import StepExtension


@pytest.mark.parametrize("extension", [None, {}])
def test_a_step_without_extension_has_the_defaults(extension: Any) -> None:
    """Nothing said is no role, judged usage, the run's time to settle, and all checks."""
    found, problems = read_step(extension)
    assert problems == []
    assert found == StepExtension(
        role=None,
        judges_usage=True,
        settle_s=None,
        validates_request=True,
        validates_response=True,
    )


@pytest.mark.parametrize(
    ("extension", "line"),
    [
        ({"validate": []}, '"validate": []'),
        ({"usage": []}, '"usage": []'),
        ({"settle": {}}, '"settle": {}'),
        ({"role": []}, '"role": []'),
        ({"validate": {"request": {}}}, '"request": {}'),
        ({"validate": {"response": []}}, '"response": []'),
    ],
)
def test_a_problem_of_a_step_stands_on_the_line_of_its_value(extension: Any, line: str) -> None:
    """So are those of a step."""
    assert list_lines(extension, of_step=True) == [line]


@pytest.mark.parametrize(
    ("extension", "expected"),
    [
        ({"role": "ingest"}, StepExtension(role="ingest")),
        ({"role": "usage"}, StepExtension(role="usage")),
        ({"usage": "auto"}, StepExtension()),
        ({"usage": "off"}, StepExtension(judges_usage=False)),
        ({"usage": False}, StepExtension(judges_usage=False)),
        ({"settle": 0}, StepExtension(settle_s=0)),
        ({"settle": 2.5}, StepExtension(settle_s=2.5)),
        ({"validate": {"request": "off"}}, StepExtension(validates_request=False)),
        ({"validate": {"request": False}}, StepExtension(validates_request=False)),
        ({"validate": {"response": "off"}}, StepExtension(validates_response=False)),
        ({"validate": {"request": "on", "response": True}}, StepExtension()),
        ({"validate": {}}, StepExtension()),
        ({"settle": None}, StepExtension()),
    ],
)
def test_every_key_of_a_step(extension: Any, expected: StepExtension) -> None:
    """Role, usage, settle and validate, each by itself."""
    assert read_step(extension) == (expected, [])


@pytest.mark.parametrize(
    ("extension", "problem"),
    [
        (
            {"roles": "ingest"},
            '"roles": `x-amberflo` has no `roles`; '
            "it takes role, usage, meters, settle, validate (role?)",
        ),
        (
            {"role": "ingset"},
            '"ingset": `role` is `ingset`; ingest or usage is due (ingest?)',
        ),
        ({"role": 7}, "7: `role` is `7`; ingest or usage is due"),
        ({"usage": "no"}, '"no": `usage` is `no`; auto, off or a list of expectations is due'),
        ({"usage": True}, "true: `usage` is `True`; auto, off or a list of expectations is due"),
        ({"meters": {}}, "{}: `meters` is an object; a list is due"),
        ({"settle": -1}, "-1: `settle` takes seconds from 0"),
        ({"settle": "3"}, '"3": `settle` takes seconds from 0'),
        ({"settle": True}, "true: `settle` takes seconds from 0"),
        ({"validate": "off"}, '"off": `validate` is a string; an object is due'),
        ({"validate": {"request": "no"}}, '"no": `request` is `no`; on or off is due'),
        (
            {"validate": {"respons": "off"}},
            '"respons": `validate` has no `respons`; it takes request, response (response?)',
        ),
    ],
)
def test_what_is_wrong_with_a_step_has_its_place(extension: Any, problem: str) -> None:
    """Wrong keys and values are told where they stand, and nothing of them is taken."""
    found, problems = read_step(extension)
    assert problems == [problem]
    assert (found.role, found.judges_usage, found.settle_s) == (None, True, None)
    assert (found.validates_request, found.validates_response) == (True, True)

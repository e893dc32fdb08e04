"""Values of `x-amberflo` in which expressions stand: compiled and checked at collection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct, field

from pytest_amberflo.arazzo.errors import ExpressionSyntaxError, Problem
from pytest_amberflo.arazzo.excerpt import narrow_span
from pytest_amberflo.arazzo.references import check_reference
from pytest_amberflo.arazzo.scope import describe_type
from pytest_amberflo.arazzo.template import (
    Literal,
    Template,
    compile_template,
    find_expressions,
    find_syntax_errors,
)
from pytest_amberflo.arazzo.uses import Use
from pytest_amberflo.arazzo.ways import find_ways

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_amberflo.arazzo.excerpt import Span
    from pytest_amberflo.arazzo.model import Document, Step, Workflow
    from pytest_amberflo.arazzo.source import Pointer

_METER_KEYS: Final = ("meter", "customer", "value", "dimensions", "match")
_METER_REQUIRED: Final = ("meter", "customer", "value")
_USAGE_KEYS: Final = ("value", "group", "bucket")


class MeterSpec(Struct, frozen=True, kw_only=True):
    """An event that a call must meter, as a document says it."""

    meter: Template
    customer: Template
    value: Template
    #: Dimensions that the event must have.
    dimensions: Mapping[str, Template] = field(default_factory=dict)
    #: `uniqueId`, or dimensions, that tell this call's event from those of other calls.
    match: Mapping[str, Template] = field(default_factory=dict)
    span: Span


class UsageSpec(Struct, frozen=True, kw_only=True):
    """Usage that the answer of a step must show, as a document says it."""

    value: Template
    #: The dimensions of the groups that are meant; all groups where there are none.
    group: Mapping[str, Template] = field(default_factory=dict)
    #: The start of the bucket that is meant, in seconds; all buckets where there is none.
    bucket: Template | None = None
    span: Span


class ValueReader:
    """Reads lists of objects with expressions for one step; keeps problems in `problems`."""

    def __init__(
        self, document: Document, workflow: Workflow, step: Step, problems: list[Problem]
    ) -> None:
        self._document = document
        self._workflow = workflow
        self._step = step
        self._problems = problems

    def read_meters(self, data: Any, at: Pointer) -> tuple[MeterSpec, ...]:
        """What a call must meter; nothing is an empty list."""
        found: list[MeterSpec] = []
        for here, item in self._each_object(data, at, _METER_KEYS):
            missing = [name for name in _METER_REQUIRED if name not in item]
            for name in missing:
                self._add(here, f"an event of `meters` has no `{name}`")
            values = {
                name: self._compile(item[name], (*here, name), "a text or a number")
                for name in _METER_REQUIRED
                if name in item
            }
            dimensions = self._read_named(item, here, "dimensions")
            match = self._read_named(item, here, "match")
            if len(values) == len(_METER_REQUIRED):
                span = self._document.source.locate(here)
                found.append(MeterSpec(**values, dimensions=dimensions, match=match, span=span))
        return tuple(found)

    def read_usage(self, data: Any, at: Pointer) -> tuple[UsageSpec, ...]:
        """What the answer to a usage query must show."""
        if data == []:
            self._add(at, "`usage` is empty; auto, off or a list of expectations is due")
        found: list[UsageSpec] = []
        for here, item in self._each_object(data, at, _USAGE_KEYS):
            if "value" not in item:
                self._add(here, "an expectation of `usage` has no `value`")
                continue
            bucket = None
            if "bucket" in item:
                bucket = self._compile(item["bucket"], (*here, "bucket"), "seconds since 1970")
            found.append(
                UsageSpec(
                    value=self._compile(item["value"], (*here, "value"), "a number"),
                    group=self._read_named(item, here, "group"),
                    bucket=bucket,
                    span=self._document.source.locate(here),
                )
            )
        return tuple(found)

    def _each_object(
        self, data: Any, at: Pointer, known: tuple[str, ...]
    ) -> Iterator[tuple[Pointer, dict[str, Any]]]:
        if not isinstance(data, list):
            self._add(at, f"`{at[-1]}` is {describe_type(data)}; a list is due")
            return
        for index, item in enumerate(data):
            here = (*at, index)
            if not isinstance(item, dict):
                self._add(here, f"{describe_type(item)} stands where an object is due")
                continue
            for name in item:
                if name not in known:
                    message = f"`{at[-1]}` has no `{name}`; it takes {', '.join(known)}"
                    self._add((*here, name), message, name, known, key=True)
            yield here, item

    def _read_named(self, item: Mapping[str, Any], at: Pointer, name: str) -> dict[str, Template]:
        data = item.get(name, {})
        here = (*at, name)
        if not isinstance(data, dict):
            self._add(here, f"`{name}` is {describe_type(data)}; an object is due")
            return {}
        return {key: self._compile(value, (*here, key), "a text") for key, value in data.items()}

    def _compile(self, value: Any, at: Pointer, due: str) -> Template:
        """The template of a scalar; what is wrong with it becomes a problem."""
        if isinstance(value, dict | list | bool) or value is None:
            self._add(at, f"`{at[-1]}` is {describe_type(value)}; {due} is due")
            return Literal(value)
        try:
            template = compile_template(value)
        except ExpressionSyntaxError:
            for _, error in find_syntax_errors(value):
                self._problems.append(
                    Problem(
                        span=self._narrow(at, error.text, error.offset),
                        message=error.message,
                        name=error.name,
                        candidates=error.candidates,
                    )
                )
            return Literal(value)
        ways = find_ways(self._workflow)
        for _, expression in find_expressions(template):
            use = Use(
                expression=expression,
                pointer=at,
                workflow=self._workflow,
                step=self._step,
                after_call=True,
                after_step=True,
            )
            text = str(expression)
            for message, name, candidates in check_reference(use, self._document, ways):
                span = self._narrow(at, value, max(0, value.find(text)), len(text))
                self._problems.append(
                    Problem(span=span, message=message, name=name, candidates=candidates)
                )
        return template

    def _narrow(self, at: Pointer, text: str, offset: int, length: int = 1) -> Span:
        source = self._document.source
        return narrow_span(source.locate(at), source.text, text, offset, length)

    def _add(
        self,
        at: Pointer,
        message: str,
        name: str | None = None,
        candidates: tuple[str, ...] = (),
        *,
        key: bool = False,
    ) -> None:
        span = self._document.source.locate(at, key=key)
        self._problems.append(
            Problem(span=span, message=message, name=name, candidates=candidates)
        )

"""What a call must meter, with the values of that call."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from pytest_amberflo.arazzo.errors import EvaluationError
from pytest_amberflo.arazzo.scope import ABSENT, describe_type
from pytest_amberflo.arazzo.template import render, to_text
from pytest_amberflo.metering.emission import Declared
from pytest_amberflo.metering.number import normalize

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pytest_amberflo.arazzo.scope import Scope
    from pytest_amberflo.arazzo.template import Template
    from pytest_amberflo.extension_value import MeterSpec
    from pytest_amberflo.metering.emission import Attributes, CallMark


class DeclarationError(ValueError):
    """What a call must meter cannot be told; the text says which part and why."""


def declare(
    specs: Iterable[MeterSpec], scope: Scope, call: CallMark, *, is_optional: bool
) -> tuple[Declared, ...]:
    """The events of a call. Raises DeclarationError."""
    return tuple(
        Declared(
            call=call,
            meter=_read_name(spec.meter, scope, "meter"),
            customer=_read_name(spec.customer, scope, "customer"),
            value=_read_number(spec.value, scope),
            dimensions=_read_attributes(spec.dimensions, scope, "dimensions"),
            match=_read_attributes(spec.match, scope, "match"),
            is_optional=is_optional,
        )
        for spec in specs
    )


def to_decimal(value: Any) -> Decimal | None:
    """The number that a value is, also as text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = Decimal(value if isinstance(value, str) else repr(value))
    except InvalidOperation:
        return None
    return normalize(number) if number.is_finite() else None


def _render(template: Template, scope: Scope, what: str) -> Any:
    try:
        return render(template, scope)
    except EvaluationError as error:
        raise DeclarationError(f"`{what}` of `meters` has no value: {error}") from None


def _read_name(template: Template, scope: Scope, what: str) -> str:
    value = _render(template, scope, what)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if value is ABSENT:
        raise DeclarationError(f"`{what}` of `meters` is an input that was not given")
    if not isinstance(value, str) or not value:
        shown = "an empty text" if value == "" else describe_type(value)
        raise DeclarationError(f"`{what}` of `meters` is {shown}; a name is due")
    return value


def _read_number(template: Template, scope: Scope) -> Decimal:
    value = _render(template, scope, "value")
    if value is ABSENT:
        raise DeclarationError("`value` of `meters` is an input that was not given")
    number = to_decimal(value)
    if number is None:
        shown = f"`{value}`" if isinstance(value, str) else describe_type(value)
        raise DeclarationError(f"`value` of `meters` is {shown}; a number is due")
    return number


def _read_attributes(members: Mapping[str, Template], scope: Scope, what: str) -> Attributes:
    """Names and texts; what is an input that was not given is left out."""
    found = []
    for name, template in members.items():
        value = _render(template, scope, f"{what}.{name}")
        if value is ABSENT:
            continue
        if isinstance(value, dict | list) or value is None:
            text = f"`{what}.{name}` of `meters` is {describe_type(value)}; a text is due"
            raise DeclarationError(text)
        found.append((name, to_text(value)))
    return tuple(sorted(found))

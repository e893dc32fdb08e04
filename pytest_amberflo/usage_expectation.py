"""Usage that a document itself says must be shown, beside what the ledger says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from pytest_amberflo.arazzo.errors import EvaluationError
from pytest_amberflo.arazzo.scope import ABSENT, describe_type
from pytest_amberflo.arazzo.template import render, to_text
from pytest_amberflo.emitter.declaring import to_decimal
from pytest_amberflo.metering.number import (
    add_exactly,
    format_number,
    is_within,
    tolerance_of,
)
from pytest_amberflo.metering.usage import UsageShapeError, read_usage
from pytest_amberflo.verdict import CheckOutcome

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

    from pytest_amberflo.arazzo.events import Call
    from pytest_amberflo.arazzo.scope import Scope
    from pytest_amberflo.arazzo.template import Template
    from pytest_amberflo.courier import Courier
    from pytest_amberflo.extension_value import UsageSpec
    from pytest_amberflo.http.exchange import Exchange
    from pytest_amberflo.judge import UsageJudge
    from pytest_amberflo.metering.query import UsageQuery
    from pytest_amberflo.metering.usage import Reading
    from pytest_amberflo.patience import PatientClock
    from pytest_amberflo.reader import UsageReader
    from pytest_amberflo.run import Run

#: The first pause between two readings, and the longest, in seconds.
_FIRST_PAUSE_S: Final = 0.05
_LONGEST_PAUSE_S: Final = 2.0


class ExpectationError(ValueError):
    """An expectation cannot be judged; the text says why."""


class Expectation(Struct, frozen=True, kw_only=True):
    """A number that an answer must show, as the sum of some of its cells."""

    value: Decimal
    #: Dimensions of the groups that are meant.
    group: tuple[tuple[str, str], ...]
    bucket: int | None

    def find_seen(self, reading: Reading, query: UsageQuery) -> Decimal:
        """What an answer shows of it. Raises ExpectationError."""
        for name, _ in self.group:
            if name not in query.group_by:
                known = ", ".join(query.group_by) or "nothing"
                raise ExpectationError(f"the query does not group by `{name}`, but by {known}")
        wanted = dict(self.group)
        return add_exactly(
            [
                number
                for key, buckets in reading.groups.items()
                if all(
                    value == wanted.get(name, value)
                    for name, value in zip(query.group_by, key, strict=True)
                )
                for bucket, number in buckets.items()
                if self.bucket in (None, bucket)
            ]
        )

    def describe(self, query: UsageQuery) -> str:
        """What is meant: `usage of meter m, region eu`."""
        named = "".join(f", {name} {value}" for name, value in self.group)
        when = "" if self.bucket is None else f", bucket {self.bucket}"
        return f"usage of meter {query.meter}{named}{when}"


class ExpectationJudge:
    """Reads usage until every expectation of a step holds, or for as long as it may take."""

    def __init__(
        self,
        run: Run,
        courier: Courier,
        reader: UsageReader,
        judge: UsageJudge,
        clock: PatientClock,
    ) -> None:
        self._run = run
        self._courier = courier
        self._reader = reader
        self._judge = judge
        self._clock = clock

    def settle(self, call: Call, query: UsageQuery, exchange: Exchange) -> Exchange:
        """The last reading; the verdict becomes a check. Raises NotJudgedError."""
        extension = self._courier.extension_of(call)
        try:
            assert call.after is not None
            expected = [_evaluate(spec, call.after(exchange)[0]) for spec in extension.usage]
            exchange, wrong = self._wait(call, query, expected, exchange, extension.settle_s)
        except (ExpectationError, UsageShapeError) as error:
            self._courier.add(call, "usage", CheckOutcome.ERROR, str(error), exchange=exchange)
            return exchange
        self._judge.note_judged()
        if not wrong:
            shown = ", ".join(format_number(one.value) for one in expected)
            message = f"usage {shown} as the step expects"
            self._courier.add(call, "usage", CheckOutcome.PASSED, message)
            return exchange
        message = " ".join((f"{'; '.join(wrong)}.", *self._judge.find_twins()))
        level = self._run.settings.level_of("usage")
        outcome = CheckOutcome.WARNED if level == "warn" else CheckOutcome.FAILED
        self._courier.add(call, "usage", outcome, message, exchange=exchange)
        return exchange

    def _wait(
        self,
        call: Call,
        query: UsageQuery,
        expected: Sequence[Expectation],
        exchange: Exchange,
        settle_s: float | None,
    ) -> tuple[Exchange, list[str]]:
        pace = self._run.pace
        patience_s = pace.settle_s if settle_s is None else settle_s
        end = self._clock.now() + min(patience_s, pace.seconds_left)
        pause_s = _FIRST_PAUSE_S
        while True:
            wrong = _compare(expected, exchange, query)
            left = end - self._clock.now()
            if not wrong or left <= 0:
                return exchange, wrong
            self._clock.sleep(min(pause_s, left))
            pause_s = min(_LONGEST_PAUSE_S, pause_s * 1.5)
            exchange = self._reader.read(call, "poll")


def _compare(expected: Sequence[Expectation], exchange: Exchange, query: UsageQuery) -> list[str]:
    """What an answer does not show as it is expected. Raises as reading usage does."""
    response = exchange.response
    if response is None or response.status != 200:
        return ["there is no usage to look at"]
    reading = read_usage(response.body, query)
    wrong = []
    for one in expected:
        seen = one.find_seen(reading, query)
        if not is_within(seen, one.value, tolerance_of([seen, one.value])):
            due, came = format_number(one.value), format_number(seen)
            wrong.append(f"{one.describe(query)}: the step expects {due}, {came} is shown")
    return wrong


def _evaluate(spec: UsageSpec, scope: Scope) -> Expectation:
    value = to_decimal(_render(spec.value, scope, "value"))
    if value is None:
        raise ExpectationError("`value` of `usage` is no number")
    bucket = None
    if spec.bucket is not None:
        number = to_decimal(_render(spec.bucket, scope, "bucket"))
        if number is None or number != number.to_integral_value():
            raise ExpectationError("`bucket` of `usage` is no whole number of seconds")
        bucket = int(number)
    group = [
        (name, to_text(_render(template, scope, f"group.{name}")))
        for name, template in spec.group.items()
    ]
    return Expectation(value=value, group=tuple(group), bucket=bucket)


def _render(template: Template, scope: Scope, what: str) -> Any:
    try:
        value = render(template, scope)
    except EvaluationError as error:
        raise ExpectationError(f"`{what}` of `usage` has no value: {error}") from None
    if value is ABSENT:
        raise ExpectationError(f"`{what}` of `usage` is an input that was not given")
    if isinstance(value, dict | list) or value is None:
        raise ExpectationError(f"`{what}` of `usage` is {describe_type(value)}")
    return value

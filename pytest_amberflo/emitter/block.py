"""A block of a Python test in which a service is called, and what it must meter."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final, Self

from pytest_amberflo.emitter.declaring import to_decimal
from pytest_amberflo.emitter.entering import foresee, list_heard
from pytest_amberflo.metering.emission import CallMark, Declared

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from decimal import Decimal

    from pytest_amberflo.emitter.watch import Watch
    from pytest_amberflo.metering.emission import Attributes
    from pytest_amberflo.metering.emitter import Emission
    from pytest_amberflo.metering.ledger import Transmission

_FIRST: Final = 1


class Block:
    """What `metering.expect()` gives: inside `with`, `add` says what else is due.

    At its end the service is listened to, and what came is judged.
    """

    def __init__(
        self,
        watch: Callable[[], Watch],
        conclude: Callable[[Emission | None, list[Transmission]], None],
        flush: Callable[[], None],
        defaults: tuple[str, str],
        *,
        label: str,
        is_live: bool,
    ) -> None:
        """`defaults` are the meter and the customer of events that do not name theirs."""
        self._make_watch = watch
        self._conclude = conclude
        self._flush = flush
        self._defaults = defaults
        self._label = label
        self._is_live = is_live
        self._due: list[tuple[str, str, Decimal, Attributes, Attributes]] = []
        self._watch: Watch | None = None
        self._started = 0.0

    def add(
        self,
        value: float | Decimal,
        *,
        meter: str | None = None,
        customer: str | None = None,
        dimensions: Mapping[str, str] | None = None,
        match: Mapping[str, str] | None = None,
    ) -> Self:
        """One event more that is due; what is not given is that of the fixtures.

        `dimensions` are those that it must have, `match` (uniqueId, or dimensions) is what tells
        it from the events of other calls. Raises ValueError for what is no number.
        """
        number = to_decimal(value if isinstance(value, int | float) else str(value))
        if number is None:
            raise ValueError(f"{value!r} is no number that could be metered")
        self._due.append(
            (
                self._defaults[0] if meter is None else meter,
                self._defaults[1] if customer is None else customer,
                number,
                _sort(dimensions),
                _sort(match),
            )
        )
        return self

    def __enter__(self) -> Self:
        self._watch = self._make_watch()
        self._started = time.time()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        __tracebackhide__ = True
        if kind is not None:
            return
        watch = self._watch
        assert watch is not None
        call = CallMark(
            number=_FIRST,
            label=self._label,
            started_s=self._started,
            done_s=time.time(),
        )
        declared = tuple(
            Declared(
                call=call,
                meter=meter,
                customer=customer,
                value=value,
                dimensions=dimensions,
                match=match,
            )
            for meter, customer, value, dimensions, match in self._due
        )
        watch.add_call(call, declared)
        self._flush()
        watch.stirred_s = time.time()
        if watch.listener is None:
            found = [sent for due in declared for sent in foresee(due, is_live=self._is_live)]
            self._conclude(None, found)
            return
        emission = watch.listen()
        customers = watch.own_customers
        heard = [sent for arrival in emission.arrivals for sent in list_heard(arrival, customers)]
        self._conclude(emission, heard)


def _sort(members: Mapping[str, Any] | None) -> Attributes:
    return tuple(sorted((str(name), str(value)) for name, value in (members or {}).items()))

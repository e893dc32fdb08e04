"""What a probe works with: customers of its own, events, times and queries."""

from __future__ import annotations

from decimal import Decimal
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import replace

from pytest_amberflo.metering.event import MeterEvent
from pytest_amberflo.metering.query import Aggregation, UsageQuery
from pytest_amberflo.metering.window import Interval
from pytest_amberflo.probes.moves import LATER, Ask, Call, NoPromiseError, Read, Send
from pytest_amberflo.probes.wire import build_query, join_array, write_data, write_event

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pytest_amberflo.arazzo.operation import Operation
    from pytest_amberflo.metering.query import Take
    from pytest_amberflo.probes.api import Api
    from pytest_amberflo.probes.moves import Account

__all__ = ["LATER", "Field", "Names"]

METER: Final = "api-calls"
_HOUR_S: Final = 3600
_DAY_S: Final = 86400
#: Where the events of a probe begin: this long after the start of an hour.
_INTO_HOUR_MS: Final = 20 * 60_000 + 204
_STEP_MS: Final = 1001
#: Above this span buckets are days, above the next one months.
_MOST_HOURS_S: Final = 4 * _DAY_S
_MOST_DAYS_S: Final = 400 * _DAY_S
_FIRST_VALUE: Final = 7


class Names:
    """Names that nobody has used before; they carry the run's."""

    def __init__(self, run_id: str) -> None:
        self._run_id = run_id
        self._count = count(1)

    def make(self, kind: str) -> str:
        """`pt-<run>-<n><kind>`: it ends with a letter, so that no digit makes it another one."""
        return f"pt-{self._run_id}-{next(self._count)}{kind}"


class Field:
    """One probe's own ground. Nothing on it is shared with another probe but the meter."""

    def __init__(
        self,
        api: Api,
        names: Names,
        *,
        now_s: float,
        first_key: str | None,
        second_key: str | None,
        knows_keys: bool,
    ) -> None:
        self.api = api
        self.now_ms = int(now_s * 1000)
        self.meter = METER
        self.customer = names.make("c")
        self._first_key = first_key
        self._second_key = second_key
        self._knows_keys = knows_keys
        self._names = names
        self._values = (Decimal(_FIRST_VALUE * 3**n) for n in count())
        self._steps = count()
        self._times: dict[str, list[int]] = {}

    @property
    def anchor_ms(self) -> int:
        """A moment one to three hours ago, well inside an hour.

        It is not the first hour of a day: a day's bucket begins with that one, and a service
        that takes the one for the other would look right.
        """
        hour = self.now_ms // 1000 // _HOUR_S - 2
        return (hour if hour % 24 else hour + 1) * _HOUR_S * 1000 + _INTO_HOUR_MS

    def new_customer(self, tail: str = "") -> str:
        """A customer that nobody has used before."""
        return self._names.make("c") + tail

    def new_meter(self) -> str:
        """A meter that nobody has used before."""
        return self._names.make("m")

    def new_id(self) -> str:
        """A unique id that no event has had before."""
        return self._names.make("e")

    def event(self, value: object = None, at_ms: int | None = None, **changes: Any) -> MeterEvent:
        """An event unlike every other: its own value, time and unique id unless given."""
        step = next(self._steps)
        own = next(self._values)
        event = MeterEvent(
            meter=changes.pop("meter", self.meter),
            customer=changes.pop("customer", self.customer),
            value=own if value is None else Decimal(str(value)),
            time_ms=self.anchor_ms + step * _STEP_MS if at_ms is None else at_ms,
            unique_id=changes.pop("unique_id", None) or self.new_id(),
            dimensions=_sort(changes.pop("dimensions", {"region": "eu-west", "plan": "pro"})),
        )
        assert not changes, changes
        return self.note(event)

    def events(self, number: int, **changes: Any) -> tuple[MeterEvent, ...]:
        """Several events, each unlike every other."""
        return tuple(self.event(**changes) for _ in range(number))

    def vary(self, event: MeterEvent, **changes: Any) -> MeterEvent:
        """The event with some attributes changed and all others as they are."""
        if "dimensions" in changes:
            changes["dimensions"] = _sort(changes["dimensions"])
        if "value" in changes:
            changes["value"] = Decimal(str(changes["value"]))
        return self.note(replace(event, **changes))

    def note(self, event: MeterEvent) -> MeterEvent:
        """Take an event into account where windows are chosen."""
        self._times.setdefault(event.meter, []).append(event.time_ms)
        return event

    def send(self, *events: MeterEvent, **how: Any) -> Send:
        """Each event in a request of its own."""
        return Send(bodies=tuple(map(write_event, events)), **how)

    def send_array(self, *events: MeterEvent, **how: Any) -> Send:
        """All events in one request."""
        return Send(bodies=(join_array([write_event(event) for event in events]),), **how)

    def ask(  # noqa: PLR0913  a query has many members
        self,
        aggregation: str = "SUM",
        interval: str = "HOUR",
        *,
        window: tuple[int, int] | None = None,
        meter: str | None = None,
        customers: Sequence[str] | None = None,
        group_by: Sequence[str] = (),
        filters: Mapping[str, Sequence[str]] | None = None,
        account: Account = "first",
        is_alone: bool = False,
        repeats: int = 1,
        take: Take | None = None,
    ) -> Ask:
        """A query over all events of the probe, for its customer, unless said otherwise.

        `window` in seconds since 1970. No customers at all: `customers=()`. Raises
        NoPromiseError for what the description does not have.
        """
        self.api.check_choice("aggregation", aggregation)
        self.api.check_choice("timeGroupingInterval", interval)
        kind, name = Interval(interval), meter or self.meter
        start, end = window or self.span(kind, name)
        chosen = (self.customer,) if customers is None else tuple(customers)
        wanted = {name: frozenset(values) for name, values in (filters or {}).items()}
        if chosen:
            wanted["customerId"] = frozenset(chosen)
        for member, is_used in (("groupBy", group_by), ("filter", filters), ("take", take)):
            if is_used and member not in self.api.query_members:
                raise NoPromiseError(f"the description has no {member}")
        query = UsageQuery(
            meter=name,
            start_s=start,
            end_s=end,
            aggregation=Aggregation(aggregation),
            interval=kind,
            group_by=tuple(group_by),
            filters=tuple(wanted.items()),
            take=take,
        )
        return Ask(query=query, account=account, is_alone=is_alone, repeats=repeats)

    def span(self, interval: Interval, meter: str | None = None) -> tuple[int, int]:
        """The window of whole buckets around all events of a meter."""
        times = self._times.get(meter or self.meter) or [self.anchor_ms]
        first, last = min(times) // 1000, max(times) // 1000
        if interval is Interval.WEEK:  # on what day weeks start is not known
            return interval.floor(first) - 7 * _DAY_S, interval.after(
                interval.floor(last)
            ) + 7 * _DAY_S
        return interval.floor(first), interval.after(interval.floor(last))

    def usage(self, *customers: str, **how: Any) -> Read:
        """SUM and COUNT of each customer, in two sizes of buckets: no event can hide."""
        return Read(asks=tuple(self._list_asks(customers or (self.customer,), how)))

    def read(self, *asks: Ask) -> Read:
        """These queries."""
        return Read(asks=asks)

    def _list_asks(self, customers: Iterable[str], how: Mapping[str, Any]) -> Iterator[Ask]:
        times = self._times.get(how.get("meter", self.meter)) or [self.anchor_ms]
        span_s = (max(times) - min(times)) // 1000
        small, large = ("DAY", "MONTH") if span_s > _MOST_HOURS_S else ("HOUR", "DAY")
        small = "MONTH" if span_s > _MOST_DAYS_S else small
        for customer in customers:
            yield self.ask("SUM", small, customers=[customer], **how)
            if self.api.takes("aggregation", "COUNT"):
                group = ("customerId",) if "groupBy" in self.api.query_members else ()
                yield self.ask("COUNT", large, customers=[customer], group_by=group, **how)

    def call(
        self, operation: Operation, what: str, *statuses: int, data: Any = None, **how: Any
    ) -> Call:
        """Any other request, with JSON data; raw bytes are sent as they are."""
        body = data if isinstance(data, bytes) else None if data is None else write_data(data)
        how.setdefault("key", self._first_key)
        return Call(operation=operation, what=what, statuses=statuses, body=body, **how)

    def query_data(self, ask: Ask) -> dict[str, Any]:
        """The members of a query, to be changed."""
        has_filter = self.api.has_customer_filter
        return build_query(ask.query, self.api.shape, has_customer_filter=has_filter)

    @property
    def second_key(self) -> str | None:
        """The second account's key, or None."""
        return self._second_key

    def need_event_member(self, name: str) -> None:
        """Raise NoPromiseError where events have no such member."""
        if name not in self.api.event_members:
            raise NoPromiseError(f"events of the description have no `{name}`")

    def need_second_account(self) -> None:
        """Raise NoPromiseError where there is no second key."""
        if self._second_key is None:
            raise NoPromiseError("AMBERFLO_API_KEY_2 is not set: there is one account only")

    def need_known_key(self) -> str:
        """The account's key. Raises NoPromiseError where nobody said what it is."""
        if not self._knows_keys or self._first_key is None:
            raise NoPromiseError("AMBERFLO_API_KEY is not set: which keys are right is not known")
        return self._first_key

    def need_security(self) -> None:
        """Raise NoPromiseError where the description asks for no key."""
        if not self.api.asks_for_key:
            raise NoPromiseError("the description asks for no key")


def _sort(dimensions: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(dimensions.items()))

"""Services that lose or double what they were sent, or take two records for one."""

from __future__ import annotations

import json
import select
import time
from typing import TYPE_CHECKING, Any, ClassVar

from right_service import DAY, Item, Refused, RightService

if TYPE_CHECKING:
    from collections.abc import Callable

Broken = type["BrokenService"]


class BrokenService(RightService):
    """A service with one bug."""

    #: A probe that must be broken by it.
    caught_by: ClassVar[str]
    #: Whether it takes the time between planting and replaying to show.
    needs_gap: ClassVar[bool] = False


# ---- loss


class LosesTheFirst(BrokenService):
    caught_by = "probe_"

    def store(self, account: str, record: Item) -> None:
        if self.items[account] or getattr(self, "has_lost", False):
            super().store(account, record)
        self.has_lost = True


class LosesEveryTenth(BrokenService):
    caught_by = "events_one_after_another"
    number = 0

    def store(self, account: str, record: Item) -> None:
        self.number += 1
        if self.number % 10:
            super().store(account, record)


class LosesTheLastOfAnArray(BrokenService):
    caught_by = "an_array_of_some"

    def take(self, account: str, records: list[Item]) -> None:
        super().take(account, records[:-1] if len(records) > 1 else records)


class LosesTheFirstOfAnArray(BrokenService):
    caught_by = "an_array_of_some"

    def take(self, account: str, records: list[Item]) -> None:
        super().take(account, records[1:] if len(records) > 1 else records)


class CutsLargeArrays(BrokenService):
    caught_by = "a_large_array"

    def take(self, account: str, records: list[Item]) -> None:
        super().take(account, records[:100])


class LosesArraysOfOne(BrokenService):
    caught_by = "an_array_of_one"

    def ingest(self, account: str, body: bytes) -> tuple[int, Any]:
        data = json.loads(body) if body.startswith(b"[") else None
        if data is not None and len(data) == 1:
            return 200, "1 records were ingested"
        return super().ingest(account, body)


class LosesWhatComesAtOnce(BrokenService):
    caught_by = "events_at_the_same_time"
    under_way = 0

    def ingest(self, account: str, body: bytes) -> tuple[int, Any]:
        self.under_way += 1
        is_alone = self.under_way == 1
        time.sleep(0.01)
        try:
            return super().ingest(account, body) if is_alone else (200, "1 records were ingested")
        finally:
            self.under_way -= 1


class LosesUpdatesThatRace(BrokenService):
    caught_by = "at_the_same_time"

    def ingest(self, account: str, body: bytes) -> tuple[int, Any]:
        before = list(self.items[account])
        time.sleep(0.005)
        self.items[account] = before
        return super().ingest(account, body)


class LosesLateEvents(BrokenService):
    caught_by = "late_events"
    older_than_s = DAY

    def store(self, account: str, record: Item) -> None:
        if record.time_ms > (time.time() - self.older_than_s) * 1000:
            super().store(account, record)


class LosesVeryLateEvents(LosesLateEvents):
    caught_by = "very_late_events"
    older_than_s = 31 * DAY


class LosesEventsOfSoon(BrokenService):
    caught_by = "events_of_soon"

    def store(self, account: str, record: Item) -> None:
        if record.time_ms < (time.time() + 300) * 1000:
            super().store(account, record)


class LosesOutOfOrder(BrokenService):
    caught_by = "descending_times"

    def store(self, account: str, record: Item) -> None:
        mine = [i.time_ms for i in self.items[account] if i.customer == record.customer]
        if record.time_ms >= max(mine, default=0):
            super().store(account, record)


class LosesWithoutId(BrokenService):
    caught_by = "an_event_without_unique_id"

    def store(self, account: str, record: Item) -> None:
        if record.unique_id:
            super().store(account, record)


class LosesWithoutDimensions(BrokenService):
    caught_by = "an_event_without_dimensions"

    def store(self, account: str, record: Item) -> None:
        if record.dimensions:
            super().store(account, record)


class LosesAfterShowing(BrokenService):
    caught_by = "reading_takes_nothing_away"
    shown: ClassVar[dict[int, float]]

    def visible(self, account: str) -> list[Item]:
        if not hasattr(self, "first_shown"):
            self.first_shown: dict[Item, float] = {}
        now = time.monotonic()
        found = [i for i in super().visible(account) if now - self.first_shown.get(i, now) < 0.02]
        for item in found:
            self.first_shown.setdefault(item, now)
        return found


class LosesSeveralMeters(BrokenService):
    caught_by = "an_event_of_several_meters"

    def read_event(self, event: Any) -> list[Item]:
        return super().read_event(event)[:1]


class LosesNewCustomers(BrokenService):
    caught_by = "a_new_customer"

    def visible(self, account: str) -> list[Item]:
        return [i for i in super().visible(account) if i.customer not in self.nobodies]

    @property
    def nobodies(self) -> set[str]:
        found: set[str] = self.__dict__.setdefault("_nobodies", set())
        return found

    def usage(self, account: str, query: dict[str, Any]) -> Any:
        answer = super().usage(account, query)
        if not answer["clientMeters"][query["meterApiName"]]:
            self.nobodies.update(query.get("customerFilter") or ())
        return answer


# ---- double counting


class KeepsEverything(BrokenService):
    caught_by = "sent_again_later"

    def keep(self, account: str, record: Item) -> None:
        self.store(account, record)


class ForgetsAfterASecond(BrokenService):
    caught_by = "sent_again_later"
    needs_gap = True

    def keep(self, account: str, record: Item) -> None:
        times = self.__dict__.setdefault("times", {})
        key, now = (account, self.key_of(record)), time.monotonic()
        is_known = now - times.get(key, -9) < 1
        times[key] = now
        if not is_known:
            self.store(account, record)


class RemembersEight(BrokenService):
    caught_by = "sent_again_later"
    needs_gap = True

    def keep(self, account: str, record: Item) -> None:
        last = self.__dict__.setdefault("last", [])
        key = (account, self.key_of(record))
        if key not in last[-8:]:
            self.store(account, record)
        last.append(key)


class RemembersTheLastOnly(BrokenService):
    caught_by = "sent_again_by_turns"

    def keep(self, account: str, record: Item) -> None:
        key = (account, self.key_of(record))
        if key != self.__dict__.get("last"):
            self.store(account, record)
        self.__dict__["last"] = key


class DoublesInOneArray(BrokenService):
    caught_by = "twice_in_one_array"

    def take(self, account: str, records: list[Item]) -> None:
        new = [record for record in records if self.key_of(record) not in self.seen[account]]
        for record in new:
            self.seen[account].add(self.key_of(record))
            self.store(account, record)


class DoublesAcrossRequests(BrokenService):
    caught_by = "sent_again_at_once"

    def take(self, account: str, records: list[Item]) -> None:
        self.seen[account].clear()
        super().take(account, records)


class DoublesOtherForms(BrokenService):
    caught_by = "sent_in_another_form"

    def ingest(self, account: str, body: bytes) -> tuple[int, Any]:
        known = self.__dict__.setdefault("bodies", set())
        if body in known:
            return 200, "1 records were ingested"
        known.add(body)
        self.seen[account].clear()
        return super().ingest(account, body)


class DoublesRespelledValues(BrokenService):
    caught_by = "sent_in_another_form"

    def key_of(self, record: Item) -> object:
        return super().key_of(record), repr(record.value)


class DoublesReorderedDimensions(BrokenService):
    caught_by = "sent_in_another_form"

    def read_event(self, event: Any) -> list[Item]:
        found = super().read_event(event)
        self.__dict__["order"] = list(event.get("dimensions") or {})
        return found

    def key_of(self, record: Item) -> object:
        return super().key_of(record), tuple(self.__dict__["order"])


class DoublesInRaces(BrokenService):
    caught_by = "sent_at_the_same_time"

    def ingest(self, account: str, body: bytes) -> tuple[int, Any]:
        records = self.read_all([self.parse(body)]) if body.startswith(b"{") else []
        known = {self.key_of(record) for record in records} & self.seen[account]
        time.sleep(0.02)
        if records and not known:
            self.seen[account] -= {self.key_of(record) for record in records}
        return super().ingest(account, body)


class DoublesPerConnection(BrokenService):
    caught_by = "sent_again_later"

    def serve(self, handler: Any, body: bytes) -> None:
        with self.lock:
            self.seen = handler.__dict__.setdefault("seen", {"one": set(), "two": set()})
            super().serve(handler, body)


class DoublesAfterAnError(BrokenService):
    caught_by = "probe_accuracy"

    def ingest(self, account: str, body: bytes) -> tuple[int, Any]:
        answer = super().ingest(account, body)
        if self.ingests % 5 == 0:
            self.seen[account].clear()
            raise Refused(500, "stored, but not remembered")
        return answer


class DoublesAfterALostAnswer(BrokenService):
    caught_by = "sent_again_after_a_lost_answer"

    def send(self, handler: Any, status: int, data: Any, **how: Any) -> None:
        if handler.path == "/ingest" and status == 200:
            time.sleep(0.1)
            is_gone = bool(select.select([handler.connection], [], [], 0)[0])
            if is_gone:
                with self.lock:
                    for seen in self.seen.values():
                        seen.clear()
        super().send(handler, status, data, **how)


class DoublesOldOnes(BrokenService):
    caught_by = "sent_again_of_old"

    def key_of(self, record: Item) -> object:
        is_old = record.time_ms < (time.time() - 2 * DAY) * 1000
        return object() if is_old else super().key_of(record)


class DoublesWithoutId(BrokenService):
    caught_by = "sent_again_without_id"

    def key_of(self, record: Item) -> object:
        return super().key_of(record) if record.unique_id else object()


class DoublesWithoutDimensions(BrokenService):
    caught_by = "sent_again_without_dimensions"

    def key_of(self, record: Item) -> object:
        return super().key_of(record) if record.dimensions else object()


class DoublesZeros(BrokenService):
    caught_by = "sent_again_with_odd_values"

    def key_of(self, record: Item) -> object:
        return super().key_of(record) if record.value else object()


class DoublesInArrays(BrokenService):
    caught_by = "sent_again_in_an_array"

    def take(self, account: str, records: list[Item]) -> None:
        for record in records:
            if len(records) == 1:
                self.keep(account, record)
            else:
                self.seen[account].add(self.key_of(record))
                self.store(account, record)


class DoublesAfterReading(BrokenService):
    caught_by = "sent_again_after_it_was_read"

    def usage(self, account: str, query: dict[str, Any]) -> Any:
        self.seen[account].clear()
        return super().usage(account, query)


class DoublesForAMoment(BrokenService):
    caught_by = "sent_again_later"

    def keep(self, account: str, record: Item) -> None:
        if self.key_of(record) in self.seen[account]:
            self.store(account, record)
            self.__dict__.setdefault("passing", []).append((time.monotonic() + 0.4, record))
        super().keep(account, record)

    def visible(self, account: str) -> list[Item]:
        found = super().visible(account)
        for until, record in self.__dict__.get("passing", []):
            if time.monotonic() > until and found.count(record) > 1:
                found.remove(record)
        return found


class DoublesThirdCopies(BrokenService):
    caught_by = "sent_many_times"

    def keep(self, account: str, record: Item) -> None:
        counts = self.__dict__.setdefault("counts", {})
        key = (account, self.key_of(record))
        counts[key] = counts.get(key, 0) + 1
        if counts[key] in (1, 4):
            self.store(account, record)


# ---- over-eager deduplication


def _keyed(name: str, probe: str, change: Callable[[Item], object]) -> Broken:
    """A service that keys records by something less than all attributes."""

    def key_of(_self: RightService, record: Item) -> object:
        return change(record)

    return type(name, (BrokenService,), {"caught_by": probe, "key_of": key_of})


def _but(name: str, of: Callable[[Item], object] = lambda _: None) -> Callable[[Item], object]:
    """All attributes, one of them changed."""
    names = ("meter", "customer", "value", "time_ms", "unique_id", "dimensions")

    def key(record: Item) -> object:
        return tuple(of(record) if one == name else getattr(record, one) for one in names)

    return key


def _fold(text: str | None) -> str:
    return (text or "").lower()


KEYED: tuple[Broken, ...] = (
    _keyed("IgnoresTime", "another_time", _but("time_ms")),
    _keyed("IgnoresMilliseconds", "another_time", _but("time_ms", lambda r: r.time_ms // 1000)),
    _keyed("IgnoresHours", "another_time", _but("time_ms", lambda r: r.time_ms // 3_600_000)),
    _keyed("IgnoresValue", "another_value", _but("value")),
    _keyed("IgnoresFractions", "another_value", _but("value", lambda r: int(r.value))),
    _keyed("IgnoresSign", "another_sign", _but("value", lambda r: abs(r.value))),
    _keyed("IgnoresId", "another_id", _but("unique_id")),
    _keyed(
        "IgnoresCaseOfId", "an_id_of_another_case", _but("unique_id", lambda r: _fold(r.unique_id))
    ),
    _keyed(
        "CutsIds", "an_id_with_another_end", _but("unique_id", lambda r: (r.unique_id or "")[:64])
    ),
    _keyed(
        "CutsLongIds",
        "an_id_with_another_end",
        _but("unique_id", lambda r: (r.unique_id or "")[:128]),
    ),
    _keyed(
        "KeepsEndsOfIds",
        "an_id_with_another_start",
        _but("unique_id", lambda r: (r.unique_id or "")[-32:]),
    ),
    _keyed(
        "TrimsIds",
        "an_id_that_looks_like_a_number",
        _but("unique_id", lambda r: (r.unique_id or "").strip()),
    ),
    _keyed(
        "TakesIdsForNumbers",
        "an_id_that_looks_like_a_number",
        _but("unique_id", lambda r: (r.unique_id or "").lstrip("0")),
    ),
    _keyed("KeysByIdAlone", "an_id_of_an_earlier_time", lambda r: r.unique_id or id(r)),
    _keyed(
        "KeysByIdAndCustomer",
        "another_time",
        lambda r: (r.customer, r.meter, r.unique_id) if r.unique_id else id(r),
    ),
    _keyed("IgnoresDimensions", "another_dimension_value", _but("dimensions")),
    _keyed(
        "IgnoresNamesOfDimensions",
        "another_dimension_name",
        _but("dimensions", lambda r: tuple(v for _, v in r.dimensions)),
    ),
    _keyed(
        "IgnoresValuesOfDimensions",
        "another_dimension_value",
        _but("dimensions", lambda r: tuple(k for k, _ in r.dimensions)),
    ),
    _keyed(
        "IgnoresOrderOfValues",
        "swapped_dimension_values",
        _but(
            "dimensions",
            lambda r: (
                tuple(k for k, _ in r.dimensions),
                tuple(sorted(v for _, v in r.dimensions)),
            ),
        ),
    ),
    _keyed(
        "KeysByOneDimension",
        "another_dimension_value",
        _but("dimensions", lambda r: r.dimensions[:1]),
    ),
    _keyed(
        "FoldsDimensions",
        "another_dimension_value",
        _but("dimensions", lambda r: str(r.dimensions).lower()),
    ),
    _keyed(
        "StringsDimensionsTogether",
        "dimensions_that_read_alike",
        _but("dimensions", lambda r: ",".join(f"{k}={v}" for k, v in r.dimensions)),
    ),
    _keyed(
        "CutsDimensions",
        "a_dimension_with_another_end",
        _but("dimensions", lambda r: tuple((k, v[:100]) for k, v in r.dimensions)),
    ),
    _keyed(
        "TrimsDimensions",
        "a_dimension_with_a_space",
        _but("dimensions", lambda r: tuple((k, v.strip()) for k, v in r.dimensions)),
    ),
    _keyed("IgnoresCustomer", "another_customer", _but("customer")),
    _keyed(
        "FoldsCustomerInKey", "ids_of_another_case", _but("customer", lambda r: _fold(r.customer))
    ),
    _keyed("CutsCustomerInKey", "long_ids", _but("customer", lambda r: (r.customer or "")[:64])),
    _keyed("IgnoresMeter", "another_meter", _but("meter")),
    _keyed(
        "StringsNamesTogether",
        "names_that_run_together",
        lambda r: (f"{r.customer}-{r.unique_id}", r.meter, r.value, r.time_ms, r.dimensions),
    ),
)


class SharesKeysOfAccounts(BrokenService):
    caught_by = "the_same_record_in_both_accounts"

    def keep(self, account: str, record: Item) -> None:
        self.seen["two"] = self.seen["one"]
        super().keep(account, record)


class KeepsTheLastValue(BrokenService):
    caught_by = "another_value"

    def keep(self, account: str, record: Item) -> None:
        key = _but("value")(record)
        self.items[account] = [i for i in self.items[account] if _but("value")(i) != key]
        self.store(account, record)

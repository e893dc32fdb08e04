"""Services that break their description, their accounts' walls, or take what is no event."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar

from broken_loss import BrokenService
from right_service import KEYS, Item, Refused, RightService

if TYPE_CHECKING:
    from collections.abc import Callable

# ---- contract


def _sent(
    name: str, probe: str, path: str, change: Callable[[int, Any], tuple[int, Any]]
) -> type[BrokenService]:
    """A service whose answers at a path have another status or body."""

    def send(self: BrokenService, handler: Any, status: int, data: Any, **how: Any) -> None:
        if handler.path == path and status == 200:
            status, data = change(status, data)
        super(self.__class__, self).send(handler, status, data, **how)

    return type(name, (BrokenService,), {"caught_by": probe, "send": send})


def _map_numbers(data: Any, change: Callable[[Any], Any]) -> Any:
    for groups in data["clientMeters"].values():
        for group in groups:
            group["records"] = [{k: change(v) for k, v in r.items()} for r in group["records"]]
    return data


def _map_groups(data: Any, change: Callable[[Any], Any]) -> Any:
    return {"clientMeters": {n: [change(g) for g in gs] for n, gs in data["clientMeters"].items()}}


def _without(group: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in group.items() if key != name}


SENT = (
    _sent("Answers201", "one_event", "/ingest", lambda _s, d: (201, d)),
    _sent("Answers202", "one_event", "/ingest", lambda _s, d: (202, d)),
    _sent("AnswersAnObject", "one_event", "/ingest", lambda s, d: (s, {"message": d})),
    _sent("AnswersANumber", "one_event", "/ingest", lambda s, _d: (s, 1)),
    _sent("AnswersPlainText", "one_event", "/ingest", lambda s, d: (s, d.encode())),
    _sent("AnswersNothing", "one_event", "/ingest", lambda s, _d: (s, b"")),
    _sent("ShowsTexts", "one_event", "/usage", lambda s, d: (s, _map_numbers(d, str))),
    _sent("ShowsNulls", "one_event", "/usage", lambda s, d: (s, _map_numbers(d, lambda _: None))),
    _sent(
        "ShowsAList",
        "one_event",
        "/usage",
        lambda s, d: (s, {"clientMeters": list(d["clientMeters"].values())}),
    ),
    _sent("ShowsNoMeters", "one_event", "/usage", lambda s, _d: (s, {})),
    _sent(
        "RenamesMeters",
        "one_event",
        "/usage",
        lambda s, d: (s, {"client_meters": d["clientMeters"]}),
    ),
    _sent(
        "LacksGroupInfo",
        "one_event",
        "/usage",
        lambda s, d: (s, _map_groups(d, lambda g: _without(g, "groupInfo"))),
    ),
    _sent(
        "LacksRecords",
        "one_event",
        "/usage",
        lambda s, d: (s, _map_groups(d, lambda g: _without(g, "records"))),
    ),
    _sent(
        "NamesBucketsByDate",
        "one_event",
        "/usage",
        lambda s, d: (s, _map_groups(d, lambda g: g | {"records": [{"2026-01-01": 1}]})),
    ),
    _sent(
        "RepeatsGroups",
        "one_event",
        "/usage",
        lambda s, d: (s, {"clientMeters": {n: g + g for n, g in d["clientMeters"].items()}}),
    ),
    _sent(
        "Answers204",
        "an_unknown_meter",
        "/usage",
        lambda s, d: (s, d) if any(d["clientMeters"].values()) else (204, b""),
    ),
    _sent(
        "Answers404ForNothing",
        "an_unknown_meter",
        "/usage",
        lambda s, d: (s, d) if any(d["clientMeters"].values()) else (404, {"message": "no"}),
    ),
)


class SaysHtml(BrokenService):
    caught_by = "one_event"

    def send(self, handler: Any, status: int, data: Any, **how: Any) -> None:
        write = handler.send_header

        def send_header(name: str, value: str) -> None:
            write(name, "text/html" if name == "Content-Type" else value)

        handler.send_header = send_header
        super().send(handler, status, data, **how)


class SaysErrorsInText(BrokenService):
    caught_by = "no_time"

    def send(self, handler: Any, status: int, data: Any, **how: Any) -> None:
        super().send(handler, status, b"bad request" if status == 400 else data, **how)


class Answers422(BrokenService):
    caught_by = "no_time"

    def send(self, handler: Any, status: int, data: Any, **how: Any) -> None:
        super().send(handler, 422 if status == 400 else status, data, **how)


class FailsOnQueries(BrokenService):
    caught_by = "groups_of_two_dimensions"

    def usage(self, account: str, query: dict[str, Any]) -> Any:
        if len(query.get("groupBy") or []) > 1:
            raise Refused(500, "oops")
        return super().usage(account, query)


class RefusesTheValid(BrokenService):
    caught_by = "below_zero"

    def read_event(self, event: Any) -> list[Item]:
        if isinstance(event, dict) and str(event.get("meterValue", 0)).startswith("-"):
            raise Refused(400, "a value below zero")
        return super().read_event(event)


# ---- auth and tenancy


class TakesAnyKey(BrokenService):
    caught_by = "an_unknown_key"

    def authenticate(self, headers: Any) -> str:
        if not headers.get("X-API-KEY"):
            raise Refused(401, "no key")
        return KEYS.get(headers["X-API-KEY"], "one")


class TakesNoKey(BrokenService):
    caught_by = "no_key"

    def authenticate(self, headers: Any) -> str:
        return super().authenticate(headers) if "X-API-KEY" in headers else "one"


class TakesAnEmptyKey(BrokenService):
    caught_by = "an_empty_key"

    def authenticate(self, headers: Any) -> str:
        return "one" if headers.get("X-API-KEY") == "" else super().authenticate(headers)


class TakesHalfAKey(BrokenService):
    caught_by = "a_key_that_is_nearly_right"

    def authenticate(self, headers: Any) -> str:
        given = headers.get("X-API-KEY") or "-"
        return next(
            (a for key, a in KEYS.items() if key.startswith(given)), ""
        ) or super().authenticate(headers)


class TakesLongerKeys(BrokenService):
    caught_by = "a_key_that_is_nearly_right"

    def authenticate(self, headers: Any) -> str:
        given = headers.get("X-API-KEY") or ""
        return next(
            (a for key, a in KEYS.items() if given.startswith(key)), ""
        ) or super().authenticate(headers)


class FoldsKeys(BrokenService):
    caught_by = "a_key_that_is_nearly_right"

    def authenticate(self, headers: Any) -> str:
        return KEYS.get((headers.get("X-API-KEY") or "").lower()) or super().authenticate(headers)


class Answers403(BrokenService):
    caught_by = "no_key"

    def authenticate(self, headers: Any) -> str:
        try:
            return super().authenticate(headers)
        except Refused:
            raise Refused(403, "forbidden") from None


class CountsTheRefused(BrokenService):
    caught_by = "no_key"

    def answer(self, handler: Any, body: bytes) -> tuple[int, Any]:
        if handler.path == "/ingest" and handler.headers.get("X-API-KEY") not in KEYS:
            self.ingest("one", body)
        return super().answer(handler, body)


class RemembersTheRefused(BrokenService):
    caught_by = "refused_and_then_sent"

    def answer(self, handler: Any, body: bytes) -> tuple[int, Any]:
        if handler.path == "/ingest" and handler.headers.get("X-API-KEY") not in KEYS:
            for record in self.read_all([self.parse(body)]):
                self.seen["one"].add(self.key_of(record))
        return super().answer(handler, body)


class ShowsToEverybody(BrokenService):
    caught_by = "no_key"

    def answer(self, handler: Any, body: bytes) -> tuple[int, Any]:
        if handler.path == "/usage":
            return 200, self.usage("one", self.read_query(self.parse(body)))
        return super().answer(handler, body)


class MindsTheCaseOfHeaders(BrokenService):
    caught_by = "a_header_of_another_case"

    def authenticate(self, headers: Any) -> str:
        if "X-API-KEY" not in [name for name, _ in headers.items()]:
            raise Refused(401, "no key")
        return super().authenticate(headers)


class ListsMetersToAll(BrokenService):
    caught_by = "definitions_without_a_key"

    def authenticate(self, headers: Any) -> str:
        try:
            return super().authenticate(headers)
        except Refused:
            if self.path.startswith("/meter-def"):
                return "one"
            raise

    def answer(self, handler: Any, body: bytes) -> tuple[int, Any]:
        self.path = handler.path
        return super().answer(handler, body)


class SetsRulesForAll(ListsMetersToAll):
    caught_by = "rules_without_a_key"

    def authenticate(self, headers: Any) -> str:
        return "one" if "filtering" in self.path else RightService.authenticate(self, headers)


class OneAccountForAll(BrokenService):
    caught_by = "usage_of_the_other_account"

    def authenticate(self, headers: Any) -> str:
        super().authenticate(headers)
        return "one"


class ShowsAllAccounts(BrokenService):
    caught_by = "a_meter_of_both_accounts"

    def visible(self, account: str) -> list[Item]:
        return super().visible("one") + super().visible("two")


class SharesMeters(BrokenService):
    caught_by = "meters_of_the_other_account"

    def define(self, account: str, method: str, name: str, body: bytes) -> tuple[int, Any]:
        return super().define("one", method, name, body)


class SharesRules(BrokenService):
    caught_by = "rules_of_the_other_account"

    def passes_rules(self, account: str, record: Item) -> bool:
        return super().passes_rules("two", record) and super().passes_rules("one", record)


# ---- bad input


class Lenient(BrokenService):
    """A service that mends what it should refuse."""

    caught_by = "no_time"
    member: ClassVar[str] = "meterTimeInMillis"

    def read_event(self, event: Any) -> list[Item]:
        return super().read_event(self.mend(dict(event)) if isinstance(event, dict) else event)

    def mend(self, event: dict[str, Any]) -> dict[str, Any]:
        event.setdefault(self.member, 1_700_000_000_000)
        return event


def _mended(
    name: str, probe: str, mend: Callable[[dict[str, Any]], dict[str, Any]]
) -> type[BrokenService]:
    def change(_self: Lenient, event: dict[str, Any]) -> dict[str, Any]:
        return mend(event)

    return type(name, (Lenient,), {"caught_by": probe, "mend": change})


def _time_of(event: dict[str, Any]) -> dict[str, Any]:
    value = event.get("meterTimeInMillis")
    return event | {"meterTimeInMillis": 1_700_000_000_000 if isinstance(value, str) else value}


def _whole_time_of(event: dict[str, Any]) -> dict[str, Any]:
    value = event.get("meterTimeInMillis")
    return event | {"meterTimeInMillis": int(value) if isinstance(value, float) else value}


def _value_of(event: dict[str, Any]) -> dict[str, Any]:
    value = event.get("meterValue")
    return event | {"meterValue": value if isinstance(value, int | float) else 0}


def _texts_of(event: dict[str, Any]) -> dict[str, Any]:
    names = ("customerId", "meterApiName", "uniqueId")
    return {k: str(v) if k in names and v is not None else v for k, v in event.items()}


def _dimensions_of(event: dict[str, Any]) -> dict[str, Any]:
    found = event.get("dimensions")
    if not isinstance(found, dict):
        return event | {"dimensions": {}}
    return event | {"dimensions": {k: str(v) for k, v in found.items()}}


MENDED = (
    Lenient,
    _mended("TakesTextsForTimes", "a_time_that_is_none", _time_of),
    _mended("TakesFractionsForTimes", "a_time_that_is_none", _whole_time_of),
    _mended("TakesTextsForValues", "a_value_that_is_none", _value_of),
    _mended("TakesNumbersForIds", "ids_that_are_no_texts", _texts_of),
    _mended("TakesAnyDimensions", "dimensions_that_are_none", _dimensions_of),
)


class MendsJson(BrokenService):
    caught_by = "no_json"

    def parse(self, body: bytes) -> Any:
        return super().parse(body.replace(b",}", b"}"))


class TakesNothing(BrokenService):
    caught_by = "an_empty_body"

    def parse(self, body: bytes) -> Any:
        return super().parse(body or b"[]")


class SkipsWhatIsNoEvent(BrokenService):
    caught_by = "no_event"

    def read_all(self, events: list[Any]) -> list[Item]:
        return super().read_all([event for event in events if isinstance(event, dict)])


class FailsOnBadJson(BrokenService):
    caught_by = "no_json"

    def parse(self, body: bytes) -> Any:
        try:
            return super().parse(body)
        except Refused:
            raise Refused(500, "oops") from None


class KeepsHalfOfAnArray(BrokenService):
    caught_by = "a_bad_event_in_an_array"

    def ingest(self, account: str, body: bytes) -> tuple[int, Any]:
        data = self.parse(body)
        for event in data if isinstance(data, list) else []:
            self.take(account, self.read_event(event))
        return super().ingest(account, body)


class SkipsBadEventsOfAnArray(BrokenService):
    caught_by = "a_bad_event_in_an_array"

    def read_all(self, events: list[Any]) -> list[Item]:
        found: list[Item] = []
        for event in events:
            try:
                found += self.read_event(event)
            except Refused:
                if len(events) == 1:
                    raise
        return found


class GuessesQueries(BrokenService):
    caught_by = "a_query_without_a_member"
    guesses: ClassVar[dict[str, Any]] = {"aggregation": "SUM", "timeGroupingInterval": "DAY"}

    def read_query(self, query: Any) -> dict[str, Any]:
        return super().read_query(self.guesses | query if isinstance(query, dict) else query)


class TakesUnknownAggregations(BrokenService):
    caught_by = "a_query_of_unknown_kind"

    def read_query(self, query: Any) -> dict[str, Any]:
        if isinstance(query, dict) and query.get("aggregation") not in (
            "SUM",
            "MAX",
            "COUNT",
            None,
        ):
            query["aggregation"] = "SUM"
        return super().read_query(query)


class TakesUnknownIntervals(BrokenService):
    caught_by = "a_query_of_unknown_kind"

    def read_query(self, query: Any) -> dict[str, Any]:
        known = ("HOUR", "DAY", "WEEK", "MONTH", None)
        if isinstance(query, dict) and query.get("timeGroupingInterval") not in known:
            query["timeGroupingInterval"] = "DAY"
        return super().read_query(query)


class TakesAnyQuery(BrokenService):
    caught_by = "a_query_that_is_none"

    def answer(self, handler: Any, body: bytes) -> tuple[int, Any]:
        try:
            return super().answer(handler, body)
        except Refused:
            if handler.path == "/usage" and not body.startswith(b'{"'):
                return 200, {"clientMeters": {}}
            raise


# ---- definitions


def _defined(
    name: str,
    probe: str,
    change: Callable[[Any, str, Any], Any],
    method: str,
    *,
    whole: bool = False,
) -> type[BrokenService]:
    """A service whose answer to a method is changed; `whole` for that of the list."""

    def define(
        self: BrokenService, account: str, verb: str, meter: str, body: bytes
    ) -> tuple[int, Any]:
        before = dict(self.meters[account])
        status, data = super(self.__class__, self).define(account, verb, meter, body)
        if verb == method and (method != "GET" or whole == (not meter)):
            data = change(self.meters[account], meter, json.loads(json.dumps(data)))
            if isinstance(data, RestoreMeters):
                self.meters[account] = before
                data = data.answer
        return status, data

    return type(name, (BrokenService,), {"caught_by": probe, "define": define})


class RestoreMeters:
    """What was done is undone behind the answer."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer


DEFINED = (
    _defined("ForgetsMeters", "a_new_meter", lambda _m, _n, d: RestoreMeters(d), "POST"),
    _defined("ForgetsChanges", "a_changed_meter", lambda _m, _n, d: RestoreMeters(d), "PUT"),
    _defined("ForgetsRemovals", "a_removed_meter", lambda _m, _n, d: RestoreMeters(d), "DELETE"),
    _defined("ListsNothing", "meters_of_every_type", lambda *_: [], "GET", whole=True),
    _defined(
        "ListsAllButTheLast", "meters_of_every_type", lambda _m, _n, d: d[:-1], "GET", whole=True
    ),
    _defined("ListsTwice", "a_changed_meter", lambda _m, _n, d: d + d, "GET", whole=True),
    _defined(
        "ShowsAnotherMeter", "probe_definitions", lambda m, _n, _d: next(iter(m.values())), "GET"
    ),
    _defined(
        "ChangesTypes", "a_new_meter", lambda _m, _n, d: d | {"type": "MAX_IN_PERIOD"}, "GET"
    ),
    _defined("LosesDimensions", "a_new_meter", lambda _m, _n, d: _without(d, "dimensions"), "GET"),
    _defined("LacksTypes", "a_new_meter", lambda _m, _n, d: _without(d, "type"), "POST"),
)


class FindsUnknownMeters(BrokenService):
    caught_by = "probe_definitions::an_unknown_meter"

    def define(self, account: str, method: str, name: str, body: bytes) -> tuple[int, Any]:
        try:
            return super().define(account, method, name, body)
        except Refused as refusal:
            if refusal.status != 404:
                raise
            return 200, {}


class RemovesAllMeters(BrokenService):
    caught_by = "a_removed_meter"

    def define(self, account: str, method: str, name: str, body: bytes) -> tuple[int, Any]:
        answer = super().define(account, method, name, body)
        if method == "DELETE":
            self.meters[account].clear()
        return answer


class TakesAnyType(BrokenService):
    caught_by = "a_meter_of_unknown_type"

    def define(self, account: str, method: str, name: str, body: bytes) -> tuple[int, Any]:
        if method != "POST":
            return super().define(account, method, name, body)
        return super().define(account, method, name, body.replace(b"AVERAGE", b"MAX_IN_PERIOD"))


class LosesDefinedMeters(BrokenService):
    caught_by = "usage_of_a_defined_meter"

    def keep(self, account: str, record: Item) -> None:
        if record.meter not in self.meters[account]:
            super().keep(account, record)


# ---- filtering rules


class IgnoresRules(BrokenService):
    caught_by = "a_rule_to_exclude"

    def passes_rules(self, account: str, record: Item) -> bool:
        return True


class TurnsRulesRound(BrokenService):
    caught_by = "a_rule_to_include"

    def passes_rules(self, account: str, record: Item) -> bool:
        mine = [r for r in self.rules[account] if r["meterApiName"] == record.meter]
        return super().passes_rules(account, record) != bool(mine)


class IgnoresIncludes(BrokenService):
    caught_by = "a_rule_to_include"

    def passes_rules(self, account: str, record: Item) -> bool:
        mine = [r for r in self.rules[account] if r["meterApiName"] == record.meter]
        is_include = any(r.get("action") == "INCLUDE" for r in mine)
        return is_include or super().passes_rules(account, record)


class AppliesRulesToAllMeters(BrokenService):
    caught_by = "a_rule_of_another_meter"

    def passes_rules(self, account: str, record: Item) -> bool:
        excluded = [r for r in self.rules[account] if r.get("action") == "EXCLUDE"]
        value = dict(record.dimensions).get("env")
        return not any(value in rule.get("dimensionValues", []) for rule in excluded)


class AppliesTheFirstValue(BrokenService):
    caught_by = "a_rule_to_exclude"

    def rule(self, account: str, method: str, name: str, body: bytes) -> tuple[int, Any]:
        answer = super().rule(account, method, name, body)
        for rule in self.rules[account]:
            rule["applied"] = rule.get("dimensionValues", [])[:1]
        return answer

    def passes_rules(self, account: str, record: Item) -> bool:
        value = dict(record.dimensions).get("env")
        for rule in self.rules[account]:
            is_mine = rule["meterApiName"] == record.meter and rule.get("action") == "EXCLUDE"
            if is_mine and value in rule["applied"]:
                return False
        return True


class AppliesRulesByPart(BrokenService):
    caught_by = "a_rule_to_exclude"

    def passes_rules(self, account: str, record: Item) -> bool:
        value = dict(record.dimensions).get("env", "")
        for rule in self.rules[account]:
            is_mine = rule["meterApiName"] == record.meter and rule.get("action") == "EXCLUDE"
            if is_mine and value.startswith(tuple(rule.get("dimensionValues", []))):
                return False
        return True


class DropsWholeArrays(BrokenService):
    caught_by = "a_rule_and_an_array"

    def take(self, account: str, records: list[Item]) -> None:
        if all(self.passes_rules(account, record) for record in records):
            super().take(account, records)


class ForgetsRules(BrokenService):
    caught_by = "a_rule_to_exclude"

    def rule(self, account: str, method: str, name: str, body: bytes) -> tuple[int, Any]:
        answer = super().rule(account, method, name, body)
        self.rules[account] = []
        return answer


class ListsRulesOfAll(BrokenService):
    caught_by = "a_rule_to_exclude"

    def rule(self, account: str, method: str, name: str, body: bytes) -> tuple[int, Any]:
        if method == "GET":
            other = {"meterApiName": "another", "action": "EXCLUDE"}
            return 200, [other, *self.rules[account]]
        return super().rule(account, method, name, body)


class TakesUnknownActions(BrokenService):
    caught_by = "a_rule_of_unknown_action"

    def rule(self, account: str, method: str, name: str, body: bytes) -> tuple[int, Any]:
        return super().rule(account, method, name, body.replace(b'"DELETE"', b'"EXCLUDE"'))

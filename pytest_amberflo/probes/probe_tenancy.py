"""Two accounts know nothing of each other. AMBERFLO_API_KEY_2 is the second one's key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_amberflo.probes.moves import LATER
from pytest_amberflo.probes.promise import probe

if TYPE_CHECKING:
    from pytest_amberflo.probes.field import Field
    from pytest_amberflo.probes.promise import Script


@probe
def usage_of_the_other_account(field: Field) -> Script:
    """Usage of one account is not shown to the other, not even of a customer of the same name."""
    field.need_second_account()
    yield field.send(*field.events(2))
    yield field.read(
        *field.usage().asks,
        *field.usage(account="second").asks,
        field.ask("SUM", "DAY", customers=(), group_by=["customerId"], account="second"),
    )


@probe
def the_same_record_in_both_accounts(field: Field) -> Script:
    """A record that both accounts send is counted once in each."""
    field.need_second_account()
    event, other = field.events(2)
    yield field.send(event)
    yield field.send(event, account="second")
    yield LATER
    yield field.send(other, account="second")
    yield field.send(event, account="second", reason="replay")
    yield field.read(*field.usage().asks, *field.usage(account="second").asks)


@probe
def a_meter_of_both_accounts(field: Field) -> Script:
    """A meter of the same name in two accounts adds up the usage of its own account."""
    field.need_second_account()
    meter = field.new_meter()
    yield field.send(field.event(meter=meter))
    yield field.send(field.event(meter=meter), field.event(meter=meter), account="second")
    both: tuple[Any, ...] = ("first", "second")
    yield field.read(
        *(
            field.ask("SUM", "DAY", meter=meter, customers=(), account=account, is_alone=True)
            for account in both
        )
    )


@probe
def rules_of_the_other_account(field: Field) -> Script:
    """A filtering rule of one account leaves out nothing of the other."""
    field.need_second_account()
    create = field.api.find("createFilteringRule")
    meter = field.new_meter()
    rule = {
        "meterApiName": meter,
        "dimensionName": "env",
        "dimensionValues": ["test"],
        "action": "EXCLUDE",
    }
    yield field.call(create, "the second account's rule", 200, data=rule, key=field.second_key)
    yield LATER
    yield field.send(*field.events(2, meter=meter, dimensions={"env": "test"}))
    yield field.usage(meter=meter)


@probe
def meters_of_the_other_account(field: Field) -> Script:
    """A meter that one account defines is not listed in the other."""
    field.need_second_account()
    create, listing = (
        field.api.find("createMeterDefinition"),
        field.api.find("listMeterDefinitions"),
    )
    meter = field.new_meter()
    data = {"meterApiName": meter, "displayName": "Calls", "type": "SUM_OF_ALL_USAGE"}
    yield field.call(create, "a new meter", 200, data=data)
    yield LATER

    def check(found: Any) -> str | None:
        names = [item.get("meterApiName") for item in found]
        return "a meter of the other account is listed" if meter in names else None

    second = field.second_key
    yield field.call(listing, "the second account's meters", 200, key=second, check=check)

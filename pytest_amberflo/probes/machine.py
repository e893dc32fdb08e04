"""The state machine that Hypothesis drives. Imported only where it is run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, precondition, rule

from pytest_amberflo.metering.event import MeterEvent  # noqa: TC001  Hypothesis reads it
from pytest_amberflo.probes.moves import Send
from pytest_amberflo.probes.wire import join_array, rewrite_event, write_event

if TYPE_CHECKING:
    from pytest_amberflo.probes.explorer import Explorer

_VALUES = ("5", "0", "-3", "2.5", "1000000", "0.1")
_OFFSETS = (0, 1, 1000, -3_600_000, -86_400_000)
_IDS = ("a", "A", "b", None)
_REGIONS = (None, "eu", "us")


def make_machine(explorer: Explorer) -> Any:
    """A class of state machines; each of them is one sequence of calls."""

    class Sequence(RuleBasedStateMachine):
        records: Bundle[MeterEvent] = Bundle("records")

        def __init__(self) -> None:
            super().__init__()
            self.journey = explorer.begin()

        @rule(
            target=records,
            value=st.sampled_from(_VALUES),
            offset=st.sampled_from(_OFFSETS),
            unique_id=st.sampled_from(_IDS),
            region=st.sampled_from(_REGIONS),
        )
        def send(
            self, value: str, offset: int, unique_id: str | None, region: str | None
        ) -> MeterEvent:
            field = self.journey.field
            found = field.event(value, at_ms=field.anchor_ms + offset)
            dimensions = {"region": region} if region else {}
            event = field.vary(found, unique_id=unique_id, dimensions=dimensions)
            self.journey.send(f"send {self.journey.name(event)}", field.send(event))
            return event

        @rule(event=records, is_rewritten=st.booleans())
        def send_again(self, event: MeterEvent, is_rewritten: bool) -> None:  # noqa: FBT001
            form = " in another JSON form" if is_rewritten else ""
            body = rewrite_event(event) if is_rewritten else write_event(event)
            step = f"send again{form}: {self.journey.name(event)}"
            self.journey.send(step, Send(bodies=(body,), reason="replay"))

        @rule(event=records, value=st.sampled_from(_VALUES))
        def send_array(self, event: MeterEvent, value: str) -> None:
            new = self.journey.field.vary(event, value=value)
            step = f"send an array with {self.journey.name(event)} and {self.journey.name(new)}"
            body = join_array([write_event(event), write_event(new)])
            self.journey.send(step, Send(bodies=(body,), reason="replay"))

        @rule(event=records)
        def send_at_once(self, event: MeterEvent) -> None:
            step = f"send three times at once: {self.journey.name(event)}"
            bodies = (write_event(event),) * 3
            self.journey.send(step, Send(bodies=bodies, at_once=True, reason="replay"))

        @precondition(lambda self: self.journey.steps)
        @rule(is_count=st.booleans(), interval=st.sampled_from(("HOUR", "DAY")))
        def read(self, is_count: bool, interval: str) -> None:  # noqa: FBT001
            name = "COUNT" if is_count else "SUM"
            if self.journey.field.api.takes("aggregation", name):
                ask = self.journey.field.ask(name, interval)
                self.journey.read(f"read {name} by {interval}", (ask,))

        def teardown(self) -> None:
            if not self.journey.is_over:
                self.journey.read("read SUM and COUNT", self.journey.field.usage().asks)

    return Sequence

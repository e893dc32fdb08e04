"""What goes wrong around a service under test, one variant at a time.

Faults are of the embedded server, for the item's own customers only.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct, field

from pytest_amberflo.variants import VariantSkippedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from pytest_amberflo.arazzo.events import Call
    from pytest_amberflo.control import ServerControl
    from pytest_amberflo.courier import Courier
    from pytest_amberflo.emitter.watch import Watch

#: Variant to the fault that the server has, and the fault's members.
_FAULTS: Final[Mapping[str, tuple[str, dict[str, Any]]]] = {
    "unavailable": ("status", {"status": 503, "times": 2}),
    "throttled": ("status", {"status": 429, "retryAfter": 1, "times": 1}),
    "lost-answer": ("lost-answer", {"times": 1}),
    "down": ("drop", {"duration": 2.0}),
    "slow": ("slow", {"delay": 2.0, "times": 2}),
}


class EmitterVariant(Struct, kw_only=True):
    """How the calls of one item are made harder; the variant `once` does nothing."""

    name: str
    control: ServerControl | None
    courier: Courier
    #: Whom the faults are for; None where that is known only after the call.
    customers: Iterable[str] | None
    restart: Callable[[], None] | None = None
    #: How many calls are made before the service is restarted.
    restarts_after: int = 1
    #: Whether any call has an idempotency key.
    is_repeatable: bool = False
    _calls: int = field(default=0)
    _has_struck: bool = field(default=False)

    def check(self) -> None:
        """Raise VariantSkippedError where the variant cannot be."""
        if self.name in _FAULTS:
            if self.control is None:
                raise VariantSkippedError("only the embedded server can be made to fail")
            if not self.customers:
                raise VariantSkippedError(
                    "whom the call is metered for is not known before it is made, and a fault "
                    "must not touch others"
                )
        if self.name == "repeat" and not self.is_repeatable:
            raise VariantSkippedError(
                "no call has a header Idempotency-Key, so none may be sent again"
            )
        if self.name == "restart" and self.restart is None:
            raise VariantSkippedError(
                "nobody says how to restart the service: --amberflo-emitter-restart COMMAND, or "
                "the hook pytest_amberflo_restart_emitter"
            )

    def prepare(self, call: Call) -> None:
        """Set the faults before the first call."""
        del call
        if self._has_struck or self.name not in _FAULTS:
            return
        self._has_struck = True
        assert self.control is not None
        kind, members = _FAULTS[self.name]
        for customer in self.customers or ():
            self.control.set_fault(kind, customer=customer, **members)

    def follow(self, call: Call, watch: Watch) -> None:
        """What the variant does after a call: repeat it, or restart the service."""
        self._calls += 1
        if self.name == "repeat" and find_key(call) is not None:
            watch.note_repeat(call.number, time.time())
            exchange = self.courier.send(call, "repeated")
            self.courier.check_response(call, exchange)
            watch.stirred_s = time.time()
        if self.name == "restart" and self._calls == self.restarts_after:
            assert self.restart is not None
            moment_s = time.time()
            self.restart()
            watch.restarted_s, watch.stirred_s = moment_s, time.time()

    def close(self) -> None:
        """Take the faults back."""
        if self.control is not None:
            self.control.close()


def find_key(call: Call) -> str | None:
    """The idempotency key of a call, from the header that carries it."""
    for name, value in call.plan.sent.request.headers:
        if "idempotency" in name.lower():
            return value
    return None

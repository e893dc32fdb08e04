"""What a server is set up with, beside its address and its store."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_amberflo.server.behaviour import DEFAULT_BEHAVIOUR
from pytest_amberflo.server.errors import KeyUnusableError, TokenUnusableError
from pytest_amberflo.server.keyring import check_keys
from pytest_amberflo.server.limits import Limits

if TYPE_CHECKING:
    from pytest_amberflo.server.authority import Authority
    from pytest_amberflo.server.behaviour import Behaviour
    from pytest_amberflo.server.faults import Fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """Keys, limits and ways of a server. Raises KeyUnusableError, TokenUnusableError."""

    #: Each is accepted, as a tenant of its own.
    api_keys: tuple[str, ...] = field(repr=False)
    limits: Limits = field(default_factory=Limits)
    behaviour: Behaviour = DEFAULT_BEHAVIOUR
    #: From the start on.
    faults: tuple[Fault, ...] = ()
    #: For the control API, which is not there without one.
    control_token: str | None = field(default=None, repr=False)
    #: Vouches for Amberflo's hosts; without one there is no TLS.
    authority: Authority | None = None

    def __post_init__(self) -> None:
        check_keys(self.api_keys)
        if self.control_token is not None:
            try:
                check_keys((self.control_token,))
            except KeyUnusableError as error:
                raise TokenUnusableError(reason=error.reason) from None

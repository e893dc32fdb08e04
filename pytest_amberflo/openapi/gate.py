"""The check of messages: what surely keeps the description passes, the contract judges the rest.

openapi-core stays the authority, and its import, that costs as much as a run of pytest, is made
only when it is asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_amberflo.openapi.admission import Admission
from pytest_amberflo.openapi.readable import make_readable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pytest_amberflo.arazzo.operation import Operation
    from pytest_amberflo.arazzo.source import Pointer
    from pytest_amberflo.http.exchange import Request, Response
    from pytest_amberflo.openapi.contract import Contract
    from pytest_amberflo.openapi.description import Description
    from pytest_amberflo.openapi.violation import Violation


class Gate:
    """The checks of one description, see Contract; with `is_exact`, the contract judges all."""

    def __init__(self, description: Description, *, is_exact: bool = False) -> None:
        self._description = description
        self._is_exact = is_exact
        self._contract: Contract | None = None
        self._admissions: dict[Pointer, Admission] = {}

    @property
    def has_asked(self) -> bool:
        """Whether openapi-core has had to judge anything."""
        return self._contract is not None

    def prepare(self, operations: Iterable[Operation] | None = None) -> None:
        """Check the description itself, see `Contract.prepare`."""
        if not self._description.is_shipped:
            self._ask().prepare(operations)

    def check_request(
        self, operation: Operation, request: Request, path_texts: Mapping[str, str]
    ) -> tuple[Violation, ...]:
        """Every violation of a request: security, parameters, body."""
        if not self._is_exact and self._of(operation).admits_request(request, path_texts):
            return ()
        return self._ask().check_request(operation, request, path_texts)

    def check_response(
        self, operation: Operation, request: Request, response: Response
    ) -> tuple[Violation, ...]:
        """Every violation of a response: status, content type, headers, body."""
        if not self._is_exact and self._of(operation).admits_response(response):
            return ()
        return self._ask().check_response(operation, request, response)

    def _ask(self) -> Contract:
        """The contract, made when it is first asked."""
        if self._contract is None:
            from pytest_amberflo.openapi.contract import Contract  # noqa: PLC0415  costly

            self._contract = Contract(self._description)
        return self._contract

    def _of(self, operation: Operation) -> Admission:
        found = self._admissions.get(operation.pointer)
        if found is None:
            minor = self._description.minor
            readable = make_readable(self._description.extract(operation), minor)
            found = Admission(operation, readable, minor)
            self._admissions[operation.pointer] = found
        return found

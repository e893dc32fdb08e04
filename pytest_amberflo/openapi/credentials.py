"""Whether a request has what a security scheme asks for, as far as a request can show it.

OAuth 2, OpenID Connect and mutual TLS say nothing of where a credential stands in a request, so
they ask for nothing here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def is_given(scheme: Any, parameters: Any) -> bool:
    """Whether the parameters of a request hold the credential of a scheme."""
    if not isinstance(scheme, dict):
        return True
    if scheme.get("type") == "apiKey":
        place = getattr(parameters, str(scheme.get("in")), None)
        return place is None or scheme.get("name") in place
    if scheme.get("type") == "http":
        kind, _, credential = parameters.header.get("authorization", "").partition(" ")
        return kind.lower() == str(scheme.get("scheme")).lower() and bool(credential.strip())
    return True


def list_missing(
    required: Any, schemes: Mapping[str, Any], parameters: Any
) -> Iterator[tuple[str, str]]:
    """Part and scheme of every credential that one of the alternatives still asks for."""
    for requirement in required if isinstance(required, list) else ():
        for name in requirement if isinstance(requirement, dict) else ():
            scheme = schemes.get(name)
            if isinstance(scheme, dict) and not is_given(scheme, parameters):
                part = f"{scheme.get('in', 'header')} {scheme.get('name', 'Authorization')}"
                yield part, name

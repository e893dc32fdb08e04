"""The target as users name it: a word or a URL, checked."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn
from urllib.parse import urlsplit

import pytest
from msgspec import Struct

from pytest_amberflo.http.address import find_host, is_amberflo_host
from pytest_amberflo.naming import find_nearest
from pytest_amberflo.settings import LIVE_URL, Target, TargetKind

if TYPE_CHECKING:
    from pytest_amberflo.settings import Settings


class Given(Struct, frozen=True):
    """A value that a user gave, and where."""

    value: str
    #: How the user wrote it, for messages: `--amberflo-target`.
    label: str
    #: "command line", "environment" or "ini".
    origin: str


def parse_target(given: Given) -> Target:
    """The target that a user named. Raises pytest.UsageError with what a target is."""
    value = given.value.strip()
    if value == "embedded":
        return Target(kind="embedded", url=None, origin=given.origin)
    if value == "live":
        return Target(kind="live", url=LIVE_URL, origin=given.origin)
    if "://" not in value:
        refuse(describe_unknown(given.label, value, ("embedded", "live")) + " or a URL")
    url = check_url(value, given.label)
    kind: TargetKind = "live" if is_amberflo_host(find_host(url)) else "url"
    return Target(kind=kind, url=url, origin=given.origin)


def check_url(value: str, label: str) -> str:
    """The base URL that a user gave, without a slash at its end. Raises pytest.UsageError."""
    try:
        parts = urlsplit(value.strip())
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        refuse(f"{label}: `{value}` is no URL ({error})")
    if parts.scheme not in ("http", "https") or not host:
        refuse(f"{label} takes a URL such as http://127.0.0.1:8787, not `{value}`")
    if parts.username is not None or parts.password is not None:
        refuse(f"{label}: a URL with a user or password would be shown in reports")
    if parts.query or parts.fragment:
        refuse(f"{label}: a base URL has no query and no fragment")
    if parts.scheme == "http" and is_amberflo_host(host):
        refuse(f"{label}: `{value}` would send the key unencrypted; the real service is at https")
    return value.strip().rstrip("/?#")


def is_met(wanted: Target, target: Target) -> bool:
    """Whether a target is the wanted one; the real service is one, however it is spelled."""
    if wanted.kind == "live":
        return target.is_live
    return _normalize(wanted.url) == _normalize(target.url)


def _normalize(url: str | None) -> tuple[str, str, int | None, str] | None:
    """What tells URLs apart: letter case counts in paths only."""
    if url is None:
        return None
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, (parts.hostname or "").rstrip("."), port, parts.path


def check_override(url: object, settings: Settings) -> str:
    """The URL that the fixture `amberflo_url` gives instead of the target's.

    Raises pytest.UsageError for one that must be asked for, or that is not what is required.
    """
    label = "the fixture amberflo_url"
    if not isinstance(url, str):
        refuse(f"{label} gives {url!r}; a URL is due")
    target = parse_target(Given(check_url(url, label), label, "fixture"))
    same_host = _find_host(target.url) == _find_host(settings.target.url)
    if not target.is_loopback and not same_host:
        refuse(
            f"{label} gives `{url}`: a target off this machine must be asked for "
            "by --amberflo-target or AMBERFLO_TARGET"
        )
    if settings.require is not None and not is_met(settings.require, target):
        refuse(f"{label} gives `{url}`, but --amberflo-require asks for {settings.require}")
    assert target.url is not None
    return target.url


def _find_host(url: str | None) -> str | None:
    return urlsplit(url or "").hostname


def describe_unknown(label: str, value: str, known: tuple[str, ...]) -> str:
    """That a value is not one of those that are known, with the nearest one."""
    near = find_nearest(value, known)
    hint = f"; did you mean `{near}`?" if near else "."
    return f"{label}: `{value}` is unknown{hint} It takes {', '.join(known)}"


def refuse(message: str) -> NoReturn:
    """End the run with a usage error."""
    raise pytest.UsageError(f"amberflo: {message}")

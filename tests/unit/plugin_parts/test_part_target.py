"""The target: what may be asked for where, which URLs are live, and what a run requires."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
from unit.plugin_parts.part_kit import make_settings

from pytest_amberflo.options import read_settings
from pytest_amberflo.settings import LIVE_URL, Target

if TYPE_CHECKING:
    from collections.abc import Callable

KEY = {"AMBERFLO_API_KEY": "k-123456"}
LOCAL = "http://127.0.0.1:8787"


@pytest.fixture
def read(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Target]:
    """Reads the target of a run with arguments, an ini value and environment variables."""
    for name in list(os.environ):
        if name.startswith("AMBERFLO_"):
            monkeypatch.delenv(name)
    # To look for plugins takes longer than to read the settings.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")

    def read(*args: str, ini: str = "", **env: str) -> Target:
        for name, value in env.items():
            monkeypatch.setenv(name, value)
        if ini:
            pytester.makefile(".ini", pytest=f"[pytest]\namberflo_target = {ini}\n")
        return read_settings(pytester.parseconfig("-p", "pytest_amberflo.plugin", *args)).target

    return read


@pytest.fixture
def refuse(read: Callable[..., Target]) -> Callable[..., str]:
    """The words of a refusal."""

    def refuse(*args: str, **sources: Any) -> str:
        with pytest.raises(pytest.UsageError) as caught:
            read(*args, **sources)
        return str(caught.value).removeprefix("amberflo: ")

    return refuse


def test_live_is_the_real_service(read: Callable[..., Target]) -> None:
    """`live` is the service's own URL, asked for by command line or environment, with a key."""
    for target in (read("--amberflo-target=live", **KEY), read(AMBERFLO_TARGET="live")):
        assert (target.kind, target.url, target.is_live) == ("live", LIVE_URL, True)
        assert not target.is_loopback
        assert str(target) == "live (https://app.amberflo.io)"


LIVE_SPELLINGS = (
    "https://app.amberflo.io",
    "https://APP.AMBERFLO.IO.",
    "https://ingest.amberflo.io/ingest/",
    "HTTPS://amberflo.io:443",
    "https://staging.app.amberflo.io",
)


@pytest.mark.parametrize("url", LIVE_SPELLINGS)
def test_a_host_of_amberflo_is_live_however_it_is_spelled(
    read: Callable[..., Target], url: str
) -> None:
    """Upper case, a dot at the end, a port or a path do not hide the real service."""
    target = read(f"--amberflo-target={url}", **KEY)
    assert (target.kind, target.is_live, target.is_loopback) == ("live", True, False)


@pytest.mark.parametrize("url", ["live", *LIVE_SPELLINGS])
def test_live_without_a_key_is_refused(refuse: Callable[..., str], url: str) -> None:
    """Without a key the real service would refuse every request."""
    message = "the target is live, and AMBERFLO_API_KEY is not set"
    assert refuse(f"--amberflo-target={url}") == message
    assert refuse(AMBERFLO_TARGET=url) == message


@pytest.mark.parametrize(
    "url",
    [
        "https://amberflo.io.example.com",
        "https://notamberflo.io",
        "http://localhost/app.amberflo.io",
    ],
)
def test_other_hosts_are_not_live(read: Callable[..., Target], url: str) -> None:
    """A name that only looks like the service's is any other host, and needs no key."""
    target = read(f"--amberflo-target={url}")
    assert (target.kind, target.is_live, str(target)) == ("url", False, url)


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("http://127.0.0.1:8787/", "http://127.0.0.1:8787"),
        (" http://localhost ", "http://localhost"),
        ("http://[::1]:8787/api//", "http://[::1]:8787/api"),
        ("http://a.localhost", "http://a.localhost"),
        ("http://LOCALHOST.:80", "http://LOCALHOST.:80"),
        ("https://127.8.9.10", "https://127.8.9.10"),
    ],
)
def test_this_machine_needs_no_permission(
    read: Callable[..., Target], url: str, kept: str
) -> None:
    """A URL of this machine may stand in ini; slashes at its end are dropped."""
    target = read(ini=url)
    assert (target.url, target.kind, target.origin, target.is_loopback) == (
        kept,
        "url",
        "ini",
        True,
    )


@pytest.mark.parametrize(
    "value", ["live", "https://staging.example.com", "http://10.0.0.1", "http://127.0.0.1.nip.io"]
)
def test_a_target_off_this_machine_is_not_of_ini(refuse: Callable[..., str], value: str) -> None:
    """What leaves the machine must be asked for in this run."""
    assert refuse(ini=value, **KEY) == (
        f"amberflo_target in ini is `{value}`: a target off this machine must be asked for "
        "by --amberflo-target or AMBERFLO_TARGET"
    )


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            "embeded",
            ": `embeded` is unknown; did you mean `embedded`? It takes embedded, live or a URL",
        ),
        ("LIVE", ": `LIVE` is unknown; did you mean `live`? It takes embedded, live or a URL"),
        ("app.amberflo.io", ": `app.amberflo.io` is unknown. It takes embedded, live or a URL"),
        ("localhost:8787", ": `localhost:8787` is unknown. It takes embedded, live or a URL"),
        ("ftp://127.0.0.1", " takes a URL such as http://127.0.0.1:8787, not `ftp://127.0.0.1`"),
        ("http://", " takes a URL such as http://127.0.0.1:8787, not `http://`"),
        ("http:///x", " takes a URL such as http://127.0.0.1:8787, not `http:///x`"),
        ("http://u@127.0.0.1", ": a URL with a user or password would be shown in reports"),
        ("http://u:p@127.0.0.1", ": a URL with a user or password would be shown in reports"),
        ("http://:p@127.0.0.1", ": a URL with a user or password would be shown in reports"),
        ("http://@127.0.0.1", ": a URL with a user or password would be shown in reports"),
        ("http://127.0.0.1?key=1", ": a base URL has no query and no fragment"),
        ("http://127.0.0.1/#x", ": a base URL has no query and no fragment"),
        ("http://127.0.0.1:99999", ": `http://127.0.0.1:99999` is no URL (Port out of range"),
        ("http://127.0.0.1:abc", ": `http://127.0.0.1:abc` is no URL (Port could not be cast"),
        ("http://[::1", ": `http://[::1` is no URL (Invalid IPv6 URL)"),
    ],
)
def test_what_is_no_target_is_refused(
    refuse: Callable[..., str], value: str, message: str
) -> None:
    """The refusal says what a target is, and names who gave it."""
    assert refuse(f"--amberflo-target={value}").startswith(f"--amberflo-target{message}")
    assert refuse(AMBERFLO_TARGET=value).startswith(f"AMBERFLO_TARGET{message}")
    assert refuse("--amberflo-target=embedded", f"--amberflo-require={value}").startswith(
        f"--amberflo-require{message}"
    )


@pytest.mark.parametrize(
    ("required", "target"),
    [
        ("embedded", "embedded"),
        ("live", "live"),
        ("live", "https://APP.amberflo.io."),
        ("https://app.amberflo.io", "live"),
        ("https://ingest.amberflo.io", "live"),
        (LOCAL, LOCAL),
        (LOCAL + "/", LOCAL),
        ("http://STAGING.example.com/api", "http://staging.EXAMPLE.com/api"),
    ],
)
def test_a_requirement_that_is_met(
    read: Callable[..., Target], required: str, target: str
) -> None:
    """CI says what it meant; live is live however it is spelled."""
    read(f"--amberflo-require={required}", f"--amberflo-target={target}", **KEY)
    read(f"--amberflo-target={target}", AMBERFLO_REQUIRE=required)


@pytest.mark.parametrize(
    ("required", "target", "said"),
    [
        ("live", None, "the target is embedded (from default)"),
        (LOCAL, None, "the target is embedded (from default)"),
        ("live", LOCAL, f"the target is {LOCAL} (from command line)"),
        ("embedded", LOCAL, f"the target is {LOCAL} (from command line)"),
        ("embedded", "live", "the target is live (https://app.amberflo.io) (from command line)"),
        (
            LOCAL,
            "http://127.0.0.1:8788",
            "the target is http://127.0.0.1:8788 (from command line)",
        ),
        (LOCAL, LOCAL + "/v2", f"the target is {LOCAL}/v2 (from command line)"),
        ("http://staging.example.com", "http://example.com", "the target is http://example.com"),
    ],
)
def test_a_requirement_that_is_not_met(
    refuse: Callable[..., str], required: str, target: str | None, said: str
) -> None:
    """A run that would be against another target is refused, with both and who said so."""
    args = [f"--amberflo-target={target}"] if target else []
    message = refuse(*args, f"--amberflo-require={required}", **KEY)
    assert message.startswith(f"--amberflo-require asks for `{required}`, but {said}")
    assert refuse(*args, AMBERFLO_REQUIRE=required).startswith("AMBERFLO_REQUIRE asks for")


def test_a_target_has_a_name() -> None:
    """Reports call the target by kind and URL."""
    assert str(Target(kind="embedded", url=None, origin="default")) == "embedded"
    assert str(Target(kind="url", url=LOCAL, origin="ini")) == LOCAL


def test_levels_of_checks_by_default() -> None:
    """Throttling and lost answers are no finding unless a user says so, all others are."""
    settings = make_settings(severity={"throttle": "warn", "usage": "off"})
    names = ("throttle", "lost-answer", "usage", "request")
    assert [settings.level_of(name) for name in names] == ["warn", "off", "off", "error"]


@pytest.mark.parametrize("url", [LOCAL + "?", LOCAL + "/#", LOCAL + "/?#"])
def test_an_empty_query_is_refused_or_dropped(read: Callable[..., Target], url: str) -> None:
    """A question mark at the end would turn every path into a query."""
    assert read(f"--amberflo-target={url}").url == LOCAL


def test_paths_of_a_requirement_keep_their_case(refuse: Callable[..., str]) -> None:
    """Hosts have no letter case, paths do: `/A` is another target than `/a`."""
    assert refuse(f"--amberflo-target={LOCAL}/a", f"--amberflo-require={LOCAL}/A")


def test_the_real_service_is_not_called_in_clear_text(refuse: Callable[..., str]) -> None:
    """The key of the account does not travel without encryption."""
    assert refuse("--amberflo-target=http://app.amberflo.io", **KEY)

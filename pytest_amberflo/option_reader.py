"""Reads single settings from the command line, the environment and ini, in that order."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final, overload

from msgspec.structs import replace

from pytest_amberflo.ledger_file import REPORT_SUFFIXES
from pytest_amberflo.metering.dedup import DedupKeyError, DedupRules, ValuePolicy, read_dedup_rules
from pytest_amberflo.naming import find_nearest
from pytest_amberflo.option_table import INI
from pytest_amberflo.settings import (
    CHECKS,
    DESCRIPTIONS,
    LENIENCIES,
    LEVELS,
    Level,
    Target,
)
from pytest_amberflo.target import (
    Given,
    check_url,
    describe_unknown,
    parse_target,
    refuse,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pytest

_FROM_ENVIRONMENT: Final = ("target", "require", "input_file")
_INI_NAMES: Final = tuple(name for name, _, _ in INI)
#: Names of ini lists whose option is in the singular.
_SINGULAR: Final = {"servers": "server", "allow_hosts": "allow_host"}


class OptionReader:
    """Reads values of one run in the order of precedence."""

    def __init__(self, config: pytest.Config, environ: Mapping[str, str]) -> None:
        self._config = config
        self._environ = environ

    def find(self, name: str) -> Given | None:
        """The single value of a setting, or None where nobody gave one."""
        flag = f"--amberflo-{name.replace('_', '-')}"
        value = self._config.getoption(f"amberflo_{name}", None)
        if value is not None:
            return self._full(Given(str(value), flag, "command line"))
        variable = f"AMBERFLO_{name.upper()}"
        if name in _FROM_ENVIRONMENT and variable in self._environ:
            return self._full(Given(self._environ[variable], variable, "environment"))
        if name in _INI_NAMES:
            value = self._config.getini(f"amberflo_{name}")
            if value is not None:
                return self._full(Given(str(value), f"amberflo_{name} in ini", "ini"))
        return None

    def read_list(self, name: str) -> tuple[str, ...]:
        """All values of a repeatable setting; the command line replaces ini."""
        return self._read_list(name)[0]

    def _read_list(self, name: str) -> tuple[tuple[str, ...], str]:
        """The values of a repeatable setting, and how the user wrote it, for messages."""
        option = _SINGULAR.get(name, name)
        flag = f"--amberflo-{option.replace('_', '-')}"
        values = self._config.getoption(f"amberflo_{option}", None)
        if values is None and name in _INI_NAMES:
            values, flag = self._config.getini(f"amberflo_{name}"), f"amberflo_{name} in ini"
            if values == []:  # it is None where nobody gave one
                refuse(f"{flag} is empty (did a variable not expand?)")
        found = (self._full(Given(value, flag, "")).value for value in values or ())
        return tuple(found), flag

    def read_pairs(self, name: str, form: str) -> tuple[dict[str, str], str]:
        """The values of a repeatable NAME=VALUE setting by name, and how the user wrote it."""
        pairs: dict[str, str] = {}
        texts, flag = self._read_list(name)
        for text in texts:
            key, equals, value = text.partition("=")
            key = key.strip()
            if not key or not equals:
                refuse(f"{flag} takes {form}, not `{key or text}`")
            if not value:
                refuse(f"{flag} {key}: the value is empty (did a variable not expand?)")
            if key in pairs and pairs[key] != value:
                refuse(f"{flag} gives `{key}` twice, with two values")
            pairs[key] = value
        return pairs, flag

    def read_target(self) -> Target:
        """The target. `live` and URLs off loopback must be asked for, not stand in ini."""
        given = self.find("target")
        if given is None:
            return Target(kind="embedded", url=None, origin="default")
        target = parse_target(given)
        if given.origin == "ini" and not target.is_loopback:
            refuse(
                f"{given.label} is `{given.value}`: a target off this machine must be asked for "
                "by --amberflo-target or AMBERFLO_TARGET"
            )
        return target

    def read_api_key(self, target: Target) -> str | None:
        """AMBERFLO_API_KEY; required for the real service."""
        value = self._read_key("AMBERFLO_API_KEY")
        if value is None and target.is_live:
            refuse("the target is live, and AMBERFLO_API_KEY is not set")
        return value

    def read_second_key(self) -> str | None:
        """AMBERFLO_API_KEY_2: another account's."""
        value = self._read_key("AMBERFLO_API_KEY_2")
        if value is not None and value == self._environ.get("AMBERFLO_API_KEY"):
            refuse("AMBERFLO_API_KEY_2 is that of the first account; a second one is due")
        return value

    def read_job_summary(self) -> Path | None:
        """The file that GitHub Actions shows on the page of a job."""
        value = self._environ.get("GITHUB_STEP_SUMMARY", "")
        return Path(value) if value else None

    def _read_key(self, name: str) -> str | None:
        value = self._environ.get(name)
        if value is not None and not value.strip():
            refuse(f"{name} is empty (did a variable not expand?)")
        if value is not None and (value != value.strip() or not value.isprintable()):
            refuse(f"{name} has a space or line break at its end or a control character")
        return value

    def read_choice(self, name: str, known: tuple[str, ...]) -> str:
        """One of some names; the first where nobody gave one."""
        given = self.find(name)
        if given is not None and given.value not in known:
            refuse(describe_unknown(given.label, given.value, known))
        return known[0] if given is None else given.value

    def read_description(self) -> str | Path:
        """What probes hold the endpoint to."""
        given = self.find("description")
        if given is None:
            return DESCRIPTIONS[0]
        if given.value in DESCRIPTIONS:
            return given.value
        is_name = not Path(given.value).suffix and "/" not in given.value
        near = find_nearest(given.value, DESCRIPTIONS) if is_name else None
        if near is not None:
            refuse(describe_unknown(given.label, given.value, DESCRIPTIONS) + " or a file")
        return self.read_path("description", must_exist=True) or DESCRIPTIONS[0]

    def read_count(self, name: str) -> int | None:
        """A whole number from 0, or None."""
        given = self.find(name)
        if given is None:
            return None
        if not given.value.isascii() or not given.value.isdigit():
            refuse(f"{given.label} takes a whole number, not `{given.value}`")
        return int(given.value)

    def read_most(self, name: str, default: int, target: Target) -> int | None:
        """A limit from 1 for a target off this machine; None where it is on it."""
        count = self.read_count(name)
        if count == 0:
            refuse(f"--amberflo-{name.replace('_', '-')} takes a number from 1")
        return None if target.is_loopback else count or default

    def read_dedup(self) -> DedupRules:
        """The account's rules of deduplication."""
        texts, flag = self._read_list("dedup_key")
        policy = self.find("dedup_value")
        try:
            rules = read_dedup_rules(texts)
        except DedupKeyError as error:
            refuse(f"{flag} {error}")
        if policy is None:
            return rules
        known = tuple(member.value for member in ValuePolicy)
        if policy.value not in known:
            refuse(describe_unknown(policy.label, policy.value, known))
        return replace(rules, value=ValuePolicy(policy.value))

    @overload
    def read_seconds(self, name: str, default: float) -> float: ...

    @overload
    def read_seconds(self, name: str, default: None) -> float | None: ...

    def read_seconds(self, name: str, default: float | None) -> float | None:
        """A time in seconds from 0."""
        given = self.find(name)
        if given is None:
            return default
        try:
            seconds = float(given.value)
        except ValueError:
            seconds = -1.0
        if not 0 <= seconds < float("inf"):
            refuse(f"{given.label} takes seconds from 0, not `{given.value}`")
        if name == "timeout" and seconds == 0:
            refuse(f"{given.label} must be more than 0")
        return seconds

    def read_path(self, name: str, *, must_exist: bool) -> Path | None:
        """A path, relative to where pytest was started, or to the ini file."""
        given = self.find(name)
        if given is None:
            return None
        path = self._locate(given, is_new=not must_exist)
        if must_exist and not path.is_file():
            refuse(f"{given.label}: there is no file {given.value}")
        return path

    def _locate(self, given: Given, *, is_new: bool = True) -> Path:
        base = (
            self._config.rootpath if given.origin == "ini" else self._config.invocation_params.dir
        )
        path = base / Path(given.value).expanduser()
        if is_new and not path.parent.is_dir():
            refuse(f"{given.label}: there is no folder {path.parent}")
        return path

    def read_reports(self, verify: Path | None) -> tuple[Path, ...]:
        """Where the table of a verification goes: by default two files beside the ledger."""
        texts, flag = self._read_list("verify_report")
        if texts and verify is None:
            refuse(f"{flag} is the table of --amberflo-verify FILE, which was not given")
        for text in texts:
            if Path(text).suffix.lower() not in REPORT_SUFFIXES:
                refuse(f"{flag} takes a file named .csv or .json, not `{text}`")
        paths = [self._locate(Given(text, flag, "command line")) for text in texts]
        if not paths and verify is not None:
            paths = [verify.with_name(f"{verify.stem}-report{end}") for end in REPORT_SUFFIXES]
        return tuple(paths)

    def read_servers(self) -> dict[str, str]:
        """Base URLs by the name of a source description."""
        servers, flag = self.read_pairs("servers", "SOURCE=URL")
        return {name: check_url(url, f"{flag} {name}") for name, url in servers.items()}

    def read_hosts(self) -> tuple[str, ...]:
        """Further hosts, lower case."""
        hosts, flag = self._read_list("allow_hosts")
        for host in hosts:
            if "/" in host or "*" in host:
                refuse(f"{flag} takes a host such as api.example.com, not `{host}`")
            if re.search(r"^[^:]*:\d*$", host):
                refuse(f"{flag} takes a host without a port, not `{host}`")
        return tuple(host.lower() for host in hosts)

    def read_leniencies(self) -> tuple[str, ...]:
        """The rules that are not insisted on."""
        names = self.read_list("lenient")
        for name in names:
            if name not in LENIENCIES:
                refuse(describe_unknown("amberflo_lenient in ini", name, LENIENCIES))
        return names

    def read_severity(self) -> dict[str, Level]:
        """The level of each check that the user set."""
        levels: dict[str, Level] = {}
        pairs, flag = self.read_pairs("severity", "CHECK=error|warn|off")
        for check, level in pairs.items():
            if check not in CHECKS:
                refuse(describe_unknown(flag, check, CHECKS))
            if level not in LEVELS:
                refuse(describe_unknown(f"{flag} {check}", level, LEVELS))
            levels[check] = level  # type: ignore[assignment]
        return levels

    def _full(self, given: Given) -> Given:
        if not given.value.strip():
            refuse(f"{given.label} is empty (did a variable not expand?)")
        return given

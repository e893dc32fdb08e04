"""Options, ini values and environment variables, read once into Settings.

Precedence: command line, environment, ini, default. An empty value is a usage error: a CI
variable that did not expand must not turn into a green offline run.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pytest_amberflo.ledger_file import check_deferral, find_target
from pytest_amberflo.option_reader import OptionReader
from pytest_amberflo.option_value import choose_variants, split_command
from pytest_amberflo.settings import (
    EMITTER_VARIANTS,
    FILE_NAMES,
    VALIDATIONS,
    VARIANTS,
    EmitterSettings,
    Settings,
    Target,
)
from pytest_amberflo.target import (
    is_met,
    parse_target,
    refuse,
)

if TYPE_CHECKING:
    import pytest


def read_environment() -> dict[str, str]:
    """All variables, for a process that inherits them."""
    return dict(os.environ)


def read_settings(config: pytest.Config) -> Settings:
    """The settings of a run. Raises pytest.UsageError that names the option and what it takes."""
    reader = OptionReader(config, os.environ)
    target = reader.read_target()
    verify = reader.read_path("verify", must_exist=True)
    if verify is not None:
        target = find_target(verify, target)
    embedded = target.kind == "embedded"
    settings = Settings(
        target=target,
        require=_read_require(reader, target),
        api_key=reader.read_api_key(target),
        min_judged=reader.read_count("min_judged"),
        servers=reader.read_servers(),
        allow_hosts=frozenset(reader.read_hosts()),
        inputs=reader.read_pairs("input", "NAME=VALUE")[0],
        without=frozenset(reader.read_list("without")),
        input_file=reader.read_path("input_file", must_exist=True),
        variants=choose_variants(reader.find("variants"), VARIANTS, has_all=target.is_loopback),
        settle_s=reader.read_seconds("settle", 5.0 if embedded else 60.0),
        emitter=EmitterSettings(
            variants=choose_variants(
                reader.find("emitter_variants"), EMITTER_VARIANTS, has_all=embedded
            ),
            is_chosen=reader.find("emitter_variants") is not None,
            quiet_s=reader.read_seconds("quiet", 1.0),
            restart=split_command(reader.find("emitter_restart")),
        ),
        hold_s=reader.read_seconds("hold", 0.0 if embedded else 2.0),
        timeout_s=reader.read_seconds("timeout", 10.0 if target.is_loopback else 30.0),
        deadline_s=reader.read_seconds("deadline", None),
        dedup=reader.read_dedup(),
        max_events=reader.read_most("max_events", 100, target),
        rate=reader.read_most("rate", 5, target),
        second_key=reader.read_second_key(),
        description=reader.read_description(),
        severity=reader.read_severity(),
        is_exact=reader.read_choice("validation", VALIDATIONS) == "exact",
        trace=reader.read_path("trace", must_exist=False),
        har=reader.read_path("har", must_exist=False),
        job_summary=reader.read_job_summary(),
        is_dry_run=config.getoption("amberflo_dry_run"),
        ledger=reader.read_path("ledger", must_exist=False),
        verify=verify,
        verify_reports=reader.read_reports(verify),
        takes_bare_ids="bare-operation-id" in reader.read_leniencies(),
        file_names=reader.read_list("files") or FILE_NAMES,
    )
    if not config.option.collectonly:
        check_deferral(settings)
    return settings


def _read_require(reader: OptionReader, target: Target) -> Target | None:
    required = reader.find("require")
    if required is None:
        return None
    wanted = parse_target(required)
    if not is_met(wanted, target):
        refuse(
            f"{required.label} asks for `{required.value}`, but the target is {target} "
            f"(from {target.origin})"
        )
    return wanted

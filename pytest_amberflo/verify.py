"""Ledgers as pytest nodes: a file, and an item for each of its entries."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_amberflo.ledger_file import LedgerFileError, PlacedEntry, name_target, read_ledger
from pytest_amberflo.nodes import run_of
from pytest_amberflo.target import Given, is_met, parse_target, refuse

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from pytest_amberflo.run import Run
    from pytest_amberflo.verification import Verification, VerifyResult

_RESULT: Final[pytest.StashKey[VerifyResult]] = pytest.StashKey()


def narrow_to_ledger(config: pytest.Config, path: Path) -> None:
    """Collect the ledger and nothing else. Refuses other files that were named.

    Entries may be named, as `FILE::entry`.
    """
    if config.args_source is not config.ArgsSource.ARGS:
        config.args_source = config.ArgsSource.ARGS
        config.args = [str(path)]
        return
    for argument in config.args:
        named = config.invocation_params.dir / argument.partition("::")[0]
        if not named.exists() or not named.samefile(path):
            refuse(
                f"--amberflo-verify judges {path.name} and runs nothing else, but {argument} "
                "was named, too"
            )


class LedgerFixtures:
    """What an entry asks for."""

    @pytest.fixture
    def _amberflo_verification(
        self,
        request: pytest.FixtureRequest,
        pytestconfig: pytest.Config,
        amberflo_api_key: str | None,
    ) -> Verification:
        assert isinstance(request.node, LedgerItem)
        return prepare_verification(request.node, run_of(pytestconfig), amberflo_api_key)


class LedgerFile(pytest.File):
    """A ledger; one that is broken, or of another target, is a collection error."""

    def collect(self) -> Iterator[pytest.Item]:
        """An item for each entry."""
        run = run_of(self.config)
        try:
            placed = read_ledger(self.path)
            for found in placed:
                self._check_target(found, run)
        except LedgerFileError as error:
            raise self.CollectError(str(error)) from None
        names = list(_name_all(found.entry.item for found in placed))
        for name, found in zip(names, placed, strict=True):
            yield LedgerItem.from_parent(
                self, name=name, callobj=_verify_entry, placed=found, everything=placed
            )

    def _check_target(self, found: PlacedEntry, run: Run) -> None:
        target, wanted = run.settings.target, found.entry.target
        reason = f"it was sent to {wanted}, and the target is {target}"
        try:
            is_same = is_met(parse_target(Given(wanted, self.path.name, "ledger")), target)
        except pytest.UsageError as error:
            reason, is_same = str(error).removeprefix("amberflo: "), False
        if not is_same:
            hint = f". To verify it: --amberflo-target {name_target(wanted)}"
            raise LedgerFileError(self.path, reason + hint, found.line)


class LedgerItem(pytest.Function):
    """One entry, judged."""

    def __init__(
        self, *, placed: PlacedEntry, everything: tuple[PlacedEntry, ...], **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.placed = placed
        self.everything = everything

    def reportinfo(self) -> tuple[os.PathLike[str] | str, int | None, str]:
        """The file, the 0-based line of the entry, and the item's name below the file."""
        return self.path, self.placed.line - 1, self.name

    def repr_failure(  # type: ignore[override]
        self, excinfo: pytest.ExceptionInfo[BaseException]
    ) -> Any:
        """The failure text of a red entry; pytest's own text for everything else."""
        from pytest_amberflo.verify_text import (  # noqa: PLC0415  only a red run needs it
            VerifyFailure,
            describe_verification,
        )

        if isinstance(excinfo.value, VerifyFailure):
            place = f"{self.path.name}:{self.placed.line}"
            redactor = run_of(self.config).redactor
            return describe_verification(excinfo.value.result, place, redactor)
        return super().repr_failure(excinfo)

    def make_digest(self, report: pytest.TestReport) -> dict[str, Any] | None:
        """What the controller needs of the entry; None where a report says nothing new."""
        from pytest_amberflo.verification import list_rows  # noqa: PLC0415
        from pytest_amberflo.verify_text import make_verify_digest  # noqa: PLC0415

        run = run_of(self.config)
        if report.when == "call" and _RESULT in self.stash:
            return make_verify_digest(self.nodeid, self.stash[_RESULT], run)
        if report.when in ("setup", "call") and not report.passed:
            outcome = "skipped" if report.skipped else "error"
            everything = [found.entry for found in self.everything]
            rows = list_rows(self.placed.entry, everything, {})
            return make_verify_digest(self.nodeid, outcome, run, rows)
        return None


def _name_all(items: Iterable[str]) -> Iterator[str]:
    """The node ids of items below their files, as names that select: each only once."""
    times: Counter[str] = Counter()
    for item in items:
        # No dots: pytest shows them as `::`, and what it shows would select nothing.
        name = (item.partition("::")[2] or item).replace("::", "-").replace("/", "_")
        name = name.replace(".", "_").replace("[", "(").replace("]", ")")
        times[name] += 1
        yield name if times[name] == 1 else f"{name}-{times[name]}"


def _verify_entry(request: pytest.FixtureRequest, _amberflo_verification: Verification) -> None:
    """Judge an entry; its class says what is shown."""
    __tracebackhide__ = True
    from pytest_amberflo.verdict import Verdict  # noqa: PLC0415
    from pytest_amberflo.verify_text import (  # noqa: PLC0415
        VerifyFailure,
        describe_readings,
        list_verify_properties,
    )

    item = request.node
    result = _amberflo_verification.run()
    item.stash[_RESULT] = result
    item.user_properties.extend(list_verify_properties(result))
    item.add_report_section("call", "amberflo steps", "\n".join(describe_readings(result)))
    if result.verdict is not Verdict.PASSED:
        raise VerifyFailure(result)


def prepare_verification(item: LedgerItem, run: Run, api_key: str | None) -> Verification:
    """The verification of an entry; one that is not yet due is an error of the item."""
    from pytest_amberflo.verification import Verification, describe_wait  # noqa: PLC0415

    entry = item.placed.entry
    wait = describe_wait(entry, run.now())
    if wait is not None:
        pytest.fail(wait, pytrace=False)
    everything = [found.entry for found in item.everything]
    return Verification(run, entry, everything, api_key)

"""Which emitter variants make sense for a workflow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_amberflo.execution import PreparedWorkflow
    from pytest_amberflo.settings import Settings


def choose_for(config: Any, settings: Settings, prepared: PreparedWorkflow) -> Sequence[str]:
    """The variants of a workflow; those that the user named stay, to be skipped with a reason."""
    chosen = settings.emitter.variants
    if settings.emitter.is_chosen:
        return chosen
    left_out = set()
    if not any(step.is_repeatable for step in prepared.metered):
        left_out.add("repeat")
    if settings.emitter.restart is None and not has_restart_hook(config.hook):
        left_out.add("restart")
    return tuple(name for name in chosen if name not in left_out)


def has_restart_hook(hooks: Any) -> bool:
    """Whether a conftest or plugin says how the service is restarted."""
    return bool(hooks.pytest_amberflo_restart_emitter.get_hookimpls())

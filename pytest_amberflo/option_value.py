"""Values that users write for options: lists of variants, commands."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from pytest_amberflo.target import describe_unknown, refuse

if TYPE_CHECKING:
    from pytest_amberflo.target import Given


def choose_variants(
    given: Given | None, known: tuple[str, ...], *, has_all: bool
) -> tuple[str, ...]:
    """The chosen variants, in the order of `known`; by default the first, or all."""
    if given is None:
        return known if has_all else known[:1]
    names = [name.strip() for name in given.value.split(",") if name.strip()]
    for name in names:
        if name not in known:
            refuse(describe_unknown(given.label, name, known))
    if not names:
        refuse(f"{given.label} names no variant; it takes {', '.join(known)}")
    return tuple(name for name in known if name in names)


def split_command(given: Given | None) -> tuple[str, ...] | None:
    """A command and its arguments, parted as a shell would, or None."""
    if given is None:
        return None
    try:
        return tuple(shlex.split(given.value))
    except ValueError as error:
        refuse(f"{given.label} is no command: {error}")

"""pytest's marks as a document writes them: data, and nothing that would be run as code."""

from __future__ import annotations

import builtins
import keyword
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct, field

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_ACTIONS: Final = ("default", "error", "ignore", "always", "all", "module", "once")
_CONDITIONAL: Final = {
    "skipif": {"condition": bool, "reason": str},
    "xfail": {"condition": bool, "reason": str, "strict": bool, "run": bool},
}


class MarkSpec(Struct, frozen=True, kw_only=True):
    """A pytest mark by name, with its arguments."""

    name: str
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)


class MarkError(ValueError):
    """A value is no mark, or not one that a document can give; the text says why."""


def is_fixture_name(name: Any) -> bool:
    """Whether a value can be the name of a fixture: that of a parameter of a function."""
    return isinstance(name, str) and name.isidentifier() and not keyword.iskeyword(name)


def parse_mark(item: Any) -> MarkSpec:
    """The mark that a value is: a name, or one name with its arguments. Raises MarkError."""
    mark = _read_mark(item)
    if mark is None:
        text = "a mark is a name, or one name with its arguments: `skip: {reason: ...}`"
        raise MarkError(text)
    if mark.name.startswith("_"):
        raise MarkError(f"`{mark.name}`: names of marks begin with a letter")
    if mark.name == "parametrize":
        raise MarkError("`parametrize` is for functions; `rows` run a workflow several times")
    check = _CHECKS.get(mark.name)
    if check is not None:
        check(mark)
    return mark


def _read_mark(item: Any) -> MarkSpec | None:
    if isinstance(item, str):
        return MarkSpec(name=item) if item.isidentifier() else None
    if not isinstance(item, dict) or len(item) != 1:
        return None
    ((name, given),) = item.items()
    if not isinstance(name, str) or not name.isidentifier():
        return None
    if isinstance(given, dict):
        return MarkSpec(name=name, kwargs=given)
    if isinstance(given, list):
        return MarkSpec(name=name, args=tuple(given))
    if name in ("skip", "xfail") and isinstance(given, str):
        return MarkSpec(name=name, kwargs={"reason": given})
    return MarkSpec(name=name, args=() if given is None else (given,))


def _check_conditional(mark: MarkSpec) -> None:
    """Refuse conditions that are texts: pytest would run them as Python."""
    known = _CONDITIONAL[mark.name]
    conditions = [*mark.args, *([mark.kwargs["condition"]] if "condition" in mark.kwargs else [])]
    if any(isinstance(condition, str) for condition in conditions):
        raise MarkError(
            f"the condition of `{mark.name}` is a text, which pytest would run as Python; "
            "true or false is due (a conftest.py can add the mark on any condition)"
        )
    is_right = all(isinstance(value, known.get(name, ())) for name, value in mark.kwargs.items())
    if not is_right or not all(isinstance(condition, bool) for condition in conditions):
        names = ", ".join(f"{name} ({kind.__name__})" for name, kind in known.items())
        raise MarkError(f"`{mark.name}` takes {names}")
    if mark.name == "skipif" and not (conditions and mark.kwargs.get("reason")):
        raise MarkError("`skipif` needs a condition and a reason")


def _check_skip(mark: MarkSpec) -> None:
    reasons = [*mark.args, *mark.kwargs.values()]
    is_known = mark.kwargs.keys() <= {"reason"} and len(reasons) <= 1
    if not is_known or not all(isinstance(reason, str) for reason in reasons):
        raise MarkError("`skip` takes a reason: `skip: {reason: ...}`")


def _check_fixtures(mark: MarkSpec) -> None:
    if mark.kwargs or not mark.args or not all(map(is_fixture_name, mark.args)):
        raise MarkError("`usefixtures` takes names of fixtures: `usefixtures: [database]`")


def _check_filters(mark: MarkSpec) -> None:
    if mark.kwargs or not mark.args or not all(map(_is_warning_filter, mark.args)):
        raise MarkError("`filterwarnings` takes filters such as `ignore::DeprecationWarning`")


def _is_warning_filter(value: Any) -> bool:
    """Whether a text is a filter for a warning of Python's own; any other would be imported."""
    parts = value.split(":") if isinstance(value, str) else []
    if not 1 <= len(parts) <= 5 or parts[0].strip() not in _ACTIONS:
        return False
    category, line = [*parts[2:3], "", ""][0].strip(), [*parts[4:5], ""][0].strip()
    kind = getattr(builtins, category, None) if category else Warning
    is_warning = isinstance(kind, type) and issubclass(kind, Warning)
    return is_warning and (not line or (line.isascii() and line.isdigit()))


_CHECKS: Final[Mapping[str, Callable[[MarkSpec], None]]] = {
    "skip": _check_skip,
    "skipif": _check_conditional,
    "xfail": _check_conditional,
    "usefixtures": _check_fixtures,
    "filterwarnings": _check_filters,
}

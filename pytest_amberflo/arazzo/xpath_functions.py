"""The functions of XPath that run patterns, within a limit of time; and those that are refused.

elementpath's own use Python's `re`, which a pattern can keep busy for ever; some others reach
out of the document, to files, hosts and the environment.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import regex
from elementpath.regex import RegexError, translate_pattern

if TYPE_CHECKING:
    from collections.abc import Callable

LIMIT_S: Final = 1.0
_FLAGS: Final = {"s": regex.S, "m": regex.M, "i": regex.I, "x": regex.X}
_TEXT: Final = "xs:string"
_REFUSED: Final = (
    "analyze-string",
    "available-environment-variables",
    "collection",
    "doc",
    "doc-available",
    "environment-variable",
    "json-doc",
    "unparsed-text",
    "unparsed-text-available",
    "unparsed-text-lines",
    "uri-collection",
)


def restrict(base: Any) -> Any:
    """A parser like `base` with bounded patterns and without functions that reach out."""
    parser: Any = type(base.__name__, (base,), {})
    for name in _REFUSED:
        if name in parser.symbol_table:
            parser.unregister(name)
    for name, count, evaluate, types in _FUNCTIONS:
        if name in parser.symbol_table:
            parser.unregister(name)
            function = parser.function(name, nargs=count, sequence_types=types)
            evaluate_named = _named(evaluate, name)
            parser.method(function)(evaluate_named)
    return parser


def _named(evaluate: Callable[[Any, Any], Any], name: str) -> Callable[..., Any]:
    """The function under the name by which elementpath binds a method to a symbol."""

    def method(self: Any, context: Any = None) -> Any:
        return evaluate(self, self.context if self.context is not None else context)

    method.__name__ = f"evaluate__{name}"
    return method


def _compile(token: Any, context: Any, at: int, flags_at: int) -> tuple[Any, str]:
    """The compiled pattern of a call, and whether it is literal (`q`)."""
    pattern = token.get_argument(context, at, required=True, cls=str)
    letters = ""
    if len(token) > flags_at:
        letters = token.get_argument(context, flags_at, required=True, cls=str)
    flags = 0
    for letter in letters:
        if letter == "q" and token.parser.version > "2":
            pattern = regex.escape(pattern)
        elif letter in _FLAGS:
            flags |= _FLAGS[letter]
        else:
            raise token.error("FORX0001", f"invalid flag {letter!r} of a regular expression")
    try:
        translated = translate_pattern(pattern, int(flags), token.parser.xsd_version)
        return regex.compile(translated, flags=flags), letters
    except (regex.error, RegexError) as error:
        raise token.error("FORX0002", f"invalid regular expression: {error}") from None


def _matches(token: Any, context: Any) -> bool:
    text = token.get_argument(context, default="", cls=str)
    pattern, _ = _compile(token, context, 1, 2)
    return bool(pattern.search(text, timeout=LIMIT_S))


def _replace(token: Any, context: Any) -> str:
    text = token.get_argument(context, default="", cls=str)
    pattern, letters = _compile(token, context, 1, 3)
    replacement = token.get_argument(context, 2, required=True, cls=str)
    if pattern.search("", timeout=LIMIT_S):
        raise token.error("FORX0003", "the pattern matches a text of no length")
    if "q" in letters:
        return str(pattern.sub(lambda _: replacement, text, timeout=LIMIT_S))
    return str(
        pattern.sub(lambda found: _expand(token, found, replacement), text, timeout=LIMIT_S)
    )


def _expand(token: Any, found: Any, replacement: str) -> str:
    """The replacement with `$N` filled in, and what a backslash stands before as it is."""
    parts: list[str] = []
    position = 0
    while position < len(replacement):
        char = replacement[position]
        following = replacement[position + 1 : position + 2]
        if char == "\\" and following in ("\\", "$") and following:
            parts.append(following)
            position += 2
        elif char == "$" and following.isdigit():
            end = position + 2
            while replacement[end : end + 1].isdigit() and _is_group(
                found, replacement[position + 1 : end + 1]
            ):
                end += 1
            number = int(replacement[position + 1 : end])
            parts.append((found.group(number) or "") if number <= found.re.groups else "")
            position = end
        elif char in ("\\", "$"):
            raise token.error("FORX0004", f"invalid replacement {replacement!r}")
        else:
            parts.append(char)
            position += 1
    return "".join(parts)


def _is_group(found: Any, digits: str) -> bool:
    return bool(int(digits) <= found.re.groups)


def _tokenize(token: Any, context: Any) -> list[str]:
    text = token.get_argument(context, default="", cls=str)
    if len(token) == 1:
        return list(text.split())
    pattern, _ = _compile(token, context, 1, 2)
    if pattern.search("", timeout=LIMIT_S):
        raise token.error("FORX0003", "the pattern matches a text of no length")
    if not text:
        return []
    pieces: list[str] = []
    start = 0
    for found in pattern.finditer(text, timeout=LIMIT_S):
        pieces.append(text[start : found.start()])
        start = found.end()
    return [*pieces, text[start:]]


_FUNCTIONS: Final[tuple[tuple[str, tuple[int, int], Any, tuple[str, ...]], ...]] = (
    ("matches", (2, 3), _matches, (f"{_TEXT}?", _TEXT, _TEXT, "xs:boolean")),
    ("replace", (3, 4), _replace, (f"{_TEXT}?", _TEXT, _TEXT, _TEXT, _TEXT)),
    ("tokenize", (1, 3), _tokenize, (f"{_TEXT}?", _TEXT, _TEXT, f"{_TEXT}*")),
)

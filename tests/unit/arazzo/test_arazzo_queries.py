"""Patterns and queries of documents: any text is one, or is refused; none runs anything."""

from __future__ import annotations

import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.arazzo.arazzo_kit import JSON, effort

from pytest_amberflo.arazzo.condition import holds
from pytest_amberflo.arazzo.condition_grammar import parse_condition, parse_operand
from pytest_amberflo.arazzo.criteria import check_condition, judge_criterion
from pytest_amberflo.arazzo.errors import EvaluationError, ExpressionSyntaxError
from pytest_amberflo.arazzo.model import Criterion, Place
from pytest_amberflo.arazzo.regex import search
from pytest_amberflo.arazzo.scope import Scope, receive
from pytest_amberflo.arazzo.selector import VERSIONS
from pytest_amberflo.arazzo.template import compile_embedded, compile_template, render
from pytest_amberflo.http.exchange import Response

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: Kind of query to what its language gives a meaning to.
PIECES: Final = {
    "jsonpath": (
        *"$.[]*?@()!<>=&|'\"-:,01 a",
        *("[?@.a", "length(", "match(", "search(", "==", "&&", "1e9", "9" * 30, "\\u", "é"),
    ),
    "xpath": (
        *"/.[]*@()!<>=|'\":,01 a$+{}",
        *("//", "::", "child::", "count(", "matches(", "for $x in ", "1 to 9", "xs:", "map{"),
        *("(:", "Q{", "1e9", "div", "parse-xml(", "'('", "doc('a')"),
    ),
    "regex": (
        *"()[]{}*+?|\\^$.-,01 a",
        *("(?:", "(?P<a>", "(?<=", "(?#", "\\p{", "\\N{", "(?R)", "[[", "\\1", "(?i)", "(?(1)"),
    ),
    "jsonpointer": (*"/~01#a ", "//", "~2"),
}
#: Texts of each kind that nest deeper than any stack.
DEEP: Final = [
    pytest.param(kind, unit * 5000 + end, id=f"{kind} {unit}{end}")
    for kind, units in {
        "jsonpath": ("$[?(", "[?!", "$.a", "[", "$[?@.a==1&&("),
        "xpath": ("(", "not(", "-", "a[", "a/", "(a)?", "1+"),
        "regex": ("(", "(a)?", "(a|", "[", "[[a]--"),
        "jsonpointer": ("/", "~0"),
    }.items()
    for unit in units
    for end in ("", "1")
]
BODIES: Final = {
    "xpath": (b"<a x='1'><b>2</b><c/></a>", (("Content-Type", "application/xml"),)),
    "json": (b'{"a": [1, {"a": "x"}], "b": null}', JSON),
}


def scope_of(kind: str, **inputs: Any) -> Scope:
    """A scope whose response body a query of this kind can be applied to."""
    body, headers = BODIES["xpath" if kind == "xpath" else "json"]
    response = receive(Response(status=200, headers=headers, body=body))
    return Scope(inputs=inputs, response=response)


def judge(text: str, kind: str, version: str = "", **inputs: Any) -> bool:
    """Whether a criterion holds; an error in its evaluation has a text."""
    place = Place(())
    criterion = Criterion(
        condition=text,
        type=kind,  # type: ignore[arg-type]
        version=version,
        context=parse_operand("$response.body"),
        parsed=None,
        template=compile_embedded(text),
        place=place,
    )
    result = judge_criterion(criterion, scope_of(kind, **inputs))
    assert result.error is None or result.error.startswith("`")
    return result.passed


def use(text: str, kind: str, version: str | None) -> None:
    """Check a query and, if it is one, apply it."""
    refusal: ExpressionSyntaxError | None = None
    try:
        check_condition(text, kind, version)
    except ExpressionSyntaxError as error:
        refusal = error
    if refusal is not None:
        assert 0 <= refusal.offset <= len(text)
        assert refusal.expected in str(refusal)
        return
    with suppress(ExpressionSyntaxError):  # of an expression in braces
        judge(text, kind, version or "")


def versions_of(kind: str) -> tuple[str | None, ...]:
    """The versions that a kind of query has."""
    return VERSIONS.get(kind, (None,))


@pytest.mark.parametrize("kind", sorted(PIECES))
def test_any_text_is_a_query_or_a_syntax_error(kind: str) -> None:
    """Nothing but the engine's own errors comes out of any library that reads queries."""

    @effort(60)
    @given(
        st.text(max_size=12) | st.lists(st.sampled_from(PIECES[kind]), max_size=10).map("".join),
        st.sampled_from(versions_of(kind)),
    )
    def check(text: str, version: str | None) -> None:
        use(text, kind, version)

    check()


@pytest.mark.parametrize(("kind", "text"), DEEP)
def test_a_query_of_any_depth_is_used_or_refused(kind: str, text: str) -> None:
    """Depth does not reach the stack's end in any way that is not caught."""
    use(text, kind, versions_of(kind)[0])


@pytest.mark.parametrize("text", ["$[1e9]", "$[-1e92]", "$['a'"])
def test_a_library_that_stumbles_is_a_syntax_error(text: str) -> None:
    """An index that is none is refused like any other mistake."""
    with pytest.raises(ExpressionSyntaxError):
        check_condition(text, "jsonpath", None)


@pytest.mark.parametrize("pattern", ["(?R)+", "a(?1)", "(?P<a>b)(?&a)", r"\\(?R)"])
def test_a_pattern_that_calls_itself_is_refused(pattern: str) -> None:
    """It would take all memory before its time is over."""
    with pytest.raises(ExpressionSyntaxError, match="must not call itself"):
        check_condition(pattern, "regex", None)
    with pytest.raises(EvaluationError, match="must not call itself"):
        search(pattern, "aaaa 000")


@pytest.mark.parametrize("pattern", [r"\(?R\)", "(?:R)", "(?i)R", "(?P<R>1)", "(?<=R)1"])
def test_what_only_looks_like_a_call_is_none(pattern: str) -> None:
    """Other groups, and parentheses that are meant as such, are patterns like any other."""
    check_condition(pattern, "regex", None)


@pytest.mark.parametrize(
    ("pointer", "passed"),
    [("", True), ("/a/0", True), ("/b", True), ("/a/9", False), ("#/a", True), ("/c", False)],
)
def test_a_json_pointer_holds_where_it_leads_somewhere(
    pointer: str,
    passed: bool,  # noqa: FBT001
) -> None:
    """Like a JSONPath it asks whether something is there, whatever that is."""
    assert judge(pointer, "jsonpointer", "rfc6901") is passed


#: What Python tells of itself when it runs, opens, starts or calls something.
FORBIDDEN: Final = frozenset(
    {"exec", "compile", "open", "os.system", "os.exec", "subprocess.Popen", "socket.connect"}
)
_heard: list[str] | None = None


def _listen(event: str, arguments: tuple[Any, ...]) -> None:
    if _heard is not None and event in FORBIDDEN:
        _heard.append(f"{event} {str(arguments)[:200]}")


@contextmanager
def listening() -> Iterator[list[str]]:
    """What Python runs or opens meanwhile."""
    global _heard  # noqa: PLW0603  a hook of the interpreter can be set once and for all
    if not getattr(sys, "_amberflo_listens", False):
        sys.addaudithook(_listen)
        sys._amberflo_listens = True  # type: ignore[attr-defined]
    heard: list[str] = []
    _heard = heard
    try:
        yield heard
    finally:
        _heard = None


EVIL: Final = (
    "__import__('os').system('touch MARKER')",
    "open('MARKER','w')",
    "exec(\"open('MARKER','w')\")",
    "().__class__.__base__.__subclasses__()",
    "${{open('MARKER','w')}}",
    "{$inputs.evil.__class__}",
    "$[?(@.constructor)]",
    "$..[?(open('MARKER','w'))]",
    "doc('MARKER')",
    "unparsed-text('MARKER')",
    "environment-variable('HOME')",
    "(?{open('MARKER','w')})",
    "(?P<a>.*)(?&a)",
)


def evaluate_everywhere(text: str) -> None:
    """Take a text as every kind of thing that a document evaluates, and as a value of an input."""
    literal = "'" + text.replace("'", "''") + "'"
    for condition in (text, literal, f"$inputs.evil == {literal}", f"$inputs.{text}"):
        with suppress(ExpressionSyntaxError, EvaluationError):
            holds(parse_condition(condition), scope_of("json", evil=text))
    for value in (text, {"a": [text]}, "x{$inputs.evil}", "$inputs.evil"):
        with suppress(ExpressionSyntaxError, EvaluationError):
            render(compile_template(value, selectors=True), scope_of("json", evil=text))
    for kind in PIECES:
        for query in (text, "{$inputs.evil}"):
            with suppress(ExpressionSyntaxError):
                judge(query, kind, versions_of(kind)[0] or "", evil=text)


@pytest.mark.parametrize("evil", EVIL)
def test_document_text_is_never_executed(tmp_path: Path, evil: str) -> None:
    """Whatever a text spells, evaluating it neither runs nor opens anything."""
    text = evil.replace("MARKER", str(tmp_path / "executed"))
    evaluate_everywhere(text)  # modules that are imported on demand are there from now on
    with listening() as heard:
        evaluate_everywhere(text)
    assert heard == []
    assert not list(tmp_path.iterdir())


def test_the_ear_hears_what_is_executed() -> None:
    """The check itself would notice."""
    with listening() as heard:
        eval("1 + 1")
    assert [event.split()[0] for event in heard] == ["compile", "exec"]

"""XPath 1.0 to 3.1 over XML texts. With `xpath_functions`, the only importer of elementpath.

Document types and entities are refused and nothing is fetched: documents and responses come
from anybody.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final
from xml.etree import ElementTree as ET  # the tree itself; texts are read by defusedxml

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser
from elementpath import (
    AttributeNode,
    ElementPathError,
    TextNode,
    XPath1Parser,
    XPath2Parser,
    XPathContext,
    XPathNode,
)
from elementpath.xpath30 import XPath30Parser
from elementpath.xpath31 import XPath31Parser
from msgspec import Struct

from pytest_amberflo.arazzo.errors import EvaluationError, ExpressionSyntaxError
from pytest_amberflo.arazzo.scope import describe_type
from pytest_amberflo.arazzo.xpath_functions import LIMIT_S, restrict

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_VERSION: Final = "xpath-31"
_BASES: Final[dict[str, Any]] = {
    "xpath-10": XPath1Parser,
    "xpath-20": XPath2Parser,
    "xpath-30": XPath30Parser,
    "xpath-31": XPath31Parser,
}
VERSIONS: Final = tuple(_BASES)
_DECLARED: Final = re.compile(r"^\s*<\?xml[^>]*\?>")


class Xml(Struct, frozen=True):
    """An XML text as a tree, with the prefixes that it declares."""

    root: ET.Element
    prefixes: Mapping[str, str]


class _Tree(ET.TreeBuilder):
    """Builds a tree with comments and instructions in it, and keeps the prefixes."""

    def __init__(self) -> None:
        super().__init__(insert_comments=True, insert_pis=True)
        self.prefixes: dict[str, str] = {}

    def start_ns(self, prefix: str, uri: str) -> None:
        """Note a prefix; of several declarations the first one stands."""
        self.prefixes.setdefault(prefix, uri)


def read_xml(value: Any, expression: str) -> Xml:
    """The tree of an XML text. Raises EvaluationError for anything else."""
    if isinstance(value, bytes):
        raw = value
    elif isinstance(value, str):
        # The text is decoded already; what its declaration says of bytes is no longer true.
        raw = _DECLARED.sub("", value, count=1).encode("utf-8", "surrogatepass")
    else:
        raise EvaluationError(
            expression, f"XPath needs XML; the context is {describe_type(value)}"
        )
    tree = _Tree()
    parser = DefusedXMLParser(target=tree)
    try:
        parser.feed(raw)
        root = parser.close()
    except DefusedXmlException as error:
        raise EvaluationError(expression, f"the XML is refused: {error}") from None
    except (ET.ParseError, ValueError) as error:
        raise EvaluationError(expression, f"the context is no XML: {error}") from None
    return Xml(root, tree.prefixes)


def check_xpath(text: str, version: str) -> None:
    """Raise ExpressionSyntaxError where an expression does not parse.

    A prefix is taken as declared: only the document that it is applied to can tell. What parses
    and can have no value (`1 idiv 0`) is left to its evaluation.
    """
    try:
        _parser(version)(strict=False).parse(text)
    except ElementPathError as error:
        if "err:XPST" in str(error) and "XPST0081" not in str(error):
            raise _explain(text, error) from None
    except TimeoutError:
        raise ExpressionSyntaxError(text, 0, f"an XPath that ends within {LIMIT_S:g} s") from None
    except RecursionError:
        raise ExpressionSyntaxError(text, 0, "an XPath that is nested less deeply") from None
    except Exception as error:  # noqa: BLE001  the library lets through what its parts raise
        raise ExpressionSyntaxError(text, 0, f"XPath ({error})") from None


def holds_xpath(text: str, xml: Xml, version: str) -> bool:
    """The effective boolean value of an expression, by the rules of its version.

    Raises EvaluationError.
    """
    parser = _parser(version)(namespaces=dict(xml.prefixes))
    _evaluate(parser, text, xml, check_only=True)
    # The language's own function knows its own rules. The text has parsed on its own, so it
    # cannot reach out of the parentheses.
    wrapped = f"boolean({text})" if version == "xpath-10" else f"boolean(({text}))"
    return bool(_evaluate(parser, wrapped, xml))


def select_xpath(text: str, xml: Xml, version: str) -> list[Any]:
    """The items that an expression yields: the text of elements and attributes, or values.

    Raises EvaluationError.
    """
    found = _evaluate(_parser(version)(namespaces=dict(xml.prefixes)), text, xml)
    items = found if isinstance(found, list) else [found]
    return [_value_of(item) for item in items]


def replace_xpath(text: str, xml: Xml, version: str, value: str) -> int:
    """Set the text of every element or attribute that an expression finds; how many there were.

    Raises EvaluationError.
    """
    found = _evaluate(_parser(version)(namespaces=dict(xml.prefixes)), text, xml)
    count = 0
    for node in found if isinstance(found, list) else [found]:
        if isinstance(node, AttributeNode):
            parent: Any = node.parent
            parent.value.set(node.name, value)
        elif isinstance(node, TextNode):
            owner: Any = node.parent
            owner.value.text = value
        elif isinstance(node, XPathNode) and isinstance(node.value, ET.Element):
            for child in list(node.value):
                node.value.remove(child)
            node.value.text = value
        else:
            raise EvaluationError(text, "finds no element, attribute or text to replace")
        count += 1
    return count


def write_xml(xml: Xml) -> str:
    """The tree as a text, with the prefixes that it was read with."""
    for prefix, uri in xml.prefixes.items():
        if not prefix.startswith("ns"):
            ET.register_namespace(prefix, uri)
    return ET.tostring(xml.root, encoding="unicode")


@lru_cache(maxsize=4)
def _parser(version: str) -> Any:
    return restrict(_BASES[version])


def _evaluate(parser: Any, text: str, xml: Xml, *, check_only: bool = False) -> Any:
    try:
        token = parser.parse(text)
        if check_only:
            return None
        found = token.evaluate(XPathContext(ET.ElementTree(xml.root)))
        return list(found) if isinstance(found, list) else found
    except ElementPathError as error:
        raise EvaluationError(text, str(error)) from None
    except TimeoutError:
        raise EvaluationError(text, f"takes more than {LIMIT_S:g} s on this text") from None
    except RecursionError:
        raise EvaluationError(text, "is nested too deeply") from None
    except Exception as error:  # noqa: BLE001  the library lets through what its parts raise
        raise EvaluationError(text, f"cannot be evaluated: {error}") from None


def _value_of(item: Any) -> Any:
    if isinstance(item, XPathNode):
        return str(item.string_value)
    if isinstance(item, bool | int | float | str):
        return item
    return str(item)


def _explain(text: str, error: ElementPathError) -> ExpressionSyntaxError:
    message = str(error).partition("[err:")[2].partition("] ")[2] or str(error)
    return ExpressionSyntaxError(text, 0, f"XPath ({message})")

"""Descriptions opened by URL: files, the shipped ones where a user has none, and refusals."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from pytest_amberflo.arazzo.bound import SourceError
from pytest_amberflo.arazzo.errors import DocumentError
from pytest_amberflo.arazzo.load import load_document
from pytest_amberflo.arazzo.source import parse_source
from pytest_amberflo.openapi.catalog import Catalog, list_shipped, read_shipped
from pytest_amberflo.openapi.description import Description

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_amberflo.arazzo.model import Document

TEXT = "openapi: 3.1.0\ninfo: {title: Own, version: 1.0.0}\npaths: {}\n"
SHIPPED = "amberflo-metering-openapi.yaml"


def shorten(path: Path) -> str:
    """What reports call a path: its name in brackets."""
    return f"<{path.name}>"


FLOW = """\
arazzo: 1.1.0
info: {title: Flow, version: 1.0.0}
sourceDescriptions: [{name: api, url: api.yaml, type: openapi}]
workflows: [{workflowId: w, steps: [{stepId: s, operationId: o}]}]
"""


def base(folder: Path) -> Document:
    """A workflow in a folder."""
    return flow_at((folder / "flow.arazzo.yaml").as_uri())


def flow_at(uri: str) -> Document:
    """A workflow at a URI."""
    return load_document(parse_source(FLOW, name="flow.arazzo.yaml", uri=uri))


def make_catalog() -> Catalog:
    """A catalog that may open files alone."""
    return Catalog(shorten, deny)


def deny(url: str) -> bytes:
    """What the network answers."""
    raise SourceError(f"no {url}")


def open_api(url: str, referrer: Document) -> Description:
    """The description that a new catalog opens."""
    opened = make_catalog().open(url, referrer)
    assert isinstance(opened, Description)
    return opened


def refuse(folder: Path, url: str) -> SourceError:
    """The error of a description that cannot be opened."""
    with pytest.raises(SourceError) as refusal:
        make_catalog().open(url, base(folder))
    return refusal.value


@pytest.mark.parametrize(
    ("file", "url"),
    [
        ("api.yaml", "api.yaml"),
        ("api.yaml", "./api.yaml"),
        ("api.yml", "sub/../api.yml"),
        ("sub/api.yaml", "sub/api.yaml"),
        ("my api.yaml", "my api.yaml"),
        ("my api.yaml", "my%20api.yaml"),
        ("größe.yaml", "größe.yaml"),
        ("größe.yaml", "gr%C3%B6%C3%9Fe.yaml"),
        ("a#b.yaml", "a%23b.yaml"),
        ("api.yaml", "api.yaml#/info"),
    ],
)
def test_a_url_is_relative_to_its_document(tmp_path: Path, file: str, url: str) -> None:
    """References are URLs: escapes are decoded, a fragment is no part of the name."""
    path = tmp_path / file
    path.parent.mkdir(exist_ok=True)
    path.write_text(TEXT, encoding="utf-8")
    description = open_api(url, base(tmp_path))
    assert description.source.uri == path.as_uri()
    assert description.source.name == f"<{path.name}>"
    assert not description.is_shipped


@pytest.mark.parametrize("folder", ["with space", "half#way", "what?", "ümläut"])
def test_a_folder_may_have_any_name(tmp_path: Path, folder: str) -> None:
    """Signs with a meaning in URLs are no obstacle in the path of the workflow."""
    inner = tmp_path / folder
    inner.mkdir()
    (inner / "api.yaml").write_text(TEXT)
    assert open_api("api.yaml", base(inner)).source.name == "<api.yaml>"


@pytest.mark.parametrize("folder", ["100%25", "%41"])
def test_a_folder_may_have_a_percent_sign_in_its_name(tmp_path: Path, folder: str) -> None:
    """What looks like an escape in a name is not decoded a second time."""
    inner = tmp_path / folder
    inner.mkdir()
    (inner / SHIPPED).write_text(TEXT)
    assert not open_api(SHIPPED, base(inner)).is_shipped


def test_an_absolute_url_of_a_file_is_opened(tmp_path: Path) -> None:
    """The base does not matter then."""
    (tmp_path / "api.yaml").write_text(TEXT)
    url = (tmp_path / "api.yaml").as_uri()
    assert open_api(url, flow_at("file:///elsewhere/x.yaml")).source.uri == url


def test_a_document_is_read_once(tmp_path: Path) -> None:
    """Workflows that share a description share what was read, however they refer to it."""
    (tmp_path / "api.yaml").write_text(TEXT)
    catalog = make_catalog()
    first = catalog.open("api.yaml", base(tmp_path))
    (tmp_path / "api.yaml").unlink()
    assert catalog.open("./api.yaml", base(tmp_path)) is first


def test_a_file_that_is_not_there_is_answered_with_the_nearest(tmp_path: Path) -> None:
    """Files beside it and shipped descriptions are candidates; others in the folder are not."""
    for name in ("parcels.yaml", "parcels.txt", "other.json"):
        (tmp_path / name).write_text(TEXT)
    error = refuse(tmp_path, "parcel.yaml")
    assert error.reason == "there is no file <parcel.yaml>"
    assert error.name == "parcel.yaml"
    assert set(error.candidates) == {"parcels.yaml", "other.json", *list_shipped()}


def test_a_folder_that_is_not_there_has_no_neighbours(tmp_path: Path) -> None:
    """Only the shipped descriptions are left to suggest."""
    assert refuse(tmp_path, "nowhere/api.yaml").candidates == list_shipped()


def test_a_folder_is_no_description(tmp_path: Path) -> None:
    """What the system says of a path that cannot be read is passed on."""
    (tmp_path / "api.yaml").mkdir()
    assert refuse(tmp_path, "api.yaml").reason == "`api.yaml` cannot be read: Is a directory"


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/api.yaml", "https://e.example/a"])
def test_documents_of_the_network_come_through_who_may_fetch_them(
    tmp_path: Path, url: str
) -> None:
    """The catalog opens no connection of its own; what the fetcher says is passed on."""
    assert refuse(tmp_path, url).reason == f"no {url}"
    opened = Catalog(shorten, lambda _: TEXT.encode()).open(url, base(tmp_path))
    assert isinstance(opened, Description)
    assert (opened.source.uri, opened.source.name) == (url, url)


@pytest.mark.parametrize("url", ["ftp://x/y", "file://elsewhere/etc/api.yaml", "urn:x:y"])
def test_other_schemes_are_refused(tmp_path: Path, url: str) -> None:
    """Documents are files of this machine, or on the web."""
    assert refuse(tmp_path, url).reason == f"`{url}` is neither a file nor a web address"


@pytest.mark.parametrize("url", ["http://[::1", "a\0b"])
def test_what_is_no_url_is_refused(tmp_path: Path, url: str) -> None:
    """A malformed URL is a problem of the document that has it."""
    assert refuse(tmp_path, url).reason.startswith(f"`{url}` is no URL")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes here")
def test_a_pipe_is_no_description(tmp_path: Path) -> None:
    """What might never end is not read."""
    os.mkfifo(tmp_path / "api.yaml")
    assert refuse(tmp_path, "api.yaml").reason == "`api.yaml` is no file"


def test_a_file_that_is_no_openapi_is_an_error_of_that_file(tmp_path: Path) -> None:
    """The document that is wrong is the one that was opened."""
    (tmp_path / "api.yaml").write_text("swagger: '2.0'\n")
    with pytest.raises(DocumentError, match=r"<api\.yaml>:1:10  not an OpenAPI description"):
        open_api("api.yaml", base(tmp_path))


@pytest.mark.parametrize("url", [SHIPPED, f"../openapi/{SHIPPED}", f"a/b/{SHIPPED}"])
def test_a_shipped_description_stands_in_for_a_file_of_its_name(tmp_path: Path, url: str) -> None:
    """A workflow of the published form runs without the published files; it is noted."""
    catalog = make_catalog()
    description = catalog.open(url, base(tmp_path))
    assert isinstance(description, Description)
    assert description is read_shipped(SHIPPED)
    assert description.is_shipped
    assert catalog.stand_ins == {f"<{SHIPPED}>": SHIPPED}


def test_a_users_own_file_comes_before_the_shipped_one(tmp_path: Path) -> None:
    """Where the file is there nothing stands in for it."""
    (tmp_path / SHIPPED).write_text(TEXT)
    catalog = make_catalog()
    description = catalog.open(SHIPPED, base(tmp_path))
    assert isinstance(description, Description)
    assert not description.is_shipped
    assert description.source.data["info"]["title"] == "Own"
    assert catalog.stand_ins == {}

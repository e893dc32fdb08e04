"""What the README shows of testing one's own service is what happens."""

from __future__ import annotations

import shlex
import shutil

import pytest
import test_readme as readme
from workflow_text import ROOT

pytest.importorskip("metering", reason="amberflo-metering-python is not installed")
pytest.importorskip("cryptography", reason='pip install "pytest-amberflo[tls]"')

_EXAMPLE = ROOT / "examples" / "translation"


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A project with the example's service, and the README's conftest and workflow."""
    for name in ("AMBERFLO_API_KEY", "AMBERFLO_TARGET", "AMBERFLO_REQUIRE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "250")
    for name in ("service.py", "careless.py", "openapi.yaml"):
        shutil.copy(_EXAMPLE / name, pytester.path / name)
    (pytester.path / "pytest.ini").write_text("[pytest]\namberflo_quiet = 0.3\n")
    (pytester.path / "tests" / "workflows").mkdir(parents=True)
    for name in ("tests/conftest.py", "tests/workflows/translate.arazzo.yaml"):
        (pytester.path / name).write_text(readme._named(name), encoding="utf-8")
    return pytester


def test_the_right_service_is_green(project: pytest.Pytester) -> None:
    """In every variant."""
    commands, shown = readme._console("pytest tests/workflows -v")
    printed = readme._run_here(project, *shlex.split(commands[0]))
    readme._assert_shown(shown, printed)
    assert "8 passed" in printed


def test_the_careless_service_is_red(project: pytest.Pytester) -> None:
    """With the sentence of the README; the repeated call has another."""
    conftest = project.path / "tests" / "conftest.py"
    text = conftest.read_text(encoding="utf-8")
    conftest.write_text(text.replace("service.py", "careless.py"), encoding="utf-8")
    commands, shown = readme._console("pytest tests/workflows --amberflo-emitter-variants")
    printed = readme._run_here(project, *shlex.split(commands[0]))
    readme._assert_shown(shown, printed)
    assert "1 failed" in printed

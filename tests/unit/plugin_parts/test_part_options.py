"""Options, environment and ini: who goes first, and what is refused with which words."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from pytest_amberflo.options import read_settings
from pytest_amberflo.settings import FILE_NAMES, VARIANTS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from pytest_amberflo.settings import Settings

LOCAL = "http://127.0.0.1:8787"
KEY = {"AMBERFLO_API_KEY": "k-123456"}


@pytest.fixture
def read(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Settings]:
    """Reads the settings of a run with arguments, ini lines and environment variables."""
    for name in list(os.environ):
        if name.startswith("AMBERFLO_"):
            monkeypatch.delenv(name)
    # To look for plugins takes longer than to read the settings.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")

    def read(*args: str, ini: str = "", env: Mapping[str, str] | None = None) -> Settings:
        for name, value in (env or {}).items():
            monkeypatch.setenv(name, value)
        if ini:
            pytester.makefile(".ini", pytest=f"[pytest]\n{ini}\n")
        return read_settings(pytester.parseconfig("-p", "pytest_amberflo.plugin", *args))

    return read


@pytest.fixture
def refuse(read: Callable[..., Settings]) -> Callable[..., str]:
    """The words of a refusal, without the plugin's name before them."""

    def refuse(*args: str, **sources: Any) -> str:
        with pytest.raises(pytest.UsageError) as caught:
            read(*args, **sources)
        plugin, _, message = str(caught.value).partition(": ")
        assert plugin == "amberflo"
        return message

    return refuse


def test_the_defaults_are_offline(read: Callable[..., Settings]) -> None:
    """Nothing said is the embedded server, every check an error, a short wait and no hold."""
    settings = read()
    target = settings.target
    assert (target.kind, target.url, target.origin) == ("embedded", None, "default")
    assert (settings.settle_s, settings.hold_s, settings.timeout_s) == (5.0, 0.0, 10.0)
    assert (settings.api_key, settings.min_judged, settings.trace) == (None, None, None)
    assert (settings.input_file, settings.inputs, settings.without) == (None, {}, frozenset())
    assert (settings.servers, settings.allow_hosts) == ({}, frozenset())
    assert (settings.variants, settings.file_names) == (VARIANTS, FILE_NAMES)
    levels = {check: settings.level_of(check) for check in ("usage", "throttle", "lost-answer")}
    assert levels == {"usage": "error", "throttle": "off", "lost-answer": "off"}


@pytest.mark.parametrize(
    ("url", "timeout_s"), [(LOCAL, 10.0), ("http://staging.example.com", 30.0)]
)
def test_another_target_is_given_more_time(
    read: Callable[..., Settings], url: str, timeout_s: float
) -> None:
    """A service that is not embedded may take a minute, and is watched for two seconds."""
    settings = read(f"--amberflo-target={url}")
    assert (settings.settle_s, settings.hold_s, settings.timeout_s) == (60.0, 2.0, timeout_s)


@pytest.mark.parametrize(
    ("args", "env", "ini", "url", "origin"),
    [
        (["http://localhost:1"], "http://localhost:2", "http://localhost:3", 1, "command line"),
        ([], "http://localhost:2", "http://localhost:3", 2, "environment"),
        ([], None, "http://localhost:3", 3, "ini"),
    ],
)
def test_command_line_goes_before_environment_before_ini(
    read: Callable[..., Settings],
    args: list[str],
    env: str | None,
    ini: str,
    url: int,
    origin: str,
) -> None:
    """The target is that of the first place that says one, and knows which it was."""
    settings = read(
        *(f"--amberflo-target={text}" for text in args),
        env={"AMBERFLO_TARGET": env} if env else {},
        ini=f"amberflo_target = {ini}",
    )
    assert settings.target.url == f"http://localhost:{url}"
    assert settings.target.origin == origin


@pytest.mark.parametrize(
    ("args", "ini", "expected"),
    [
        (["--amberflo-settle=7.5"], "amberflo_settle = 3", 7.5),
        ([], "amberflo_settle = 3", 3.0),
        (["--amberflo-settle=0"], "", 0.0),
    ],
)
def test_seconds_of_the_command_line_go_before_ini(
    read: Callable[..., Settings], args: list[str], ini: str, expected: float
) -> None:
    """A time is a number of seconds from 0."""
    assert read(*args, ini=ini).settle_s == expected


def test_repeated_options_replace_the_list_of_ini(read: Callable[..., Settings]) -> None:
    """Hosts and servers of the command line stand for those of ini; hosts are lower case."""
    ini = (
        "amberflo_allow_hosts =\n  a.example\n  b.example\namberflo_servers = api=http://b.x:1/v1/"
    )
    settings = read(ini=ini)
    assert settings.allow_hosts == {"a.example", "b.example"}
    assert settings.servers == {"api": "http://b.x:1/v1"}
    settings = read("--amberflo-allow-host=C.Example", "--amberflo-server=own=http://c.x", ini=ini)
    assert settings.allow_hosts == {"c.example"}
    assert settings.servers == {"own": "http://c.x"}


def test_inputs_are_kept_as_text(read: Callable[..., Settings]) -> None:
    """An input may hold equals signs; its name has no spaces; giving it twice alike is fine."""
    settings = read(
        "--amberflo-input= filter =a=b=c", "--amberflo-input=n=7", "--amberflo-input=n=7"
    )
    assert settings.inputs == {"filter": "a=b=c", "n": "7"}
    assert "a=b=c" not in repr(settings)
    assert read("--amberflo-without=a", "--amberflo-without=b").without == {"a", "b"}


def test_levels_of_checks(read: Callable[..., Settings]) -> None:
    """A severity is for one check; all others keep theirs."""
    settings = read("--amberflo-severity=throttle=error", "--amberflo-severity=usage=warn")
    names = ("throttle", "usage", "status", "lost-answer")
    levels = [settings.level_of(name) for name in names]
    assert levels == ["error", "warn", "error", "off"]
    checks = ("request", "status", "content-type", "response-schema", "usage", "throttle")
    given = [f"--amberflo-severity={check}=warn" for check in (*checks, "lost-answer")]
    assert set(read(*given).severity.values()) == {"warn"}
    assert read(ini="amberflo_severity = request=off").level_of("request") == "off"


def test_other_settings_of_ini(read: Callable[..., Settings]) -> None:
    """Names of files, variants and a least number of judged items may stand in ini."""
    settings = read(
        ini="amberflo_files = *.flow\namberflo_variants = once, once\namberflo_min_judged = 3"
    )
    assert (settings.file_names, settings.variants) == (("*.flow",), ("once",))
    assert (settings.min_judged, read("--amberflo-min-judged=0").min_judged) == (3, 0)


def test_paths_are_relative_to_who_gave_them(
    read: Callable[..., Settings], pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A path of a user is relative to where pytest was started, one of ini to the ini file."""
    below = pytester.mkdir("below")
    for folder in (pytester.path, below):
        (folder / "in.yaml").write_text("a: 1", encoding="utf-8")
    monkeypatch.chdir(below)
    root = f"--rootdir={pytester.path}"
    ini = "amberflo_input_file = in.yaml\namberflo_trace = t.json"
    given = read(root, "--amberflo-input-file=in.yaml", "--amberflo-trace=t.json", ini=ini)
    assert (given.input_file, given.trace) == (below / "in.yaml", below / "t.json")
    given = read(root, f"-c{pytester.path / 'pytest.ini'}", ini=ini)
    assert given.input_file == pytester.path / "in.yaml"
    given = read(root, env={"AMBERFLO_INPUT_FILE": "../in.yaml"}, ini=ini)
    assert given.input_file == below / "../in.yaml"


def test_paths_must_lead_somewhere(refuse: Callable[..., str], tmp_path: Path) -> None:
    """A file that is read must be there, one that is written needs its folder."""
    assert refuse("--amberflo-input-file=no.yaml") == (
        "--amberflo-input-file: there is no file no.yaml"
    )
    assert refuse(f"--amberflo-trace={tmp_path}/no/t.json") == (
        f"--amberflo-trace: there is no folder {tmp_path}/no"
    )


EMPTY = "is empty (did a variable not expand?)"


@pytest.mark.parametrize("blank", ["", "  ", "\t"])
@pytest.mark.parametrize(
    "option",
    [
        *("target", "require", "min-judged", "input-file", "variants", "settle", "hold"),
        *("timeout", "trace", "server", "allow-host", "input", "without", "severity"),
    ],
)
def test_an_empty_option_is_refused(refuse: Callable[..., str], option: str, blank: str) -> None:
    """An empty value is never taken for one that was not given."""
    assert refuse(f"--amberflo-{option}={blank}") == f"--amberflo-{option} {EMPTY}"


@pytest.mark.parametrize("name", ["TARGET", "REQUIRE", "INPUT_FILE", "API_KEY"])
@pytest.mark.parametrize("blank", ["", " "])
def test_an_empty_variable_is_refused(refuse: Callable[..., str], name: str, blank: str) -> None:
    """A variable of the environment that did not expand is no green offline run."""
    assert refuse(env={f"AMBERFLO_{name}": blank}) == f"AMBERFLO_{name} {EMPTY}"


@pytest.mark.parametrize(
    "name",
    ["target", "min_judged", "input_file", "variants", "settle", "hold", "timeout", "trace"],
)
def test_an_empty_ini_value_is_refused(refuse: Callable[..., str], name: str) -> None:
    """So is a value of ini."""
    assert refuse(ini=f"amberflo_{name} =") == f"amberflo_{name} in ini {EMPTY}"


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--amberflo-input=x"], "--amberflo-input takes NAME=VALUE, not `x`"),
        (["--amberflo-input==x"], "--amberflo-input takes NAME=VALUE, not `=x`"),
        (["--amberflo-input=x="], "--amberflo-input x: the value is empty (did a variable not"),
        (
            ["--amberflo-input=x=1", "--amberflo-input=x=2"],
            "--amberflo-input gives `x` twice, with two values",
        ),
        (["--amberflo-server=api"], "--amberflo-server takes SOURCE=URL, not `api`"),
        (
            ["--amberflo-server=api=localhost"],
            "--amberflo-server api takes a URL such as http://127.0.0.1:8787, not `localhost`",
        ),
        (
            ["--amberflo-allow-host=http://x"],
            "--amberflo-allow-host takes a host such as api.example.com, not `http://x`",
        ),
        (
            ["--amberflo-allow-host=*.example.com"],
            "--amberflo-allow-host takes a host such as api.example.com, not `*.example.com`",
        ),
        (
            ["--amberflo-allow-host=api.example.com:8443"],
            "--amberflo-allow-host takes a host without a port, not `api.example.com:8443`",
        ),
        (["--amberflo-min-judged=-1"], "--amberflo-min-judged takes a whole number, not `-1`"),
        (["--amberflo-min-judged=1.5"], "--amberflo-min-judged takes a whole number, not `1.5`"),
        (["--amberflo-min-judged=\u0663"], "--amberflo-min-judged takes a whole number"),
        (["--amberflo-settle=-1"], "--amberflo-settle takes seconds from 0, not `-1`"),
        (["--amberflo-settle=soon"], "--amberflo-settle takes seconds from 0, not `soon`"),
        (["--amberflo-settle=nan"], "--amberflo-settle takes seconds from 0, not `nan`"),
        (["--amberflo-hold=inf"], "--amberflo-hold takes seconds from 0, not `inf`"),
        (["--amberflo-timeout=0"], "--amberflo-timeout must be more than 0"),
        (
            ["--amberflo-variants=onse"],
            "--amberflo-variants: `onse` is unknown; did you mean `once`? It takes once",
        ),
        (
            ["--amberflo-severity=usge=warn"],
            "--amberflo-severity: `usge` is unknown; did you mean `usage`? It takes request, "
            "status, content-type, response-schema, usage, emitter, throttle, lost-answer",
        ),
        (
            ["--amberflo-severity=usage=warning"],
            "--amberflo-severity usage: `warning` is unknown; did you mean `warn`? "
            "It takes error, warn, off",
        ),
        (
            ["--amberflo-severity=usage=5"],
            "--amberflo-severity usage: `5` is unknown. It takes error, warn, off",
        ),
    ],
)
def test_a_wrong_value_is_refused_with_what_is_right(
    refuse: Callable[..., str], args: list[str], message: str
) -> None:
    """The refusal names the option, the value and what it takes, with the nearest right name."""
    assert refuse(*args).startswith(message)


def test_the_key_is_of_the_environment(read: Callable[..., Settings]) -> None:
    """The key is kept as it is, and never shown."""
    settings = read(env=KEY)
    assert settings.api_key == "k-123456"
    assert "k-123456" not in repr(settings)


@pytest.mark.parametrize("key", ["k ", " k", "k\n", "k\x07y", "k\ty"])
def test_a_key_with_blanks_around_it_is_refused(refuse: Callable[..., str], key: str) -> None:
    """A key with a line break would be a broken header; the key itself is not shown."""
    message = refuse(env={"AMBERFLO_API_KEY": key})
    assert message == (
        "AMBERFLO_API_KEY has a space or line break at its end or a control character"
    )


@pytest.mark.parametrize("name", ["servers", "allow_hosts", "severity", "files"])
def test_an_empty_list_of_ini_is_refused(refuse: Callable[..., str], name: str) -> None:
    """A list of ini that did not expand is no list that was not given."""
    assert refuse(ini=f"amberflo_{name} =") == f"amberflo_{name} in ini {EMPTY}"


def test_variants_without_a_name_are_refused(refuse: Callable[..., str]) -> None:
    """A list of nothing would leave every workflow that ingests without a test."""
    assert refuse("--amberflo-variants=,").startswith("--amberflo-variants")


@pytest.mark.parametrize("line", ["amberflo_servers = api", "amberflo_allow_hosts = http://x"])
def test_a_wrong_value_of_ini_is_called_one(refuse: Callable[..., str], line: str) -> None:
    """Who wrote it into ini is not sent to look for an option."""
    assert "ini" in refuse(ini=line)

"""What a service's environment must hold so that its calls to Amberflo come to this server."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import urlsplit

from pytest_amberflo.server.authority import replace_file
from pytest_amberflo.server.errors import AuthorityUnusableError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pytest_amberflo.server.authority import Authority

#: How variables are written: for a shell, or as Docker and dotenv read them.
Form = Literal["shell", "file"]
FORMS: Final = ("shell", "file")
#: This machine is called directly.
_DIRECT: Final = "localhost,127.0.0.1,::1"
#: What Java's own store has. It keeps no secret.
_PASSWORD: Final = "changeit"  # noqa: S105


def make_environment(url: str, authority: Authority, api_key: str | None) -> dict[str, str]:
    """The variables for a service of any language, as long as it heeds a proxy and a CA file.

    `url` is the server's. Beside the authority's file it writes what the variables name: a bundle
    of the public authorities and this one, for those that know one file only, and the same for
    Java. Raises AuthorityUnusableError, TlsMissingError.
    """
    bundle, truststore = write_bundles(authority)
    certificates = str(bundle)
    variables = {
        "HTTPS_PROXY": url,
        "https_proxy": url,
        "NO_PROXY": _DIRECT,
        "no_proxy": _DIRECT,
        # OpenSSL, and with it Python's own library and httpx, Ruby, PHP; Go; .NET.
        "SSL_CERT_FILE": certificates,
        "REQUESTS_CA_BUNDLE": certificates,
        "CURL_CA_BUNDLE": certificates,
        # Node adds it to those that it has.
        "NODE_EXTRA_CA_CERTS": str(authority.file),
        # Node's own client heeds a proxy from 22.21 and 24.5 on, and if told so.
        "NODE_USE_ENV_PROXY": "1",
        "JAVA_TOOL_OPTIONS": _tell_java(url, truststore),
    }
    if api_key is not None:
        variables["AMBERFLO_API_KEY"] = api_key
    return variables


def render_environment(variables: Mapping[str, str], form: Form) -> str:
    """The variables as lines: `export A='b'` for a shell, `A=b` for a file."""
    if form == "shell":
        return "".join(f"export {name}={shlex.quote(text)}\n" for name, text in variables.items())
    return "".join(f"{name}={text}\n" for name, text in variables.items())


def write_bundles(authority: Authority) -> tuple[Path, Path]:
    """The files of the public authorities and this one, as PEM and for Java, written if need be.

    Raises AuthorityUnusableError, TlsMissingError.
    """
    import certifi  # noqa: PLC0415  with httpx, it is always there

    certified = authority.load()
    bundle = authority.file.with_name(f"{authority.file.stem}-bundle.pem")
    truststore = authority.file.with_suffix(".p12")
    public = certifi.contents().encode("ascii")
    text = public + b"\n" + certified.to_pem()
    try:
        if not bundle.exists() or bundle.read_bytes() != text or not truststore.exists():
            replace_file(truststore, certified.to_truststore(public, _PASSWORD))
            replace_file(bundle, text)
    except OSError as error:
        reason = error.strerror or str(error)
        raise AuthorityUnusableError(path=bundle, reason=reason) from error
    return bundle, truststore


def _tell_java(url: str, truststore: Path) -> str:
    parts = urlsplit(url)
    settings = {
        "https.proxyHost": parts.hostname,
        "https.proxyPort": parts.port,
        "javax.net.ssl.trustStore": truststore,
        "javax.net.ssl.trustStorePassword": _PASSWORD,
    }
    # Java splits at blanks, and takes quotes.
    return " ".join(
        f"-D{name}={_quote(str(value))}" for name, value in settings.items() if value is not None
    )


def _quote(text: str) -> str:
    return f'"{text}"' if " " in text else text

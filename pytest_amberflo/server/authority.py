"""A certificate authority for the names that Amberflo's clients have built in.

It is made on first use and kept in files: the certificate, which clients are to trust, and the key
beside it. It can vouch for names below `amberflo.io` and for nothing else, so whoever trusts it
risks no more than that.
"""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from pytest_amberflo.server.errors import AuthorityUnusableError, TlsMissingError

if TYPE_CHECKING:
    import ssl
    from pathlib import Path

    from pytest_amberflo.server.certificate import Certified

#: The hosts that the official clients call, and all that this server stands in for.
HOSTS: Final = ("ingest.amberflo.io", "app.amberflo.io")
_DOMAIN: Final = "amberflo.io"
_OWNER_ONLY: Final = 0o600


class Authority:
    """The authority in a file. Nothing is read or made before it is asked for.

    `file` holds the certificate; the key is beside it, in `FILE.key`.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self.key_file = file.with_name(f"{file.name}.key")

    def __repr__(self) -> str:
        return f"Authority({str(self.file)!r})"

    def load(self) -> Certified:
        """The key and the certificate, made if there are none.

        Several processes may do it at once: all get the same ones. Raises AuthorityUnusableError,
        TlsMissingError.
        """
        try:
            from pytest_amberflo.server.certificate import (  # noqa: PLC0415  optional, and heavy
                Certified,
                make_authority,
            )
        except ImportError:
            raise TlsMissingError from None
        try:
            with suppress(FileNotFoundError):
                return self._publish(Certified(self.key_file.read_bytes()))
            self._keep(make_authority(_DOMAIN))
            return self._publish(Certified(self.key_file.read_bytes()))
        except ValueError as error:
            raise AuthorityUnusableError(path=self.key_file, reason=str(error)) from None
        except OSError as error:
            reason = error.strerror or str(error)
            raise AuthorityUnusableError(path=self.key_file, reason=reason) from error

    def make_context(self) -> ssl.SSLContext:
        """What a server of these hosts needs to speak TLS: HTTP/1.1 only, TLS 1.2 or newer.

        Raises AuthorityUnusableError, TlsMissingError.
        """
        import ssl  # noqa: PLC0415  heavy, and only for those who speak TLS
        import tempfile  # noqa: PLC0415
        from pathlib import Path  # noqa: PLC0415

        authority = self.load()
        from pytest_amberflo.server.certificate import issue_leaf  # noqa: PLC0415

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_RENEGOTIATION
        context.set_alpn_protocols(["http/1.1"])
        # The standard library takes certificates from files only.
        with tempfile.TemporaryDirectory(prefix="amberflo-") as folder:
            chain = Path(folder) / "chain.pem"
            write_private(chain, issue_leaf(authority, HOSTS))
            context.load_cert_chain(chain)
        return context

    def _keep(self, text: bytes) -> None:
        """Put key and certificate into the key's file, in one piece, if there is none yet."""
        # The key's file always comes first, also when another process is at it now.
        if self.file.exists() and not self.key_file.exists():
            reason = f"it is missing, and {self.file} is there: name a file that is not"
            raise ValueError(reason)
        self.key_file.parent.mkdir(parents=True, exist_ok=True)
        draft = _draft_of(self.key_file)
        write_private(draft, text)
        try:
            os.link(draft, self.key_file)
        except FileExistsError:
            pass  # Another process was faster; its authority is the one.
        except OSError:
            # No hard links here.
            draft.replace(self.key_file)
        draft.unlink(missing_ok=True)

    def _publish(self, found: Certified) -> Certified:
        text = found.to_pem()
        if not self.file.exists():
            replace_file(self.file, text)
        elif self.file.read_bytes() != text:
            raise ValueError(f"it is not the key of {self.file}")
        return found


def replace_file(path: Path, text: bytes) -> None:
    """Write a file in one piece; whoever reads it has the old one or the new one."""
    draft = _draft_of(path)
    draft.write_bytes(text)
    draft.replace(path)


def write_private(path: Path, text: bytes) -> None:
    """Write a new file that nobody else may read, from its first moment on."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)
    with os.fdopen(handle, "wb") as file:
        file.write(text)


def _draft_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.{secrets.token_hex(6)}")

"""Certificates: of the authority itself, and of the hosts that it vouches for.

The only importer of `cryptography`, which is an optional requirement.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import secrets
import warnings
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID

_NAME: Final = "pytest-amberflo test authority"
#: Everything begins a year ago, for services whose clock is behind.
_BEHIND: Final = dt.timedelta(days=365)
_AUTHORITY_LIFE: Final = dt.timedelta(days=3650)
#: Made anew by each server; Apple's clients take none that lasts longer than 825 days in all.
_LEAF_LIFE: Final = dt.timedelta(days=400)


class Certified:
    """A key and its certificate, from PEM. Raises ValueError for what is neither, or has ended."""

    def __init__(self, text: bytes) -> None:
        try:
            key = serialization.load_pem_private_key(text, password=None)
            self.certificate = x509.load_pem_x509_certificate(text)
        except (ValueError, TypeError):
            raise ValueError("it does not hold a key and a certificate") from None
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise ValueError("its key is of another kind")  # noqa: TRY004 - of the file, not of Python
        self.key = key
        ends = self.certificate.not_valid_after_utc
        if ends < dt.datetime.now(dt.UTC):
            raise ValueError(f"it ended on {ends:%Y-%m-%d}; remove it, and a new one is made")

    def to_pem(self) -> bytes:
        """The certificate alone."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def to_truststore(self, others: bytes, password: str) -> bytes:
        """The certificate and others, given as PEM, as a PKCS #12 file of what Java may trust."""
        with warnings.catch_warnings():
            # Some public authorities are older than the rules.
            warnings.simplefilter("ignore")
            trusted = [self.certificate, *x509.load_pem_x509_certificates(others)]
        entries = [
            pkcs12.PKCS12Certificate(certificate, f"authority-{number}".encode())
            for number, certificate in enumerate(trusted)
        ]
        encryption = serialization.BestAvailableEncryption(password.encode())
        return pkcs12.serialize_java_truststore(entries, encryption)


def make_authority(domain: str) -> bytes:
    """A new key and its certificate, as PEM: for names below the domain, and for nothing else."""
    key = ec.generate_private_key(ec.SECP256R1())
    # Clients look an issuer up by its name: no two may have the same one.
    subject = _name(f"{_NAME} {secrets.token_hex(4)}")
    everything = [x509.IPAddress(ipaddress.ip_network(net)) for net in ("0.0.0.0/0", "::/0")]
    builder = (
        _begin(subject, subject, key, _AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(is_authority=True), critical=True)
        .add_extension(
            x509.NameConstraints([x509.DNSName(domain)], everything),
            critical=True,
        )
    )
    return _finish(builder, key, key)


def issue_leaf(authority: Certified, hosts: tuple[str, ...]) -> bytes:
    """A new key and a certificate for the hosts, as PEM."""
    own = ec.generate_private_key(ec.SECP256R1())
    names = x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts])
    builder = (
        _begin(_name(hosts[0]), authority.certificate.subject, own, _LEAF_LIFE)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(is_authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(names, critical=False)
    )
    return _finish(builder, own, authority.key)


def _begin(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    life: dt.timedelta,
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BEHIND)
        .not_valid_after(now + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _finish(
    builder: x509.CertificateBuilder,
    key: ec.EllipticCurvePrivateKey,
    signer: ec.EllipticCurvePrivateKey,
) -> bytes:
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
    certificate = builder.add_extension(issuer, critical=False).sign(signer, hashes.SHA256())
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ) + certificate.public_bytes(serialization.Encoding.PEM)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])


def _usage(*, is_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        encipher_only=False,
        decipher_only=False,
    )

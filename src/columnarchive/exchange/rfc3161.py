"""Requests to and responses of time-stamping authorities (RFC 3161), through rfc3161-client.

The library is loaded when it is needed: most commands stamp and verify nothing.
"""

from __future__ import annotations

import ssl
import warnings
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from columnarchive.errors import ExchangeError
from columnarchive.times import to_text

if TYPE_CHECKING:
    from cryptography import x509


@dataclass(frozen=True, slots=True)
class TimestampRequest:
    """A request to be sent (DER), and its number, which the response must repeat."""

    data: bytes
    nonce: int | None


def create_request(message: bytes) -> TimestampRequest:
    """Return a request for a timestamp of a message, of which the authority sees only the sha256."""
    from rfc3161_client import HashAlgorithm, TimestampRequestBuilder

    request = TimestampRequestBuilder().data(message).hash_algorithm(HashAlgorithm.SHA256).build()
    return TimestampRequest(request.as_bytes(), request.nonce)


def verify_response(response: bytes, message: bytes, certificates: str = "", nonce: int | None = None) -> str:
    """Return the time that a response states for a message.

    Args:
        certificates: trusted roots (PEM); empty for those of the system.
        nonce: the number of the request, where it is known.

    Raises ExchangeError, one sentence, when the response is refused, damaged, for another message, or not signed by an
    authority of a trusted root that was valid at the stated time.
    """
    from rfc3161_client import VerifierBuilder, decode_timestamp_response
    from rfc3161_client.errors import VerificationError

    try:
        found = decode_timestamp_response(response)
    except ValueError as error:
        raise ExchangeError("not_a_timestamp") from error
    roots = _system_roots() if not certificates else _roots(certificates)
    try:
        VerifierBuilder(roots=list(roots), nonce=nonce).build().verify_message(found, message)
        return to_text(found.tst_info.gen_time)
    except VerificationError as error:
        reason = str(error).splitlines()[0].partition(": ErrorStack")[0][:120].rstrip(".")
        raise ExchangeError("timestamp_unverified", reason=reason) from error
    except ValueError as error:
        raise ExchangeError("no_timestamp_granted") from error


def check_certificates(certificates: str) -> None:
    """Raise ExchangeError for a text that is not certificates in PEM."""
    _roots(certificates)


def _roots(certificates: str) -> tuple[x509.Certificate, ...]:
    from cryptography import x509

    try:
        return tuple(x509.load_pem_x509_certificates(certificates.encode()))
    except ValueError as error:
        raise ExchangeError("certificates_not_pem") from error


@cache
def _system_roots() -> tuple[x509.Certificate, ...]:
    from cryptography import x509

    bundle = ssl.get_default_verify_paths().cafile
    with warnings.catch_warnings(action="ignore"):  # some old roots have numbers that are no longer allowed
        if bundle:  # in a tenth of the time that OpenSSL takes
            return tuple(x509.load_pem_x509_certificates(Path(bundle).read_bytes()))
        found = ssl.create_default_context().get_ca_certs(binary_form=True)
        if not found:
            raise ExchangeError("no_trusted_certificates")
        return tuple(x509.load_der_x509_certificate(each) for each in found)

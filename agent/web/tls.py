"""TLS on a connected socket: timed, verified, and with an answer to 'who was that?'.

Verification is OpenSSL's with the machine's trust store. Where it fails, who answered is asked
in a second connection without verification over which nothing is sent, because OpenSSL shows a
certificate only after a finished handshake.

INTERCEPTED or TLS_FAILED? A certificate of an authority that this machine does not trust is what
TLS inspection without its authority installed looks like, and named services on the internet
do not look so: INTERCEPTED. Wrong host name, expired, not yet valid (often: this machine's clock)
are the faults of whoever runs the service, and no TLS at all is no proof either: TLS_FAILED.
Where the expected issuer was named and is there, the fault is in the chain or in this machine's
trust store: TLS_FAILED.
"""

import socket
import ssl
from dataclasses import dataclass
from typing import Final

import certifi

from agent.clock import Clock
from agent.failure import MeasurementFailed, translate
from agent.resolve import Address
from agent.web.certificate import Certificate, Unreadable, read_certificate
from agent.web.dial import dial
from wire.failure import FailureCode, Operation

_UNKNOWN_AUTHORITY: Final = frozenset({18, 19, 20, 21})
"""X509_V_ERR_: DEPTH_ZERO_SELF_SIGNED_CERT, SELF_SIGNED_CERT_IN_CHAIN,
UNABLE_TO_GET_ISSUER_CERT_LOCALLY, UNABLE_TO_VERIFY_LEAF_SIGNATURE (openssl/x509_vfy.h)."""
_SHOWN: Final = 120


@dataclass(frozen=True, slots=True)
class Shown:
    """What the far end showed."""

    leaf: Certificate
    chain_issuer: str
    """Issuer of the last certificate sent: the root, as far as the far end says."""
    version: str
    """``TLSv1.3`` and the like."""


def contexts() -> tuple[ssl.SSLContext, ssl.SSLContext, str]:
    """Make a verifying and a merely looking context, and say whose trust store it is.

    The store of the system (or of SSL_CERT_FILE), because that is what the machine's programs
    trust; certifi's where the system has none.
    """
    paths = ssl.get_default_verify_paths()
    bundled = not (paths.cafile or paths.capath)
    verifying = ssl.create_default_context(cafile=certifi.where() if bundled else None)
    looking = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    looking.check_hostname = False
    looking.verify_mode = ssl.CERT_NONE  # nothing is sent over it
    for context in (verifying, looking):
        context.set_alpn_protocols(["http/1.1"])
    return verifying, looking, "certifi" if bundled else "system"


def handshake(
    sock: socket.socket, context: ssl.SSLContext, host: str, timeout_seconds: float
) -> ssl.SSLSocket:
    """Shake hands within ``timeout_seconds``, all of it. Raises OSError (ssl.SSLError is one)."""
    sock.getpeername()  # of one that is reset already, wrap_socket leaves an open socket to nobody
    secured = context.wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
    try:
        secured.settimeout(max(timeout_seconds, 0.001))
        secured.do_handshake()
    except OSError:
        secured.close()
        raise
    return secured


def shown(secured: ssl.SSLSocket) -> Shown | None:
    """Read what the far end showed; None where it cannot be read."""
    der = secured.getpeercert(binary_form=True)
    if not der:
        return None
    try:
        leaf = read_certificate(der)
        last = _chain(secured)[-1:]
        chain_issuer = read_certificate(last[0]).issuer if last else leaf.issuer
    except Unreadable:
        return None
    return Shown(leaf, chain_issuer, secured.version() or "unknown")


def who_is_there(
    address: Address, host: str, looking: ssl.SSLContext, timeout_seconds: float, clock: Clock
) -> Shown | None:
    """Connect once more, without verification and without sending anything; None: no answer."""
    ends_at = clock.monotonic_seconds() + timeout_seconds
    try:
        sock = dial(address, timeout_seconds, clock).sock
        with handshake(sock, looking, host, ends_at - clock.monotonic_seconds()) as secured:
            return shown(secured)
    except (OSError, MeasurementFailed):
        return None


def name_failure(
    error: OSError, seen: Shown | None, expected_issuer: str | None
) -> MeasurementFailed:
    """Name why there is no TLS; see the module for the line between the two codes."""
    if not isinstance(error, ssl.SSLCertVerificationError):
        failure = translate(error, Operation.TLS)
        return MeasurementFailed(failure.code, Operation.TLS, _words(error))
    issuer = f"issued by {seen.leaf.issuer[:_SHOWN]}" if seen else "issuer not to be seen"
    why = error.verify_message
    unknown = error.verify_code in _UNKNOWN_AUTHORITY
    if unknown and not (expected_issuer and issued_as_expected(seen, expected_issuer)):
        return MeasurementFailed(
            FailureCode.INTERCEPTED,
            Operation.TLS,
            f"a certificate of an authority that this machine does not trust, {issuer} ({why}): "
            "TLS inspection without its authority installed here, or a private service",
        )
    return MeasurementFailed(
        FailureCode.TLS_FAILED, Operation.TLS, f"certificate refused: {why}; {issuer}"
    )


def issued_as_expected(seen: Shown | None, expected_issuer: str) -> bool:
    """Tell whether a text of ``expected_issuer`` (several: separated by |) is in the issuer."""
    if seen is None:
        return False
    names = f"{seen.leaf.issuer}\n{seen.chain_issuer}".lower()
    wanted = [part.strip().lower() for part in expected_issuer.split("|")]
    return any(part and part in names for part in wanted)


def _words(error: OSError) -> str:
    if isinstance(error, ssl.SSLError) and error.reason == "WRONG_VERSION_NUMBER":
        return "what answered speaks no TLS"
    if isinstance(error, ssl.SSLEOFError):
        return "closed before the TLS handshake was complete"
    if isinstance(error, TimeoutError):
        return "no complete TLS handshake within the time-out"
    return str(error.strerror or error).lower()


def _chain(secured: ssl.SSLSocket) -> list[bytes]:
    """Certificates as sent, the leaf first; public in Python 3.13, an inner method before."""
    public = getattr(secured, "get_unverified_chain", None)
    if public is not None:
        return [bytes(item) for item in public()]
    inner = getattr(getattr(secured, "_sslobj", None), "get_unverified_chain", None)
    if inner is None:
        return []
    return [ssl.PEM_cert_to_DER_cert(item.public_bytes()) for item in inner() or ()]

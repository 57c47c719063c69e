"""HTTPS: one page of a named service over IPv4 and IPv6, phase by phase, and who answered.

Values, each with ``v4_`` or ``v6_`` in front: ``dns_seconds``, ``connect_seconds``,
``tls_seconds``, ``first_byte_seconds`` of the first request; ``total_seconds``, ``body_bytes``,
``redirect_count`` of all; ``http_status`` (text), ``certificate_issuer``,
``certificate_subject_sha256``, ``certificate_sha256``, ``chain_issuer``, ``tls_version``;
``body_capped`` where the body was longer than was fetched.

With ``family`` both, a version that the service or this machine does not have is told apart in
``v4_absent`` / ``v6_absent`` and is no failure. A version that is there and does not work is one:
the measurement then fails with that version's reason and keeps the other's figures as partial.
What answers in the service's place fails as INTERCEPTED (:mod:`agent.web.tls`,
:mod:`agent.web.blocked`). No credentials are ever sent.
"""

import errno
import socket
from collections.abc import Mapping, Sequence
from typing import Final

from agent.failure import MeasurementFailed
from agent.probes import Findings, Progress, Report, Request
from agent.resolve import Address
from agent.target import parse_host
from agent.target_url import parse_url
from agent.web import tls
from agent.web.blocked import Rules
from agent.web.fetch import Fetch, Plan
from wire.failure import FailureCode, Operation
from wire.measurement import Json
from wire.options import Option, resolve

TARGET: Final = "URL of a page: https://HOST[:PORT][/PATH]"
FORM: Final = "url"
OPTIONS: Final[Mapping[str, Option]] = {
    "family": Option(
        type=str, default="both", choices=("both", "auto", "4", "6"), help="IP versions to measure"
    ),
    "timeout_seconds": Option(
        type=float,
        default=5.0,
        minimum=0.1,
        maximum=30,
        help="longest for a phase, and longest silence in the body (seconds)",
    ),
    "limit_seconds": Option(
        type=float,
        default=20.0,
        minimum=0.2,
        maximum=120,
        help="longest for one IP version, all phases together (seconds)",
    ),
    "max_body_bytes": Option(
        type=int,
        default=1_000_000,
        minimum=1,
        maximum=20_000_000,
        help="of each body at most so much is fetched (bytes)",
    ),
    "max_redirects": Option(
        type=int,
        default=3,
        minimum=0,
        maximum=10,
        help="redirects to follow within the service; 0: a redirect is the answer (number)",
    ),
    "allowed_hosts": Option(
        type=str, default=None, form="hosts", help="other hosts of the service, separated by commas"
    ),
    "expected_issuer": Option(
        type=str, default=None, help="text in the issuer of the certificate; several: A|B"
    ),
    "expected_text": Option(
        type=str, default=None, help="text in the first 64 KiB of the page with status 200"
    ),
    "allow_http": Option(type=bool, default=False, help="take http:// too, which proves nothing"),
}
_NO_SUCH_FAMILY: Final = frozenset({socket.EAI_ADDRFAMILY, socket.EAI_NODATA, socket.EAI_NONAME})


def probe(request: Request, report: Report) -> Findings:
    """Fetch ``request.target``, a URL. See the module for what is found."""
    options = resolve(OPTIONS, request.options)
    clock = request.clock
    ends_at = clock.monotonic_seconds() + request.deadline_seconds
    plan, store = _plan(request.target, options)
    run = _Families(plan, request, report, _number(options, "limit_seconds"), ends_at)
    wanted = ("4", "6") if options["family"] == "both" else (str(options["family"]),)
    for number, family in enumerate(wanted):
        run.measure(family, share=len(wanted) - number)
    run.conclude()
    context: dict[str, Json] = {
        **run.context,
        "trust_store": store,
        "timeout_seconds": plan.timeout_seconds,
    }
    return Findings(values=run.values, context=context)


class _Families:
    """What each IP version came to."""

    def __init__(
        self, plan: Plan, request: Request, report: Report, limit_seconds: float, ends_at: float
    ) -> None:
        self.values: dict[str, Json] = {}
        self.context: dict[str, Json] = {}
        self._plan = plan
        self._clock = request.clock
        self._report = report
        self._limit_seconds = limit_seconds
        self._ends_at = ends_at
        self._started = request.clock.monotonic_seconds()
        self._failures: list[tuple[str, MeasurementFailed]] = []
        self._absent: list[MeasurementFailed] = []
        self._worked: list[str] = []

    def measure(self, family: str, *, share: int) -> None:
        """Fetch over one version (``4``, ``6`` or ``auto``) in its share of the time left."""
        now = self._clock.monotonic_seconds()
        fetch = Fetch(
            self._plan,
            family,
            self._clock,
            now + min(self._limit_seconds, max(self._ends_at - now, 0.0) / share),
        )
        try:
            fetch.run(lambda phase: self._tell(phase, family))
        except MeasurementFailed as error:
            if family != "auto" and (absent := _why_absent(error, fetch.address)) is not None:
                self.values[f"v{family}_absent"] = absent
                self._absent.append(error)
                return
            self._failures.append((_version(family, fetch.address), error))
        else:
            self._worked.append(_version(family, fetch.address))
        version = _version(family, fetch.address)
        self.values |= {f"v{version}_{name}": value for name, value in fetch.values.items()}
        if fetch.address is not None:
            self.context[f"v{version}_address"] = fetch.address[0]

    def conclude(self) -> None:
        """Raise the failure, if there is one; else at least one version worked."""
        for version, error in self._failures:
            self.values[f"v{version}_failure"] = error.failure.code.value
        if self._failures:
            version, error = self._failures[0]
            others = "; ".join(
                f"IPv{other}: {failed.failure.code}" for other, failed in self._failures[1:]
            )
            works = "".join(f"; IPv{other} works" for other in self._worked)
            text = f"IPv{version}: {error.failure.text}{'; ' + others if others else ''}{works}"
            raise MeasurementFailed(
                error.failure.code, error.failure.operation, text, self.values
            ) from error
        if not self._worked:
            failure = self._absent[0].failure
            raise MeasurementFailed(failure.code, failure.operation, failure.text)

    def _tell(self, phase: str, family: str) -> None:
        self._report(
            Progress(
                phase=phase,
                elapsed_seconds=self._clock.monotonic_seconds() - self._started,
                total_seconds=self._ends_at - self._started,
                text=f"IPv{family}" if family != "auto" else self._plan.url.host,
            )
        )


def _why_absent(error: MeasurementFailed, address: Address | None) -> str | None:
    """Say why there is nothing to measure over this version; None where it should work."""
    cause = error.__cause__
    if isinstance(cause, socket.gaierror) and cause.errno in _NO_SUCH_FAMILY:
        return "the name has no address of this kind"
    if error.failure.code is FailureCode.ADDRESS_UNAVAILABLE:
        return "the service or this machine has no address of this kind"
    if address is not None and error.failure.operation is Operation.CONNECT:
        return None if _has_route(address) else "this machine has no route of this kind"
    return None


def _has_route(address: Address) -> bool:
    """Ask the kernel for a route; connecting UDP sends nothing."""
    family = socket.AF_INET6 if len(address) == 4 else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.connect(address)
    except OSError as error:
        return error.errno not in (errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
    return True


def _version(family: str, address: Address | None) -> str:
    if family != "auto":
        return family
    return "6" if address is not None and len(address) == 4 else "4"


def _plan(target: str, options: Mapping[str, object]) -> tuple[Plan, str]:
    url = parse_url(target, http_allowed=bool(options["allow_http"]))
    verifying, looking, store = tls.contexts()
    plan = Plan(
        url=url,
        rules=Rules(_hosts(options["allowed_hosts"]), _text(options, "expected_text")),
        expected_issuer=_text(options, "expected_issuer"),
        allow_http=bool(options["allow_http"]),
        timeout_seconds=_number(options, "timeout_seconds"),
        max_redirects=int(_number(options, "max_redirects")),
        max_body_bytes=int(_number(options, "max_body_bytes")),
        verifying=verifying,
        looking=looking,
    )
    return plan, store


def _hosts(given: object) -> Sequence[str]:
    names = given.split(",") if isinstance(given, str) else []
    return [parse_host(name.strip()) for name in names if name.strip()]


def _text(options: Mapping[str, object], name: str) -> str | None:
    value = options[name]
    return value if isinstance(value, str) and value else None


def _number(options: Mapping[str, object], name: str) -> float:
    value = options[name]
    assert isinstance(value, int | float)
    return value

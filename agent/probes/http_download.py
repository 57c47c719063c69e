"""HTTP(S) download: goodput of fetching a given file over N connections.

For a file of yours, or of somebody who agrees to repeated downloads: the server learns this
machine's public address. A cache on the way may answer in its place; its usual headers are kept
as a hint. What the file must be (type, length, hash) can be named, so that a block page with
status 200 is never taken for it.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from agent.engines import download
from agent.engines.download import Bounds, Downloaded, Flow
from agent.engines.web import Opened, follow, open_url, trust
from agent.failure import MeasurementFailed
from agent.probes import Findings, Progress, Report, Request
from agent.target import parse_host
from agent.target_url import parse_url
from agent.throughput.estimator import Estimate, Sample, TooLittle, estimate, warmup_seconds
from agent.web.blocked import Rules, find_marker
from agent.web.http import Exchange
from wire.failure import FailureCode, Operation
from wire.measurement import Json
from wire.options import Option, OptionRefused, resolve

TARGET: Final = "URL of a file"
FORM: Final = "url"
ONE_WAY: Final = True
OPTIONS: Final[Mapping[str, Option]] = {
    "flows": Option(type=int, default=1, minimum=1, maximum=16, help="connections at once"),
    "seconds": Option(
        type=float, default=10.0, minimum=1, maximum=30, help="longest duration, warm-up included"
    ),
    "max_bytes": Option(
        type=int, default=1_000_000_000, minimum=100_000, maximum=10_000_000_000,
        help="most to download, all connections together",
    ),
    "expected_type": Option(
        type=str, default=None, help="Content-Type that the file must have, for example image/jpeg"
    ),
    "expected_bytes": Option(
        type=int, default=None, minimum=1, help="length that the file must have"
    ),
    "expected_sha256": Option(
        type=str, default=None,
        help="SHA-256 that the file must have; it is then downloaded whole, within seconds",
    ),
    "allow_http": Option(type=bool, default=False, help="take http:// too"),
    "allowed_hosts": Option(
        type=str, default=None, form="hosts",
        help="other hosts it may be redirected to, separated by commas"
    ),
    "ca_file": Option(
        type=str, default=None, form="file",
        help="certificates to trust instead of the machine's (PEM file)"
    ),
}  # fmt: skip

HEAD_SECONDS: Final = 10.0
"""For name, connection, TLS and head of the answer, redirects included."""
_FEWEST_BYTES: Final = 20 * 1448
_REPORT_SECONDS: Final = 0.25
_SHA256: Final = re.compile(r"[0-9a-fA-F]{64}")
_CACHE_HEADERS: Final = ("age", "x-cache", "cf-cache-status", "x-cache-status", "via")


def probe(request: Request, report: Report) -> Findings:
    """Measure. ``request.target`` is the URL of a file."""
    options = resolve(OPTIONS, request.options)
    wanted_hash = options["expected_sha256"]
    if wanted_hash is not None and _SHA256.fullmatch(str(wanted_hash)) is None:
        raise OptionRefused("expected_sha256", wanted_hash, "64 hexadecimal digits")
    clock, flows, seconds = request.clock, options["flows"], options["seconds"]
    most = options["max_bytes"]
    assert isinstance(flows, int)
    assert isinstance(seconds, float)
    assert isinstance(most, int)
    opened, redirects = _open(request, options, flows)
    try:
        _check(opened[0].exchange, options)
        reading = [Flow(one, hashed=wanted_hash is not None) for one in opened]
    except MeasurementFailed:
        for one in opened:
            one.sock.close()
        raise
    bounds = Bounds(seconds=seconds, total_bytes=most)
    found = download.run(reading, bounds, clock, _Ticker(report, seconds))
    _check_content(found, options)
    rate = _estimate(found, seconds)
    first = opened[0]
    values: dict[str, Json] = {
        "download_bps": rate.rate_bps,
        "download_bytes": found.samples[-1].total_bytes,
        "download_window_seconds": rate.window_seconds,
        "download_warmup_seconds": rate.warmup_seconds,
        "redirect_count": redirects,
        "file_complete": found.complete,
    }
    return Findings(
        values=values,
        context={
            "engine": "http_download",
            "flows_count": flows,
            "test_seconds": seconds,
            "method": "bytes of the body received, warm-up discarded, least-squares slope",
            "address_family": "ipv6" if len(first.address) == 4 else "ipv4",
            **_cache_hints(first.exchange),
        },
        confidence={
            "download_windows_count": rate.windows_count,
            "download_relative_half_width_ratio": rate.relative_half_width_ratio,
        },
    )


def _open(request: Request, options: Mapping[str, object], flows: int) -> tuple[list[Opened], int]:
    """Open the first flow with its redirects, then the others at the place where that ended."""
    clock, http_allowed = request.clock, bool(options["allow_http"])
    url = parse_url(request.target, http_allowed=http_allowed)
    hosts = str(options["allowed_hosts"] or "").split(",")
    rules = Rules([parse_host(host.strip()) for host in hosts if host.strip()])
    trusted = trust(options["ca_file"])
    until = clock.monotonic_seconds() + HEAD_SECONDS
    first, redirects = follow(url, rules, trusted, until, clock, http_allowed=http_allowed)
    opened = [first]
    try:
        for _ in range(flows - 1):
            opened.append(open_url(first.url, trusted, until, clock))
            if opened[-1].exchange.status != 200:
                _check(opened[-1].exchange, options)
    except MeasurementFailed:
        for one in opened:
            one.sock.close()
        raise
    return opened, redirects


def _check(answer: Exchange, options: Mapping[str, object]) -> None:
    """Look at the head: is this the file? Raises :class:`MeasurementFailed`."""
    if answer.status != 200:
        text = f"{answer.status} instead of the file"
        raise MeasurementFailed(FailureCode.HTTP_STATUS, Operation.HANDSHAKE, text)
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    wanted = options["expected_type"]
    if isinstance(wanted, str) and kind != wanted.lower():
        raise _other(f"type {kind[:60] or 'none'} where {wanted[:60]} was expected")
    if wanted is None and "html" in kind:
        raise _other("a page of HTML instead of a file (name expected_type if the file is one)")
    length, size = answer.headers.get("content-length", ""), options["expected_bytes"]
    if size is not None and length.isdigit() and int(length[:15]) != size:
        raise _other(f"{length[:15]} bytes where {size} were expected")
    if (coding := answer.headers.get("content-encoding", "identity")) != "identity":
        text = f"it comes with the content coding {coding[:40]!r} that was not asked for"
        raise MeasurementFailed(FailureCode.PROTOCOL_ERROR, Operation.HANDSHAKE, text)


def _check_content(found: Downloaded, options: Mapping[str, object]) -> None:
    """Look at what came. Raises :class:`MeasurementFailed` with what came as partial."""
    if (marker := find_marker(found.first_bytes)) is not None:
        text = f"the words of a block page: {marker!r}"
        raise download.failed(FailureCode.INTERCEPTED, text, found.samples, Operation.DOWNLOAD)
    wanted = options["expected_sha256"]
    if not isinstance(wanted, str):
        return
    if found.sha256 is None:
        text = "the file did not come whole, so its hash is unknown: allow more seconds or bytes"
        raise download.failed(FailureCode.TOO_SLOW, text, found.samples, Operation.DOWNLOAD)
    if found.sha256 != wanted.lower():
        text = f"SHA-256 {found.sha256[:16]}... where {wanted[:16].lower()}... was expected"
        raise download.failed(FailureCode.INTERCEPTED, text, found.samples, Operation.DOWNLOAD)


def _estimate(found: Downloaded, seconds: float) -> Estimate:
    samples = found.samples
    took = samples[-1].at_seconds - samples[0].at_seconds
    try:
        rate = estimate(samples, warmup_seconds(min(seconds, took)))
    except TooLittle as error:
        short = took < min(seconds, 1.0)
        small = "; the file (or max_bytes) is too small for this line: name a bigger one"
        text = f"after {took:.2f} s: {error}{small if short else ''}"
        came = samples[-1].total_bytes > 0 or found.complete
        code = FailureCode.TOO_SLOW if came else FailureCode.STALLED
        raise download.failed(code, text, samples, Operation.DOWNLOAD) from error
    if rate.window_bytes < _FEWEST_BYTES:
        text = f"{rate.window_bytes} bytes in {rate.window_seconds:.1f} s are too few for a rate"
        raise download.failed(FailureCode.TOO_SLOW, text, samples, Operation.DOWNLOAD)
    return rate


def _cache_hints(answer: Exchange) -> dict[str, Json]:
    """Say what speaks for a cache; a silent one leaves no hint."""
    seen = {name: answer.headers[name] for name in _CACHE_HEADERS if name in answer.headers}
    text = "; ".join(f"{name}: {value}" for name, value in seen.items())
    shown = "".join(char if char.isprintable() else "?" for char in text)[:200]
    hit = seen.get("age", "0").strip() not in ("", "0") or any(
        "hit" in value.lower() for name, value in seen.items() if name != "via"
    )
    return {"cached_likely": hit, **({"cache_headers": shown} if shown else {})}


def _other(text: str) -> MeasurementFailed:
    return MeasurementFailed(
        FailureCode.INTERCEPTED,
        Operation.HANDSHAKE,
        f"status 200, but not the file: {text}: a block page, or another file",
    )


class _Ticker:
    """Tells a person the mean rate so far, four times a second."""

    def __init__(self, report: Report, seconds: float) -> None:
        self._report = report
        self._seconds = seconds
        self._next = 0.0

    def __call__(self, samples: Sequence[Sample]) -> None:
        """Take note of a sample."""
        elapsed = samples[-1].at_seconds - samples[0].at_seconds
        if elapsed < self._next:
            return
        self._next = elapsed + _REPORT_SECONDS
        self._report(
            Progress(
                phase="download",
                elapsed_seconds=min(elapsed, self._seconds),
                total_seconds=self._seconds,
                text=f"{8e-6 * samples[-1].total_bytes / max(elapsed, 1e-3):,.1f} Mbit/s",
            )
        )

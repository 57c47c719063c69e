"""One stored measurement as people read it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from collector.pages import format as fmt
from collector.pages.i18n import Words
from collector.store.interface import StoredResult
from wire.codec import Refused, decode
from wire.measurement import NOTHING, Measurement


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultLine:
    """A line of the tables of results; all text is ready, nothing is escaped."""

    time: str
    probe: str
    outcome: str
    clock_suspect: bool
    """The time is what the appliance said, and cannot be right."""
    simulated: bool
    download: str
    upload: str
    latency: str
    detail: str
    """Target, or why it failed."""
    said: str
    """What the agent said of the failure, in English; empty for success."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RealPanel:
    """The newest result that was really measured."""

    school: str
    school_url: str
    download: str
    upload: str
    failure: str
    said: str
    """What the agent said of the failure, in English."""
    how: str
    loopback: bool
    """Measured inside one machine: no line was in the path."""


def result_line(words: Words, result: StoredResult) -> ResultLine:
    """Tell one result. What was not measured is a dash with its reason beside it."""
    dash = words("site.none")
    return ResultLine(
        time=fmt.moment(words, result.started_at),
        probe=probe_words(words, result.probe),
        outcome=result.outcome,
        clock_suspect=result.clock_suspect,
        simulated=result.simulated,
        download=_speed(words, result, result.download_bps),
        upload=_speed(words, result, result.upload_bps),
        latency=_latency(words, result) or dash,
        detail=failure_words(words, result) or result.target,
        said=result.failure_text or "",
    )


def real_panel(
    words: Words, result: StoredResult, names: Mapping[str, str], school_url: str
) -> RealPanel:
    """Tell the newest real result and how it was obtained."""
    record = _record(result)
    seconds = dash = words("site.none")
    if record is not None:
        seconds = words("value.seconds", number=f"{record.duration_seconds:.1f}")
    return RealPanel(
        school=names.get(result.school_code, result.school_code),
        school_url=school_url,
        download=_speed(words, result, result.download_bps) or dash,
        upload=_speed(words, result, result.upload_bps) or dash,
        failure=failure_words(words, result),
        said=result.failure_text or "",
        loopback=result.segment == "loopback",
        how=words(
            "real.how",
            probe=probe_words(words, result.probe),
            target=result.target,
            time=fmt.moment(words, result.started_at),
            seconds=seconds,
        ),
    )


def failure_words(words: Words, result: StoredResult) -> str:
    """The failure in words of the language; empty for success."""
    if result.failure_code is None:
        return ""
    return words.either(f"failure.{result.failure_code}", "failure.unknown")


def probe_words(words: Words, probe: str) -> str:
    """The name of a kind of test; as it is sent where it is not one of ours."""
    return words.table.get(f"probe.{probe}") or probe


def median_bps(values: Iterable[float]) -> float | None:
    """Plain median of a day, for the table beside the chart."""
    ordered = sorted(values)
    if not ordered:
        return None
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[middle]
    return (ordered[middle - 1] + ordered[middle]) / 2


def _speed(words: Words, result: StoredResult, bps: float | None) -> str:
    if bps is None or result.outcome != "ok":  # a part of a failed test is no speed
        return words("site.none")
    return fmt.mbps(words, bps)


def _latency(words: Words, result: StoredResult) -> str:
    record = _record(result)
    values = NOTHING if record is None else record.values
    seconds = values.get("rtt_median_seconds")
    if result.outcome != "ok" or not isinstance(seconds, int | float):
        return ""
    return fmt.milliseconds(words, float(seconds))


def _record(result: StoredResult) -> Measurement | None:
    try:
        return decode(result.record)
    except Refused:
        return None  # stored by another release; its columns are shown all the same

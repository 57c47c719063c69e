"""What the demonstration prints: figures read back from the collector, as text."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from collector.judge.week import Week, local

Json = Mapping[str, Any]


def city_text(compliance: Json) -> str:
    """The baseline, the measured counts and the table by size band."""
    total, baseline = compliance["schools"], compliance["baseline"]
    week = Week.parse(compliance["week"])
    lines = [
        f"Survey baseline   {_count(baseline['met'], total)} had the required speed",
        f"Measured, week {week} ({_span(week.monday)})"
        + (", SIMULATED schools" if compliance["simulated"] else ""),
        f"  outside lessons {_figure(compliance['quiet'], total)}",
        f"  during lessons  {_figure(compliance['lesson'], total)}",
        "",
        *band_table(compliance["by_size_band"]),
    ]
    return "\n".join(lines)


def band_table(bands: Sequence[Json]) -> list[str]:
    """Verdicts outside lessons by size band, and the survey beside them."""
    head = (
        f"{'pupils':>8}  {'schools':>7}  {'met':>4}  {'not met':>7}  {'undetermined':>12}  "
        f"{'share':>6}  {'survey':>6}"
    )
    rows = [
        f"{band['label']:>8}  {band['schools']:>7}  {band['quiet']['met']:>4}  "
        f"{band['quiet']['not_met']:>7}  {band['quiet']['undetermined']:>12}  "
        f"{_share(band['quiet']['met'], band['schools']):>6}  {band['baseline_met']:>6}"
        for band in bands
    ]
    return ["By size band, outside lessons", head, *rows]


def real_text(school: Json, result: Json) -> str:
    """The real measurement and how it was obtained."""
    started = local(datetime.fromisoformat(result["started_at"]))
    name = f"{school['code']} {school['name']}"
    return "\n".join(
        [
            "Real measurement on this machine (not counted among the simulated results)",
            f"  download {mbps(result['download_bps'])}   upload {mbps(result['upload_bps'])}",
            f"  TCP goodput by ndt7, warm-up discarded, against a responder at {result['target']}",
            "  over loopback: it shows that measuring works, not how fast a line is",
            f"  measured {started:%Y-%m-%d %H:%M:%S} JST by an agent enrolled for {name},",
            f"  delivered over HTTP and read back from the collector as {result['result_id']}",
        ]
    )


def mbps(bps: float | None) -> str:
    """A speed in Mbit/s."""
    if bps is None:
        return "not measured"
    return f"{bps / 1e6:,.0f} Mbit/s" if bps >= 99.95e6 else f"{bps / 1e6:.1f} Mbit/s"


def _figure(figure: Json, total: int) -> str:
    return (
        f"{_count(figure['met'], total)} met, {figure['not_met']} not met, "
        f"{figure['undetermined']} undetermined"
    )


def _count(met: int, total: int) -> str:
    return f"{met}/{total} ({_share(met, total)})"


def _share(met: int, total: int) -> str:
    return f"{met / total * 100:.1f} %" if total else "-"


def _span(monday: date) -> str:
    return f"{monday} to {monday + timedelta(days=6)}"

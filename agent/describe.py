"""Results in words: value, unit and how it was obtained, for whoever stands before the machine."""

from wire.measurement import Json, Measurement


def describe(result: Measurement) -> str:
    """The figures of a result on several lines."""
    took = f"{result.duration_seconds:.1f} s"
    lines = [f"{result.probe} to {result.target}, {took}: {result.outcome.value}"]
    if result.failure is not None:
        lines.append(f"  failed: {result.failure}")
        if result.values:
            lines.append("  measured before it failed (partial, not a result):")
    for name, value in result.values.items():
        lines += _several(name, value)
    method = result.context.get("method")
    if method:
        lines.append(f"  how: {method}")
    if result.confidence:
        lines.append("  confidence:")
        lines += [
            f"    {name:30} {figure(name, value)}" for name, value in result.confidence.items()
        ]
    return "\n".join(lines)


def _several(name: str, value: Json) -> list[str]:
    """One line, or of a list of things one line each."""
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        return [f"  {name:32} {figure(name, value)}"]
    lines = [f"  {name}"]
    for item in value:
        assert isinstance(item, dict)
        lines.append("    " + ", ".join(f"{key} {figure(key, each)}" for key, each in item.items()))
    return lines


def one_line(result: Measurement) -> str:
    """The result on one line: the figures, or why there is none; last its id."""
    what = f"failed: {result.failure}" if result.failure else _figures(result)
    return f"{result.probe} to {result.target}: {what} [{result.result_id}]"


def _figures(result: Measurement) -> str:
    return ", ".join(
        f"{name} {figure(name, value)}"
        for name, value in result.values.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    )


def figure(name: str, value: Json) -> str:
    """One value with the unit that its name ends in."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if name.endswith("_bps"):
        return _rate(value)
    if name.endswith("_seconds"):
        return _time(value)
    if name.endswith("_bytes"):
        return f"{value:,} bytes"
    if name.endswith("_ratio"):
        return f"{value * 100:.2f} %"
    return f"{value:,}"


def _rate(bps: float) -> str:
    return f"{bps / 1e3:,.1f} kbit/s" if 0 < abs(bps) < 1e6 else f"{bps / 1e6:,.2f} Mbit/s"


def _time(seconds: float) -> str:
    size = abs(seconds)  # offsets of clocks have a sign
    if size < 1e-4:
        return f"{seconds * 1e6:.2f} us" if size else "0 s"
    if size < 1e-3:
        return f"{seconds * 1e6:.1f} us"
    return f"{seconds * 1e3:,.2f} ms" if size < 1 else f"{seconds:,.2f} s"

"""``hakaru-collector criteria``: the required speed for a number of pupils; check a table."""

import argparse
import json
from pathlib import Path

from collector import resources
from collector.commands.common import OK, BadArguments, add_criteria, criteria_of, reporting
from collector.judge.criteria import MAX_PUPILS, Criteria
from collector.judge.criteria_file import load_criteria


def configure(command: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    command.epilog = "Example: hakaru-collector criteria show --pupils 316"
    actions = command.add_subparsers(dest="action", metavar="ACTION", required=True)
    show = actions.add_parser(
        "show",
        help="show the required speed for a number of pupils",
        description="Shows the required download speed for a number of pupils, and whence.",
        epilog="Example: hakaru-collector criteria show --pupils 316 --json",
    )
    show.add_argument("--pupils", metavar="N", type=int, required=True, help="number of pupils")
    show.add_argument("--json", action="store_true", help="one JSON object; speeds in bit/s")
    add_criteria(show)
    check = actions.add_parser(
        "check",
        help="check an edited table",
        description="Says every mistake of a table of required speeds, or that there is none.",
        epilog="Example: hakaru-collector criteria check my-table.toml",
    )
    check.add_argument("file", metavar="FILE", type=Path, help="table of required speeds (TOML)")


def run(options: argparse.Namespace) -> int:
    """Show or check. Exit code 2 for bad arguments or a refused table."""
    return reporting(lambda: _show(options) if options.action == "show" else _check(options))


def _show(options: argparse.Namespace) -> int:
    if not 1 <= options.pupils <= MAX_PUPILS:
        raise BadArguments(f"--pupils: found {options.pupils}, allowed is 1 to {MAX_PUPILS}")
    criteria = criteria_of(options)
    if options.json:
        print(json.dumps(_as_json(criteria, options.pupils), ensure_ascii=False))
    else:
        print(_as_text(criteria, options.pupils))
    return OK


def _check(options: argparse.Namespace) -> int:
    criteria = load_criteria(options.file)
    first, last = criteria.rows[0], criteria.rows[-1]
    print(
        f"{options.file}: ok: {criteria.name} {criteria.version}, {len(criteria.rows)} rows from "
        f"{first.pupils} pupils ({float(first.mbps):g} Mbit/s) to "
        f"{last.pupils} pupils ({float(last.mbps):g} Mbit/s)"
    )
    default = load_criteria(resources.default_criteria())
    if criteria.version == default.version and criteria != default:
        print(
            f"note: version {criteria.version} is also that of the packaged table, which differs; "
            "give yours a version of its own so that verdicts tell them apart"
        )
    return OK


def _as_json(criteria: Criteria, pupils: int) -> dict[str, object]:
    requirement = criteria.requirement(pupils)
    uncertain = criteria.uncertainty(pupils)
    return {
        "pupils": pupils,
        "required_bps": requirement.required_bps,
        "upper_bps": requirement.upper_bps,
        "outside_table": requirement.outside_table,
        "uncertain_reason": None if uncertain is None else uncertain.reason,
        "table_name": criteria.name,
        "table_version": criteria.version,
        "issued_by": criteria.issued_by,
        "rows_used": [
            {
                "pupils": row.pupils,
                "required_bps": round(row.mbps * 1_000_000),
                "source": row.source,
                "date": row.published_on.isoformat(),
            }
            for row in criteria.rows_used(pupils)
        ],
    }


def _as_text(criteria: Criteria, pupils: int) -> str:
    requirement = criteria.requirement(pupils)
    uncertain = criteria.uncertainty(pupils)
    speed = f"{requirement.required_bps / 1e6:.1f}"
    if requirement.upper_bps > requirement.required_bps:
        speed += f" to {requirement.upper_bps / 1e6:.1f}"
    lines = [f"{pupils} pupils: {speed} Mbit/s download ({criteria.name} {criteria.version})"]
    if requirement.outside_table:
        lines.append(
            f"outside the table: {float(criteria.above_mbps_per_pupil):.3f} Mbit/s for each pupil "
            f"above {criteria.rows[-1].pupils}"
        )
    if pupils < criteria.rows[0].pupils:
        lines.append(
            f"below the first row: {float(criteria.below_mbps_per_pupil):g} Mbit/s a pupil"
        )
    if uncertain is not None:
        lines.append(f"uncertain: {uncertain.reason}")
    lines += [
        f"row: {row.pupils} pupils {float(row.mbps):g} Mbit/s, {row.source} ({row.published_on})"
        for row in criteria.rows_used(pupils)
    ]
    return "\n".join(lines)

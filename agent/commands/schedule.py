"""hakaru-agent schedule: show what the coming days will measure, and what it will cost."""

import argparse
import json
import os
import re
import sys
from datetime import date
from pathlib import Path

from agent import identity
from agent.clock import SystemClock
from agent.config import ConfigRefused, load
from agent.preview import MAX_DAYS, describe, preview, to_json
from agent.ration import BUDGET_FILE, Ration
from agent.state import StateTrouble, state_directory
from agent.steering import Steering

NO_AGENT = "not enrolled: the moments are an example, each agent has its own"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = (
        "* marks the full-length run of the week. "
        "Example: hakaru-agent schedule --preview 7d --config /etc/hakaru/agent.toml"
    )
    parser.add_argument("--config", required=True, type=Path, metavar="FILE", help="agent.toml")
    parser.add_argument(
        "--preview", type=_days, default=7, metavar="DAYS", help="how far, such as 7d (default 7d)"
    )
    parser.add_argument(
        "--from", dest="first", type=_date, metavar="DATE", help="first day (default: today)"
    )
    parser.add_argument("--state", metavar="DIR", help="state directory (or HAKARU_STATE)")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")


def run(options: argparse.Namespace) -> int:
    """Show the plan; reads only. Exit 0, 1 if the state cannot be read, 2 on bad configuration."""
    try:
        config = load(options.config)
    except ConfigRefused as error:
        print(error, file=sys.stderr)
        return 2
    directory = state_directory(options.state or config.state_dir, os.environ, Path.home())
    try:
        who = identity.load(directory)
    except StateTrouble as error:
        print(error, file=sys.stderr)
        return 1
    if who is None:
        print(NO_AGENT, file=sys.stderr)
    steering = Steering(config, directory)
    config = steering.config
    seed = "" if who is None else who.agent_id
    ration = Ration(config.budget, config.tests, config.timetable, seed, directory / BUDGET_FILE)
    first = options.first or SystemClock().now().astimezone(config.zone).date()
    days = preview(config, ration, seed, first, options.preview)
    if options.json:
        whole = {
            "agent_id": who and who.agent_id,
            "policy": dict(steering.status(SystemClock().now())),
            "days": to_json(days, config),
        }
        print(json.dumps(whole, ensure_ascii=False, indent=2))
    else:
        print(f"{_in_force(steering)}\n\n{describe(days, config)}", end="")
    return 0


def _in_force(steering: Steering) -> str:
    """Say what the plan follows from."""
    said = steering.status(SystemClock().now())
    by = f"policy {said['version']}" if said["version"] else "agent.toml, no policy"
    lines = [f"in force: {by}", *([f"policy: {said['text']}"] if said["text"] else [])]
    if said["suppressed_until"]:
        lines.append(f"suppressed until {said['suppressed_until']}: {said['suppressed_reason']}")
    return "\n".join(lines)


def _days(text: str) -> int:
    match = re.fullmatch("([0-9]{1,2})d?", text)
    if match is None or not 1 <= int(match[1]) <= MAX_DAYS:
        raise argparse.ArgumentTypeError(f"found {text[:20]!r}, allowed is 1d to {MAX_DAYS}d")
    return int(match[1])


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"found {text[:20]!r}, allowed is a day such as 2026-07-01"
        ) from None

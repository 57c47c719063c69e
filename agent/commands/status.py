"""hakaru-agent status: show what waits, what was delivered, what is wrong."""

import argparse
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agent import identity, status_file
from agent.spool.aside import damaged_files
from agent.state import SPOOL_FILE, StateTrouble, is_running, state_directory


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = "Example: hakaru-agent status --json"
    parser.add_argument("--state", metavar="DIR", help="state directory (or HAKARU_STATE)")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")


def run(options: argparse.Namespace) -> int:
    """Show the state; reads only, also while the agent runs. Exit 0, 1 if it cannot be read."""
    directory = state_directory(options.state, os.environ, Path.home())
    try:
        state = read(directory)
    except StateTrouble as error:
        print(error, file=sys.stderr)
        return 1
    if options.json:
        print(json.dumps(state, ensure_ascii=False, indent=2))
    else:
        print(describe(state))
    return 0


def read(directory: Path) -> dict[str, Any]:
    """Gather what the files in the state directory say. Raises :class:`StateTrouble`."""
    who = identity.load(directory)
    state: dict[str, Any] = {
        "state_dir": str(directory),
        "enrolled": who is not None and who.active is not None,
        "running": is_running(directory),
        "agent_id": None if who is None else who.agent_id,
        "collector": None,
        "school": None,
    }
    if who is not None and who.active is not None:
        state["collector"] = who.active.collector
        state["school"] = {"code": who.active.school_code, "name": who.active.school_name}
    told = status_file.read(directory, status_file.folder_in_memory(directory))
    shown = ("at", "spool", "delivery", "schedule", "heartbeat", "policy")
    state |= {name: told[name] for name in shown if name in told}
    if isinstance(state.get("spool"), dict):
        state["spool"]["set_aside"] = [path.name for path in damaged_files(directory / SPOOL_FILE)]
    return state


def describe(state: Mapping[str, Any]) -> str:
    """The state for a person."""
    school = state["school"] or {}
    lines = [
        f"agent      {state['agent_id'] or 'none yet'}"
        + ("" if state["enrolled"] else f" - not enrolled; {identity.ADVICE}"),
        f"school     {school.get('code', '-')} {school.get('name', '')}".rstrip(),
        f"collector  {state['collector'] or '-'}",
        f"running    {'yes' if state['running'] else 'no'}"
        + (f", state as of {state['at']}" if "at" in state else ", has not run yet"),
    ]
    spool, delivery = state.get("spool"), state.get("delivery")
    if isinstance(spool, dict):
        lines.append(
            f"waiting    {spool.get('waiting_count', 0)} results; spool "
            f"{spool.get('used_bytes', 0):,} of {spool.get('cap_bytes', 0):,} bytes"
        )
        if losses := spool.get("unreported_losses"):
            lines.append("lost       " + ", ".join(f"{name} {n}" for name, n in losses.items()))
        if refused := spool.get("refused_count"):
            lines.append(f"refused    {refused} results in local quarantine")
        if spool.get("trouble"):
            lines.append(f"trouble    {spool['trouble']}")
        if aside := spool.get("set_aside"):
            lines.append(f"set aside  {', '.join(aside)} (damaged; may be deleted)")
    if isinstance(delivery, dict):
        retry = f", next try {delivery['retry_at']}" if delivery.get("retry_at") else ""
        detail = f": {delivery['detail']}" if delivery.get("detail") else ""
        lines.append(f"delivery   {delivery.get('state', '-')}{retry}{detail}")
        lines.append(
            f"           last delivery {delivery.get('last_delivery_at') or 'never'}, "
            f"last failure {delivery.get('last_failure_at') or 'never'}"
        )
    if isinstance(policy := state.get("policy"), dict):
        said = f": {policy['text']}" if policy.get("text") else ""
        lines.append(f"policy     {policy.get('version') or 'none'} {policy.get('state')}{said}")
        if policy.get("suppressed_until"):
            until, reason = policy["suppressed_until"], policy.get("suppressed_reason")
            lines.append(f"suppressed until {until}: {reason}")
    heart = state.get("heartbeat")
    if isinstance(heart, dict):
        detail = f": {heart['detail']}" if heart.get("detail") else ""
        last = heart.get("last_ok_at") or "never"
        lines.append(f"heartbeat  {heart.get('state', '-')}, last answered {last}{detail}")
    return "\n".join(lines)

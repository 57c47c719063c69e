"""``hakaru-collector retention``: how long what is kept, and deleting what is older."""

import argparse
import sys
from pathlib import Path

from collector.clock import SystemClock
from collector.commands.common import FAILED, OK, add_database, open_store, reporting
from collector.retention.policy import ALWAYS_KEPT, NEVER, load_policy
from collector.retention.run import ClockNotBelieved, Outcome, preview
from collector.retention.run import run as run_retention
from collector.rollup.keeper import roll_all


def configure(command: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    command.epilog = "Example: hakaru-collector retention run --dry-run"
    actions = command.add_subparsers(dest="action", metavar="ACTION", required=True)
    show = actions.add_parser(
        "show",
        help="print how long each class of data is kept",
        epilog="Example: hakaru-collector retention show --policy retention.toml",
    )
    do = actions.add_parser(
        "run",
        help="delete what is older; the serving collector does so once a day",
        epilog="Example: hakaru-collector retention run --dry-run",
    )
    for action in (show, do):
        action.add_argument(
            "--policy",
            type=Path,
            metavar="FILE",
            help="days by class (TOML); default: the one that comes with the program",
        )
    add_database(do)
    do.add_argument("--dry-run", action="store_true", help="count what would go, delete nothing")
    do.add_argument(
        "--clock-is-right",
        action="store_true",
        help="delete though no agent was heard for weeks before now",
    )


def run(options: argparse.Namespace) -> int:
    """Exit code 0 done, 1 the database or the clock forbids it, 2 the policy is refused."""
    return reporting(lambda: _show(options) if options.action == "show" else _run(options))


def _show(options: argparse.Namespace) -> int:
    for kind, days in load_policy(options.policy).keep_days.items():
        print(f"{kind:<16}{NEVER + ' deleted' if days is None else f'{days} days'}")
    for name in ALWAYS_KEPT:
        print(f"{name:<16}always kept")
    return OK


def _run(options: argparse.Namespace) -> int:
    policy = load_policy(options.policy)
    now = SystemClock().now()
    store = open_store(options)
    try:
        if options.dry_run:
            outcomes = preview(store, policy, now)
        else:
            roll_all(store, now)
            outcomes = run_retention(store, policy, now, clock_is_right=options.clock_is_right)
    except ClockNotBelieved as error:
        print(error, file=sys.stderr)
        return FAILED
    finally:
        store.close()
    for outcome in outcomes:
        print(_line(outcome, dry=options.dry_run))
    return OK


def _line(outcome: Outcome, *, dry: bool) -> str:
    if outcome.cut is None:
        return f"{outcome.kind:<16}{NEVER} deleted"
    if outcome.waits:
        return f"{outcome.kind:<16}waits for roll-ups"
    months = f", months dropped: {', '.join(outcome.months)}" if outcome.months else ""
    verb = "would be deleted" if dry else "deleted"
    return (
        f"{outcome.kind:<16}older than {outcome.cut:%Y-%m-%d}: {outcome.rows} rows {verb}{months}"
    )

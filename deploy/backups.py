"""The back-up service of docker-compose.yml: a copy every so many hours, the newest ones kept.

Each copy is made and verified by ``hakaru-collector backup`` (docs/operations.md, Back-up). A copy
that failed is tried again after ten minutes, and removes nothing: old copies go only after a new
one is whole.
"""

import argparse
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

NAME: Final = "%Y-%m-%dT%H%M%SZ"
_NAMED: Final = re.compile(r"\d{4}-\d{2}-\d{2}T\d{6}Z")
AGAIN_SECONDS: Final = 600.0
LATE: Final = 1.5
"""The newest copy may be so many times as old as the pause between two, before it is told."""
SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


def taken_at(name: str) -> datetime | None:
    """When the copy of this name was begun; None: it is no name of ours."""
    if not _NAMED.fullmatch(name):
        return None
    try:
        return datetime.strptime(name, NAME).replace(tzinfo=UTC)
    except ValueError:
        return None


def newest(names: Iterable[str]) -> datetime | None:
    """When the newest copy was begun; None: there is none."""
    return max((moment for name in names if (moment := taken_at(name)) is not None), default=None)


def wait_seconds(last: datetime | None, now: datetime, every: timedelta) -> float:
    """How long until the next copy is due; 0: now. One dated in the future counts for nothing."""
    if last is None or last > now:
        return 0.0
    return max((last + every - now).total_seconds(), 0.0)


def superfluous(names: Iterable[str], keep: int) -> list[str]:
    """The copies beyond the newest ``keep``, and nothing that is no copy of ours."""
    ours = sorted(name for name in names if taken_at(name) is not None)
    return ours[: max(len(ours) - keep, 0)]


def too_old(last: datetime | None, now: datetime, every: timedelta) -> str | None:
    """Say what is wrong with the newest copy; None: nothing."""
    if last is None:
        return "there is no copy yet"
    if now - last > every * LATE:
        return f"the newest copy is of {last:%Y-%m-%d %H:%M} UTC: see the log of the back-ups"
    return None


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0: ended by a signal, copied, or the newest copy is fresh; 1: it is not."""
    parser = argparse.ArgumentParser(
        description="Copy the database every so many hours and keep the newest copies.",
        epilog="Example: backups.py --folder /backups --hours 24 --keep 14 (HAKARU_DATABASE names "
        "the database, PGPASSFILE the file with its password)",
    )
    parser.add_argument("--folder", type=Path, required=True, help="where copies are")
    parser.add_argument("--hours", type=float, default=24.0, help="between two copies (default 24)")
    parser.add_argument("--keep", type=int, default=14, help="how many are kept (default 14)")
    parser.add_argument("--once", action="store_true", help="one copy now, then end")
    parser.add_argument("--check", action="store_true", help="only say whether the newest is fresh")
    parser.add_argument("--program", default="hakaru-collector", help="the collector's program")
    options = parser.parse_args(arguments)
    if options.hours <= 0 or options.keep < 1:
        parser.error("--hours must be above 0 and --keep at least 1")
    every = timedelta(hours=options.hours)
    if options.check:
        wrong = too_old(newest(_names(options.folder)), _now(), every)
        print(wrong or "fresh")
        return 1 if wrong else 0
    if options.once:
        return 0 if copy(options.program, options.folder, options.keep, _now()) else 1
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)  # they end a pause, never a copy half-way
    while True:
        pause = wait_seconds(newest(_names(options.folder)), _now(), every)
        if pause == 0 and not copy(options.program, options.folder, options.keep, _now()):
            pause = AGAIN_SECONDS
        if signal.sigtimedwait(SIGNALS, pause) is not None:
            return 0


def copy(program: str, folder: Path, keep: int, now: datetime) -> bool:
    """Make one copy, then remove what is beyond ``keep``; False where it failed."""
    for partial in folder.glob("*Z.partial"):
        shutil.rmtree(partial, ignore_errors=True)  # of a copy that was cut off
    made = folder / now.strftime(NAME)
    ran = subprocess.run([program, "backup", str(made)], check=False)  # noqa: S603 - no shell
    if ran.returncode != 0 or not made.is_dir():
        print(f"no copy was made (exit code {ran.returncode})", file=sys.stderr, flush=True)
        return False
    for name in superfluous(_names(folder), keep):
        shutil.rmtree(folder / name)
        print(f"removed {name}", flush=True)
    return True


def _names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def _now() -> datetime:
    return datetime.fromtimestamp(time.time(), UTC)  # noqa: TID251 - stands alone in its image


if __name__ == "__main__":
    sys.exit(main())

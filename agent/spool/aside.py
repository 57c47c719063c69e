"""What becomes of a damaged spool: it is renamed, kept for people to look at, and bounded."""

import re
from contextlib import suppress
from pathlib import Path
from typing import Final

from agent.spool.account import Account
from agent.spool.database import Connect, SpoolError, SpoolUnavailable
from agent.spool.file import SUFFIXES, make_private, mark_path, sync_directory

KEPT: Final = 2
"""Damaged spools kept; older ones are deleted. The disk may hold these beside the cap."""
_NAME: Final = re.compile(r"(?P<stem>.+)\.damaged-(?P<number>[0-9]{6})")


def set_aside(path: Path, reason: str, connect: Connect) -> Account:
    """Rename the spool at ``path`` with its log and say what is known to be lost with it.

    Raises :class:`SpoolUnavailable` where the directory cannot be changed.
    """
    try:
        kept = damaged_files(path)
        number = 1 + max((_number_of(file) for file in kept), default=0)
        target = path.with_name(f"{path.name}.damaged-{number:06d}")
        for suffix in SUFFIXES:
            with suppress(FileNotFoundError):
                Path(f"{path}{suffix}").rename(f"{target}{suffix}")
        make_private(target)
        mark_path(path).unlink(missing_ok=True)
        sync_directory(path.parent)
        for old in damaged_files(path)[:-KEPT]:
            for suffix in SUFFIXES:
                Path(f"{old}{suffix}").unlink(missing_ok=True)
    except OSError as error:
        raise SpoolUnavailable(f"cannot set {path} aside: {error}") from error
    stream, waiting = _what_was_in(target, connect)
    return Account(
        set_aside_count=1, lost_waiting_count=waiting, lost_stream=stream, reason=reason[:200]
    )


def damaged_files(path: Path) -> list[Path]:
    """Spools set aside beside ``path``, oldest first."""
    names = {
        match[0]
        for file in path.parent.glob(f"{path.name}.damaged-*")
        if (match := _NAME.match(file.name)) is not None
    }
    return sorted((path.with_name(name) for name in names), key=_number_of)


def _number_of(path: Path) -> int:
    match = _NAME.fullmatch(path.name)
    return int(match["number"]) if match else 0


def _what_was_in(path: Path, connect: Connect) -> tuple[str, int]:
    """Stream and number of waiting results, as far as the damaged file still tells."""
    stream, waiting = "", 0
    if not path.exists():
        return stream, waiting
    with suppress(SpoolError):
        connection = connect(path)
        try:
            connection.execute("PRAGMA locking_mode=EXCLUSIVE")
            found = connection.execute("SELECT stream FROM head")[0][0]
            stream = found if isinstance(found, str) and len(found) == 36 else ""
            count = connection.execute("SELECT count(*) FROM results")[0][0]
            waiting = count if isinstance(count, int) else 0
        except IndexError:
            pass
        finally:
            connection.close()
    return stream, waiting

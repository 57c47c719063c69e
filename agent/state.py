"""The state directory: where it is, who holds it, and writing small files whole."""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from wire.measurement import Json

SYSTEM_DIRECTORY: Final = Path("/var/lib/hakaru")
SPOOL_FILE: Final = "spool.db"
IDENTITY_FILE: Final = "identity.json"
STATUS_FILE: Final = "status.json"
LOCK_FILE: Final = "lock"
STATE_VARIABLE: Final = "HAKARU_STATE"
_PRIVATE_DIRECTORY: Final = 0o700
_PRIVATE_FILE: Final = 0o600


class StateTrouble(Exception):
    """The state directory cannot be used; the message says what to do."""


class StateBusy(StateTrouble):
    """Another agent works in this state directory."""


def state_directory(
    given: str | None,
    environment: Mapping[str, str],
    home: Path,
    system: Path = SYSTEM_DIRECTORY,
) -> Path:
    """Choose the state directory: option, HAKARU_STATE, the system's, the user's own.

    The system's is taken where it can be written (a packaged service); else
    ``$XDG_STATE_HOME/hakaru``, which is ``~/.local/state/hakaru`` unless set.
    """
    if given:
        return Path(given).expanduser()
    if named := environment.get(STATE_VARIABLE):
        return Path(named)
    if system.is_dir() and os.access(system, os.W_OK | os.X_OK):
        return system
    base = environment.get("XDG_STATE_HOME", "")
    return (Path(base) if base.startswith("/") else home / ".local" / "state") / "hakaru"


def prepare(directory: Path) -> Path:
    """Make the directory, for its owner only. Raises :class:`StateTrouble`."""
    try:
        directory.mkdir(mode=_PRIVATE_DIRECTORY, parents=True, exist_ok=True)
        directory.chmod(_PRIVATE_DIRECTORY)
    except OSError as error:
        raise StateTrouble(
            f"state directory {directory}: {error.strerror}; name another with --state DIR"
        ) from error
    return directory


@contextlib.contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Hold the state directory alone; the kernel lets go when the process ends, however it ends.

    Raises :class:`StateBusy` at once when another process holds it.
    """
    try:
        descriptor = os.open(
            directory / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _PRIVATE_FILE
        )
    except OSError as error:
        raise StateTrouble(f"{directory / LOCK_FILE}: {error.strerror}") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StateBusy(
                f"another hakaru-agent works in {directory}; stop it, "
                "or give this one its own --state DIR"
            ) from None
        yield
    finally:
        os.close(descriptor)


def is_running(directory: Path) -> bool:
    """Tell whether an agent holds the directory, by the kernel's table of locks.

    Nothing is locked to find out, so an agent that starts at this moment is not turned away.
    """
    try:
        state = (directory / LOCK_FILE).stat()
        table = Path("/proc/locks").read_text(encoding="ascii")
    except OSError:
        return False
    wanted = f"{os.major(state.st_dev):02x}:{os.minor(state.st_dev):02x}:{state.st_ino}"
    return any("FLOCK" in line and wanted in line.split() for line in table.splitlines())


def write_whole(path: Path, content: bytes, *, durable: bool) -> None:
    """Replace a file so that a reader sees the old or the new one, never a part; mode 0600.

    ``durable``: the new one has also survived a power cut when this returns.
    """
    beside = path.with_name(path.name + ".new")
    descriptor = os.open(
        beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, _PRIVATE_FILE
    )
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, _PRIVATE_FILE)
        file.write(content)
        file.flush()
        if durable:
            os.fsync(descriptor)
    beside.replace(path)
    if durable:
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def write_json(path: Path, value: Mapping[str, Json], *, durable: bool) -> None:
    """Write a JSON object with :func:`write_whole`."""
    text = json.dumps(dict(value), ensure_ascii=False, indent=2) + "\n"
    write_whole(path, text.encode(), durable=durable)

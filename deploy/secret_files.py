"""The secrets of docker-compose.yml: which files there are, whose each is, and how one is made.

Compose mounts a secret as the file lies on the host, with its owner and mode. So each file belongs
to the user of the one kind of service that reads it, and nobody else can.
"""

import itertools
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

HAKARU, POSTGRES, GRAFANA, NOBODY, PROXY = 10001, 999, 472, 65534, 10002
"""User ids in the images."""


@dataclass(frozen=True, slots=True)
class SecretFile:
    """One file of the folder of secrets."""

    name: str
    user_id: int
    make: Callable[[], str] | None
    """None: given by people; an empty file stands for none."""
    meaning: str


def new_password() -> str:
    """256 bits, in characters that need no quoting anywhere."""
    return secrets.token_urlsafe(32)


FILES: Final = (
    SecretFile("postgres_password", POSTGRES, new_password, "administrator of PostgreSQL"),
    SecretFile("collector_db_password", POSTGRES, new_password, "role hakaru of PostgreSQL"),
    SecretFile("pgpass", HAKARU, None, "the same password as the collector reads it"),
    SecretFile("grafana_db_password", GRAFANA, new_password, "role grafana of PostgreSQL"),
    SecretFile("grafana_admin_password", GRAFANA, new_password, "first sign-in at Grafana: admin"),
    SecretFile("code_key", HAKARU, new_password, "key of the hashes of one-time codes"),
    SecretFile("smtp_password", NOBODY, None, "mail server, for Alertmanager (empty: none)"),
    SecretFile("webhook_token", NOBODY, None, "webhook of alerts (empty: none)"),
)
MAY_BE_EMPTY: Final = frozenset({"smtp_password", "webhook_token"})
READ_BY_TWO: Final = frozenset({"grafana_db_password"})
"""PostgreSQL reads it once, at the first start, and Grafana always: mode 0640, group 999."""
PGPASS: Final = "postgres:5432:hakaru:hakaru:{password}\n"


LEAST_CHARACTERS: Final = 20
LEAST_DIFFERENT: Final = 8
"""What is below is guessed, whoever chose it: no word that is known for it is looked for."""


def mode_of(file: SecretFile) -> int:
    """The mode that the file has to have."""
    return 0o640 if file.name in READ_BY_TWO else 0o600


def group_of(file: SecretFile) -> int:
    """Its group."""
    return POSTGRES if file.name in READ_BY_TWO else file.user_id


def prepare(folder: Path, *, own: bool, address: str = "postgres:5432") -> list[str]:
    """Make the files that are not there; give their names. ``own``: hand them to their users.

    Files that are there keep what they hold. ``address``: of PostgreSQL, for pgpass.
    Raises OSError.
    """
    folder.mkdir(mode=0o711, parents=True, exist_ok=True)
    (folder / "tls").mkdir(mode=0o700, exist_ok=True)
    made = []
    for file in FILES:
        path = folder / file.name
        if not path.exists():
            _write(path, _content(file, folder, address))
            made.append(file.name)
        if own:
            os.chown(path, file.user_id, group_of(file))
        path.chmod(mode_of(file))
    if own:
        os.chown(folder / "tls", PROXY, PROXY)
        for path in (folder / "tls").iterdir():
            os.chown(path, PROXY, PROXY)
    return made


def _content(file: SecretFile, folder: Path, address: str) -> str:
    if file.name == "pgpass":
        password = (folder / "collector_db_password").read_text("ascii").strip()
        return PGPASS.replace("postgres:5432", address).format(password=password)
    return file.make() if file.make is not None else ""


def _write(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())


def troubles(folder: Path, *, own: bool) -> Iterator[str]:
    """Say what is wrong with the folder. ``own``: look at owners too. Nothing secret is said."""
    advice = "make it with: sudo python3 -m deploy.prepare"
    if not folder.is_dir():
        yield f"{folder}: no such folder: {advice}"
        return
    mode = stat.S_IMODE(folder.stat().st_mode)
    if mode & 0o022:
        yield f"{folder}: mode {mode:04o}: others could replace the secrets: chmod 0711 {folder}"
    for file in FILES:
        path = folder / file.name
        try:
            found = path.stat()
        except FileNotFoundError:
            yield f"{path}: is missing ({file.meaning}): {advice}"
            continue
        except PermissionError:
            yield f"{path}: cannot be looked at: run the check as root"
            continue
        yield from _about(file, path, found, own=own)
    yield from _weak(folder)
    yield from _pgpass(folder)


def _weak(folder: Path) -> Iterator[str]:
    """Passwords that people put there: too short, too plain, or the same in two files."""
    texts = {}
    for file in FILES:
        if file.make is None:
            continue
        try:
            texts[file.name] = (folder / file.name).read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError):
            continue  # told above, or not ours to read
    for name, text in texts.items():
        if text and (len(text) < LEAST_CHARACTERS or len(set(text)) < LEAST_DIFFERENT):
            yield (
                f"{folder / name}: is easily guessed: at least {LEAST_CHARACTERS} characters, "
                f"{LEAST_DIFFERENT} different ones; before the first start remove it and run sudo "
                "python3 -m deploy.prepare, later see docs/deployment.md (Secrets)"
            )
        same = [other for other in texts if other > name and text and texts[other] == text]
        for other in same:
            yield f"{folder / name}: holds the same as {other}: each must be a secret of its own"


def _about(file: SecretFile, path: Path, found: os.stat_result, *, own: bool) -> Iterator[str]:
    mode = stat.S_IMODE(found.st_mode)
    if not stat.S_ISREG(found.st_mode):
        yield f"{path}: is no file; Compose makes a folder where a secret is missing: remove it"
    elif file.name not in MAY_BE_EMPTY and _is_blank(path, found):
        yield f"{path}: is empty ({file.meaning}): remove it and run sudo python3 -m deploy.prepare"
    if mode & ~mode_of(file):
        yield (
            f"{path}: mode {mode:04o}, allowed is {mode_of(file):04o}: others could read it: "
            "sudo python3 -m deploy.prepare"
        )
    if own and (found.st_uid, found.st_gid) != (file.user_id, group_of(file)):
        yield (
            f"{path}: belongs to {found.st_uid}:{found.st_gid}, its service runs as "
            f"{file.user_id}:{group_of(file)}: sudo python3 -m deploy.prepare"
        )


def _is_blank(path: Path, found: os.stat_result) -> bool:
    """Nothing in it, or a line without anything; one that is not ours to read is taken as full."""
    if found.st_size > 2:
        return False
    try:
        return not path.read_bytes().strip()
    except OSError:
        return False


def _pgpass(folder: Path) -> Iterator[str]:
    """The password stands in two files: they must agree."""
    try:
        password = (folder / "collector_db_password").read_text("ascii").strip()
        lines = (folder / "pgpass").read_text("ascii").splitlines()
    except (OSError, UnicodeDecodeError):
        return  # told above, or not ours to read
    own = [line for line in lines if line.endswith(f":hakaru:{password}")]
    where = {f"{host}:{port}:{name}" for host, port, name in _places()}
    if own and not any(line.removesuffix(f":hakaru:{password}") in where for line in own):
        yield (
            f"{folder}/pgpass: its line must begin with postgres:5432:hakaru:hakaru: (the service "
            "of docker-compose.yml)"
        )
    elif not own:
        yield (
            f"{folder}/pgpass: holds another password for the role hakaru than "
            "collector_db_password: both must be the one that PostgreSQL was set up with"
        )


def _places() -> Iterator[tuple[str, ...]]:
    """Each way to write where the database is: any of the three may be ``*``."""
    return itertools.product(("postgres", "*"), ("5432", "*"), ("hakaru", "*"))

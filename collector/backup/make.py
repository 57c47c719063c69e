"""Make a copy with its manifest, and put one back under a new name."""

import os
import shutil
from datetime import datetime
from pathlib import Path
from typing import Final

from collector.backup import identity, manifest, postgres, sqlite
from collector.backup.manifest import BackupRefused, Kind, Manifest
from collector.store import create_store, open_existing
from collector.store.sqlite_connection import ServiceLock

_SQLITE: Final = "sqlite:///"


def backup(url: str, folder: Path, now: datetime) -> Manifest:
    """Copy the database into a new folder while it serves. Raises BackupRefused, StoreUnusable.

    Built beside and renamed when it is complete and synced.
    """
    if folder.exists():
        raise BackupRefused(f"{folder} is there already: name a new folder")
    store = open_existing(url)
    try:
        version, name = store.schema_version(), identity.store_id(store)
    finally:
        store.close()
    beside = folder.with_name(folder.name + ".partial")
    shutil.rmtree(beside, ignore_errors=True)
    try:
        beside.mkdir(mode=0o700, parents=True)
        target = beside / (sqlite.FILE if _kind(url) == "sqlite" else postgres.FILE)
        if _kind(url) == "sqlite":
            counts = sqlite.copy(_path(url), target)
        else:
            counts = postgres.copy(url, target)
        target.chmod(0o600)
        made = Manifest(
            kind=_kind(url),
            file=target.name,
            bytes=target.stat().st_size,
            sha256=manifest.sha256(target),
            schema_version=version,
            store_id=name,
            taken_at=now.isoformat(timespec="seconds"),
            counts=counts,
        )
        manifest.write(beside, made)
        for file in (target, beside / manifest.FILE, beside):
            _sync(file)
        beside.rename(folder)
        _sync(folder.absolute().parent)
    except OSError as error:
        raise BackupRefused(f"cannot write {beside}: {error.strerror or error}") from error
    return made


def restore(folder: Path, url: str, now: datetime) -> tuple[Manifest, str, list[Path]]:
    """Put a copy back; give its manifest, the new name, and files that were set aside.

    From the new name agents see that they must send again what they have delivered since.
    Raises :class:`BackupRefused` and StoreUnusable.
    """
    found = manifest.read(folder)
    if found.kind != _kind(url):
        raise BackupRefused(
            f"{folder} holds a copy of {found.kind}, the database named is {_kind(url)}: "
            "copies are put back into the same kind"
        )
    if found.kind == "sqlite":
        lock = ServiceLock(_path(url))
        lock.acquire()  # StoreUnusable while a collector serves it
        try:
            name, aside = sqlite.restore(
                folder / found.file,
                _path(url),
                lambda sql: identity.rename(sql, now, found.taken_at),
            )
        finally:
            lock.release()
        return found, name, aside
    postgres.restore(folder / found.file, url, found.counts)
    return found, declare_restored(url, now, found.taken_at), []


def declare_restored(url: str, now: datetime, taken_at: str) -> str:
    """Give a database that was put back, by whatever means, its new name."""
    store = create_store(url)
    try:
        return identity.renew(store, now, taken_at)
    finally:
        store.close()


def _kind(url: str) -> Kind:
    return "sqlite" if url.startswith(_SQLITE) else "postgresql"


def _path(url: str) -> Path:
    return Path(url.removeprefix(_SQLITE)).absolute()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

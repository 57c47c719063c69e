"""What a copy holds, beside it: counts, checksum, and up to when acknowledgements are in it."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Literal

FILE: Final = "manifest.json"
FORMAT: Final = 1
_CHUNK: Final = 1 << 20
Kind = Literal["sqlite", "postgresql"]


class BackupRefused(Exception):
    """A copy cannot be made or put back; the text says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """Written last: a folder without one is no backup."""

    format: int = FORMAT
    kind: Kind
    file: str
    """Name of the copy in the same folder."""
    bytes: int
    sha256: str
    schema_version: int
    store_id: str
    taken_at: str
    """UTC. The acknowledgement horizon: whatever was acknowledged before is in the copy; what was
    acknowledged after comes again from the agents, as far back as they keep it."""
    counts: Mapping[str, int]
    """Rows by table, in the copy."""


def write(folder: Path, manifest: Manifest) -> None:
    """Write the manifest into the folder of the copy."""
    text = json.dumps(asdict(manifest), indent=1, ensure_ascii=False)
    (folder / FILE).write_text(text + "\n", encoding="utf-8")


def read(folder: Path) -> Manifest:
    """Read a manifest and check the copy against it. Raises :class:`BackupRefused`."""
    path = folder / FILE
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
        manifest = Manifest(**given)
        size, digest = (folder / manifest.file).stat().st_size, sha256(folder / manifest.file)
    except OSError as error:
        raise BackupRefused(
            f"{folder}: no complete backup ({error.strerror}: {error.filename}): name the folder "
            "that hakaru-collector backup made"
        ) from None
    except (ValueError, TypeError) as error:
        raise BackupRefused(f"{path}: not a manifest of this program ({error})") from None
    if manifest.format != FORMAT:
        raise BackupRefused(
            f"{path}: format {manifest.format}, this release reads {FORMAT}: use the release that "
            "made the backup"
        )
    if (size, digest) != (manifest.bytes, manifest.sha256):
        raise BackupRefused(
            f"{folder / manifest.file}: {size} bytes with SHA-256 {digest[:16]}.. instead of "
            f"{manifest.bytes} with {manifest.sha256[:16]}..: the copy is damaged, use another"
        )
    return manifest


def sha256(path: Path) -> str:
    """Checksum of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()

"""The certificate of one's own (HAKARU_TLS): whether the proxy and a browser could use it.

One handshake in memory, between the files and a client that trusts them: so what is said of name,
dates and key is what OpenSSL would say. Nothing is sent anywhere.
"""

import ssl
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from deploy import secret_files

MARKS: Final = {"cert.pem": "BEGIN CERTIFICATE", "key.pem": "PRIVATE KEY"}
KEY_MODE: Final = 0o600


def troubles(folder: Path, site: str, *, own: bool) -> Iterator[str]:
    """Say what is wrong with ``cert.pem`` and ``key.pem`` for the name ``site``.

    ``own``: look at the key's owner too.
    """
    wrong = list(_unreadable(folder))
    yield from wrong
    if wrong:
        return
    key = folder / "key.pem"
    yield from _open_to_others(key, own=own)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        server.load_cert_chain(folder / "cert.pem", key, password="")
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            yield f"{key}: is not the key of {folder / 'cert.pem'}: put the two of one order there"
        else:
            yield (
                f"{key}: cannot be used with cert.pem ({error.reason or error}): it must be "
                "without a pass phrase, as PEM"
            )
        return
    found = refused(server, folder / "cert.pem", site)
    if found is not None:
        yield f"{folder / 'cert.pem'}: {found}: put one there that is valid for {site}"


def _unreadable(folder: Path) -> Iterator[str]:
    for name, mark in MARKS.items():
        path = folder / name
        try:
            text = path.read_text(encoding="ascii")
        except PermissionError:
            yield f"{path}: cannot be read: run the check as root"
        except (OSError, UnicodeDecodeError) as error:
            yield f"{path}: {error}: HAKARU_TLS names it; put your file there, as PEM"
        else:
            if mark not in text:
                yield f"{path}: holds no '{mark}': it must be PEM"


def _open_to_others(key: Path, *, own: bool) -> Iterator[str]:
    found = key.stat()
    mode = stat.S_IMODE(found.st_mode)
    if mode & ~KEY_MODE:
        yield (
            f"{key}: mode {mode:04o}, allowed is {KEY_MODE:04o}: others could read it: chmod "
            f"{KEY_MODE:04o} {key}"
        )
    if own and found.st_uid != secret_files.PROXY:
        yield (
            f"{key}: belongs to {found.st_uid}, the proxy runs as {secret_files.PROXY}: "
            "sudo python3 -m deploy.prepare"
        )


def refused(server: ssl.SSLContext, certificate: Path, site: str) -> str | None:
    """What a client that trusts the file says of it; None: it is valid for ``site``, today."""
    client = ssl.create_default_context(cafile=str(certificate))
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = (
        client.wrap_bio(to_client, to_server, server_hostname=site),
        server.wrap_bio(to_server, to_client, server_side=True),
    )
    done: set[ssl.SSLObject] = set()
    while len(done) < len(ends):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLCertVerificationError as error:
                return error.verify_message.rstrip(".")
            done.add(end)
    return None

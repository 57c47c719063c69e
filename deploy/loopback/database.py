"""A new PostgreSQL cluster for the run, set up by the files that docker-compose.yml mounts."""

import os
import pwd
import shutil
from pathlib import Path
from typing import Final

from deploy.loopback.compose import command, environment
from deploy.loopback.places import HOST, ROOT, Places
from deploy.loopback.programs import required
from deploy.loopback.running import Running, StackFailed

ADMINISTRATOR: Final = "postgres"


def owner() -> pwd.struct_passwd | None:
    """Who runs the server: PostgreSQL refuses root. None: whoever runs this."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise StackFailed("PostgreSQL refuses to run as root: run this as somebody else")


def start(running: Running, places: Places) -> None:
    """Make the cluster and start the server. Raises StackFailed."""
    user = owner()
    folder = places.folder / "postgres"
    folder.mkdir(mode=0o700)
    config = folder / "hakaru.conf"
    shutil.copy(places.folder / "config" / "hakaru.conf", config)
    if user is not None:
        os.chown(folder, user.pw_uid, user.pw_gid)
        os.chown(config, user.pw_uid, user.pw_gid)
        places.folder.chmod(0o711)  # that it may pass through
    arguments = ["--encoding=UTF8", "--locale=C.UTF-8", "--data-checksums"]
    running.start(
        "initdb",
        [
            *(required("initdb"), "-D", str(folder / "data"), "-U", ADMINISTRATOR, *arguments),
            *("--auth-local=trust", "--auth-host=scram-sha-256"),
        ],
        user=user,
    )
    running.until_ended("initdb", 60.0)
    words = [
        word.replace(str(places.folder / "config"), str(folder))
        for word in command("postgres", places)[1:]
    ]
    here = (
        f"listen_addresses={HOST}",
        f"port={places.port('postgres')}",
        f"unix_socket_directories={folder}",
    )
    running.start(
        "postgres",
        [
            *(required("postgres"), "-D", str(folder / "data"), *words),
            *(word for setting in here for word in ("-c", setting)),
        ],
        user=user,
    )


def set_up(running: Running, places: Places) -> None:
    """Make roles and database, once the server answers. Raises StackFailed."""
    running.finish(
        "postgres-init",
        [
            *(required("psql"), "--no-psqlrc", "--quiet", f"--host={places.folder / 'postgres'}"),
            *(f"--port={places.port('postgres')}", f"--username={ADMINISTRATOR}"),
            *("--dbname=postgres", f"--file={ROOT / 'deploy/postgres/init.sql'}"),
        ],
        environment("postgres", places),
    )


def answers(places: Places) -> bool:
    """Whether the server's socket is there."""
    return Path(places.folder / "postgres" / f".s.PGSQL.{places.port('postgres')}").is_socket()

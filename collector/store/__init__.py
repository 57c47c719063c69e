"""Everything durable: one interface, one dialect module per database.

Nothing outside ``collector.store.sqlite*`` and ``postgres*`` knows which database it is.
"""

from pathlib import Path

from collector.store.interface import Store, StoreUnusable

_SQLITE = "sqlite:///"
_POSTGRESQL = ("postgresql://", "postgres://", "postgresql+psycopg://")


def create_store(url: str) -> Store:
    """Open the database, bring it to this release's schema, and return the store.

    ``sqlite:///PATH`` is relative to the working directory, ``sqlite:////PATH`` absolute.
    ``postgresql://USER@HOST:PORT/NAME`` is libpq's, with all of its parameters; the password is
    best left to ``~/.pgpass`` or the file that PGPASSFILE names.
    Raises :class:`~collector.store.interface.StoreUnusable` with advice.
    """
    if url.startswith(_SQLITE) and len(url) > len(_SQLITE) and "?" not in url:
        from collector.store.sqlite import SqliteStore  # noqa: PLC0415 - one dialect is loaded

        return SqliteStore(url.removeprefix(_SQLITE))
    if url.startswith(_POSTGRESQL):
        from collector.store.postgres import PostgresStore  # noqa: PLC0415 - one dialect is loaded

        return PostgresStore(url)
    raise StoreUnusable(
        f"{_without_password(url)!r} is no database URL: "
        "use sqlite:///PATH (sqlite:////PATH for an absolute path) or "
        "postgresql://USER@HOST:PORT/NAME"
    )


def open_existing(url: str) -> Store:
    """Open a database that must be there already: a copy or a check of it must not make it.

    A wrong name would otherwise give an empty database, copied or found whole night after night.
    Raises :class:`~collector.store.interface.StoreUnusable` with advice.
    """
    file = Path(url.removeprefix(_SQLITE))
    if url.startswith(_SQLITE) and not file.is_file():
        raise StoreUnusable(f"there is no database {file}: name the one that is served")
    return create_store(url)


def has_password(url: str) -> bool:
    """Whether a database URL carries a password."""
    if not url.startswith(_POSTGRESQL):
        return False
    user, at, _ = url.partition("://")[2].partition("?")[0].rpartition("@")
    return (bool(at) and ":" in user) or "password=" in url.partition("?")[2]


def _without_password(url: str) -> str:
    before, at, after = url.rpartition("@")
    scheme, separator, _ = before.partition("://")
    return f"{scheme}{separator}...@{after}" if at else url

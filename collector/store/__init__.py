"""Everything durable: one interface, one dialect module per database.

Nothing outside ``collector.store.sqlite*`` knows which database it is.
"""

from collector.store.interface import Store, StoreUnusable

_SQLITE = "sqlite:///"
_POSTGRESQL = ("postgresql://", "postgres://", "postgresql+psycopg://")


def create_store(url: str) -> Store:
    """Open the database, bring it to this release's schema, and return the store.

    ``sqlite:///PATH`` is relative to the working directory, ``sqlite:////PATH`` absolute.
    Raises :class:`~collector.store.interface.StoreUnusable` with advice.
    """
    if url.startswith(_SQLITE) and len(url) > len(_SQLITE) and "?" not in url:
        from collector.store.sqlite import SqliteStore  # noqa: PLC0415 - one dialect is loaded

        return SqliteStore(url.removeprefix(_SQLITE))
    if url.startswith(_POSTGRESQL):
        raise StoreUnusable("PostgreSQL comes in a later release: use sqlite:///PATH for now")
    raise StoreUnusable(
        f"{_without_password(url)!r} is no database URL: "
        "use sqlite:///PATH (sqlite:////PATH for an absolute path)"
    )


def _without_password(url: str) -> str:
    before, at, after = url.rpartition("@")
    scheme, separator, _ = before.partition("://")
    return f"{scheme}{separator}...@{after}" if at else url

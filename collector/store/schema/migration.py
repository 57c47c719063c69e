"""One step of a schema, and the words in which the databases differ."""

import re
from dataclasses import dataclass
from typing import Final, Literal

Dialect = Literal["sqlite", "postgresql"]
_WORDS: Final[dict[Dialect, dict[str, str]]] = {
    "sqlite": {
        "int": "INTEGER",
        "real": "REAL",
        "bytes": "BLOB",
        "strict": "STRICT",
        "clustered": "STRICT, WITHOUT ROWID",
        "by_month": "",
        "rest_of_months": "",
    },
    "postgresql": {
        "int": "BIGINT",
        "real": "DOUBLE PRECISION",
        "bytes": "BYTEA",
        "strict": "",
        "clustered": "",
        "by_month": "PARTITION BY RANGE (started_at)",
        "rest_of_months": "CREATE TABLE result_rest PARTITION OF result DEFAULT",
    },
}
_TEXT_COLUMN: Final = re.compile(r"(?<=\w )(?<!\bAS )TEXT\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of the schema: all of its statements commit together or none does.

    In portable statements ``{int}``, ``{real}``, ``{bytes}`` stand for the column types and
    ``{strict}`` for what follows the closing parenthesis of a table. ``TEXT`` of a column is
    ordered by code points in both databases, whatever the language of the server.
    """

    version: int
    name: str
    statements: tuple[str, ...]

    def for_dialect(self, dialect: Dialect) -> "Migration":
        """The same step in the words of one database."""
        worded = (_worded(one, dialect) for one in self.statements)
        return Migration(self.version, self.name, tuple(one for one in worded if one))


def _worded(statement: str, dialect: Dialect) -> str:
    for word, meaning in _WORDS[dialect].items():
        statement = statement.replace("{" + word + "}", meaning)
    if dialect == "postgresql" and statement.startswith(("CREATE TABLE", "ALTER TABLE")):
        statement = _TEXT_COLUMN.sub('TEXT COLLATE "C"', statement)
    return statement.rstrip()

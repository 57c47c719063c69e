"""One step of a schema, and the words in which the databases differ."""

from dataclasses import dataclass
from typing import Final, Literal

Dialect = Literal["sqlite", "postgresql"]
_WORDS: Final = {
    "sqlite": {"int": "INTEGER", "real": "REAL", "bytes": "BLOB", "strict": "STRICT"},
    "postgresql": {"int": "BIGINT", "real": "DOUBLE PRECISION", "bytes": "BYTEA", "strict": ""},
}


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of the schema: all of its statements commit together or none does.

    In portable statements ``{int}``, ``{real}``, ``{bytes}`` stand for the column types and
    ``{strict}`` for what follows the closing parenthesis of a table.
    """

    version: int
    name: str
    statements: tuple[str, ...]

    def for_dialect(self, dialect: Dialect) -> "Migration":
        """The same step in the words of one database."""
        words = _WORDS[dialect]
        return Migration(
            self.version, self.name, tuple(_worded(one, words) for one in self.statements)
        )


def _worded(statement: str, words: dict[str, str]) -> str:
    for word, meaning in words.items():
        statement = statement.replace("{" + word + "}", meaning)
    return statement

"""The words of the pages: the files of :file:`texts/`, Japanese and English side by side."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

from markupsafe import Markup, escape

LANGUAGES: Final = ("ja", "en")
"""The first is the default."""
_PHRASE_END: Final = re.compile(r"(?<=[ので])(?=[\u30a0-\u30ff\u4e00-\u9fff])|(?=（)")


@dataclass(frozen=True, slots=True)
class Words:
    """The words of one language. Called with a key such as ``city.title`` and its names."""

    language: str
    table: Mapping[str, str]

    def __call__(self, key: str, **names: object) -> str:
        """Give the text of ``key`` with ``names`` filled in. Raises KeyError for an unknown key.

        The result is plain text: templates escape it like any other value.
        """
        text = self.table[key]
        return text.format(**names) if names else text

    def either(self, key: str, otherwise: str) -> str:
        """Give the text of ``key``, or that of ``otherwise`` where the key comes from data."""
        return self.table.get(key) or self.table[otherwise]


def phrases(text: str) -> Markup:
    """Text of a head that breaks at the ends of phrases only, escaped.

    Heads have ``word-break: keep-all``; Japanese has no blanks, so the places are named here.
    """
    return Markup("<wbr>").join(escape(part) for part in _PHRASE_END.split(text))


def words(language: str) -> Words:
    """Give the words of a language; of the default where it is not one of ours."""
    chosen = language if language in LANGUAGES else LANGUAGES[0]
    index = LANGUAGES.index(chosen)
    return Words(chosen, {key: pair[index] for key, pair in table().items()})


@cache
def table() -> Mapping[str, tuple[str, ...]]:
    """Read the table: ``section.key`` to one text for each language. A section is in one file."""
    sections: dict[str, dict[str, list[str]]] = {}
    for file in sorted(
        files("collector.pages").joinpath("texts").iterdir(), key=lambda one: one.name
    ):
        for section, entries in tomllib.loads(file.read_text("utf-8")).items():
            if section in sections:
                raise ValueError(f"texts/{file.name}: section [{section}] is in another file too")
            sections[section] = entries
    return {
        f"{section}.{key}": tuple(texts)
        for section, entries in sections.items()
        for key, texts in entries.items()
    }

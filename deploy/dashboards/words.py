"""Texts in both languages, and the words in which codes of the database are shown."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

Language = Literal["ja", "en"]
LANGUAGES: Final[tuple[Language, ...]] = ("ja", "en")

# Colours that people with any colour vision tell apart (Okabe and Ito, 2008).
BLUE: Final = "#0072B2"
SKY: Final = "#56B4E9"
GREEN: Final = "#009E73"
YELLOW: Final = "#F0E442"
ORANGE: Final = "#E69F00"
RED: Final = "#D55E00"
PINK: Final = "#CC79A7"
GREY: Final = "#999999"
PALETTE: Final = (BLUE, SKY, GREEN, YELLOW, ORANGE, RED, PINK, GREY)


@dataclass(frozen=True, slots=True)
class Text:
    """The same in Japanese and in English."""

    ja: str
    en: str

    def of(self, language: Language) -> str:
        """In one language."""
        return self.ja if language == "ja" else self.en


@dataclass(frozen=True, slots=True)
class Word:
    """How one code is shown: a sign and a word, so that the colour is never alone."""

    text: Text
    colour: str | None = None


Words = Mapping[str, Word]


def _word(ja: str, en: str, colour: str | None = None) -> Word:
    return Word(Text(ja, en), colour)


_NARROW: Final = str.maketrans("？－", "?-")
"""Signs of the Japanese texts, as English ones have them."""


def of_pages(section: str, signs: Mapping[str, tuple[str, str | None]] | None = None) -> Words:
    """Words of the collector's own pages, so that both say the same.

    With ``signs`` (sign and colour by code) only those codes, each with its sign before it.
    """
    folder = Path(__file__).parents[2] / "collector" / "pages" / "texts"
    file = folder / ("fleet.toml" if section.startswith("fleet_") else "pages.toml")
    entries = tomllib.loads(file.read_text("utf-8"))[section]
    if signs is None:
        return {code: _word(*both) for code, both in entries.items()}
    return {
        code: _word(
            f"{sign} {entries[code][0]}".strip(),
            f"{sign.translate(_NARROW)} {entries[code][1].lower()}".strip(),
            colour,
        )
        for code, (sign, colour) in signs.items()
    }


STATUS: Final = of_pages(
    "status", {"met": ("○", BLUE), "not_met": ("▲", RED), "undetermined": ("？", ORANGE)}
)
AGENT_STATE: Final = of_pages(
    "fleet_state",
    {
        "healthy": ("○", BLUE),
        "late": ("△", YELLOW),
        "silent": ("▲", RED),
        "never_seen": ("－", GREY),
        "clock_wrong": ("△", ORANGE),
        "intercepted": ("▲", PINK),
        "wrong_place": ("▲", RED),
        "cloned": ("▲", RED),
        "revoked": ("", GREY),
        "replaced": ("", GREY),
    },
)
OUTCOME: Final = of_pages(
    "outcome",
    {
        "ok": ("○", BLUE),
        "failed": ("▲", RED),
        "deferred": ("－", GREY),
        "invalid": ("△", ORANGE),
    },
)
LINE: Final = of_pages("line")
PROGRESS: Final[Words] = {
    "not_started": _word("未着手", "not started", GREY),
    "investigating": _word("調査中", "investigating", SKY),
    "identified": _word("特定済", "identified", ORANGE),
    "improving": _word("改善中", "improving", PINK),
    "complete": _word("完了", "complete", BLUE),
}
MEASURE_STATE: Final[Words] = {
    "planned": _word("予定", "planned", SKY),
    "ordered": _word("発注済", "ordered", ORANGE),
    "done": _word("実施済", "done", BLUE),
    "cancelled": _word("中止", "cancelled", GREY),
}
DECISION: Final[Words] = {
    "confirmed": _word("▲ 確認", "▲ confirmed", RED),
    "rejected": _word("否定", "rejected", GREY),
    "resolved": _word("○ 解消", "○ resolved", BLUE),
}
GRADE: Final[Words] = {
    "agent": _word("測定", "measured"),
    "on_site": _word("現地", "on site"),
    "desk": _word("机上", "desk"),
}
DUPLEX: Final[Words] = {
    "full": _word("全二重", "full"),
    "half": _word("▲ 半二重", "▲ half", RED),
    "unknown": _word("不明", "unknown", GREY),
}
PORT_STATE: Final[Words] = {
    "up": _word("接続", "up"),
    "down": _word("切断", "down", GREY),
}
BAND: Final[Words] = {
    "<=60": _word("60人以下", "up to 60 pupils"),
    "61-120": _word("61～120人", "61 to 120"),
    "121-315": _word("121～315人", "121 to 315"),
    "316-560": _word("316～560人", "316 to 560"),
    "561-840": _word("561～840人", "561 to 840"),
    ">840": _word("841人以上", "above 840"),
}
ROLE: Final[Words] = {
    "router": _word("ルーター", "router"),
    "firewall": _word("UTM・ファイアウォール", "firewall"),
    "switch": _word("スイッチ", "switch"),
    "controller": _word("無線コントローラー", "controller"),
    "access_point": _word("アクセスポイント", "access point"),
}
# where a target of the agents lies
SEGMENT: Final[Words] = {
    "lan": _word("校内 LAN", "LAN"),
    "line": _word("アクセス回線", "access line"),
    "carrier": _word("通信事業者網", "carrier"),
    "aggregation": _word("集約拠点", "aggregation"),
    "internet": _word("インターネット", "internet"),
    "cloud": _word("クラウド", "cloud"),
    "unknown": _word("不明", "not known"),
}
# the verdict of a bottleneck test, and where its narrow piece lies
BOTTLENECK: Final[Words] = {
    "link": _word("区間を特定", "one link"),
    "range": _word("複数の区間のどれか", "one of several links"),
    "none": _word("混雑なし", "no queue"),
    "cannot_tell": _word("判断不可", "cannot tell"),
}
NARROW: Final[Words] = {
    "within_lan": _word("校内", "within the school"),
    "beyond_lan": _word("校外", "beyond the school"),
    "cannot_tell": _word("判断不可", "cannot tell"),
}


def catalogue(table: str) -> Words:
    """Names of findings or measures, from the project's own catalogue."""
    root = Path(__file__).parents[2] / "configs" / "programme"
    document = tomllib.loads((root / f"{table}.toml").read_text("utf-8"))
    found = document["finding" if table == "findings" else "measure"]
    entries = found.items() if isinstance(found, dict) else ((one["id"], one) for one in found)
    return {name: _word(*entry["name"]) for name, entry in entries}


# whom a suppression or a policy is for
SCOPE: Final[Words] = {
    "city": _word("市全体", "city"),
    "group": _word("集約グループ", "group"),
    "list": _word("学校の一覧", "list of schools"),
    "school": _word("学校", "school"),
}
# what a collector does beside its other work
UPKEEP: Final[Words] = {
    "export": _word("書き出し", "export"),
    "retention": _word("保存期間", "retention"),
}

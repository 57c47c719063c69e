"""Closed words that the catalogues of facts, findings and measures share."""

from enum import StrEnum
from typing import Final

LANGUAGES: Final = ("ja", "en")
"""Of every name in a catalogue, as the pages have them."""


class Segment(StrEnum):
    """Part of the path from a pupil's device to a cloud service, in this order."""

    DEVICE = "device"  # 端末
    ACCESS_POINT = "access_point"  # 無線AP
    FLOOR_SWITCH = "floor_switch"  # フロアスイッチと配線
    CORE_SWITCH = "core_switch"  # 基幹スイッチ
    ROUTER = "router"  # ルータ・UTM・フィルタ
    LINE = "line"  # アクセス回線
    CARRIER = "carrier"  # 通信事業者
    AGGREGATION = "aggregation"  # 集約拠点
    INTERNET = "internet"  # インターネット
    CLOUD = "cloud"  # クラウド


class Owner(StrEnum):
    """Who can mend what is wrong in a segment."""

    SCHOOL = "school"  # 学校
    BOARD = "board"  # 教育委員会
    INTEGRATOR = "integrator"  # 構築業者
    LINE_OPERATOR = "line_operator"  # 回線事業者
    CARRIER = "carrier"  # 通信事業者（プロバイダ）
    CENTRE = "centre"  # 集約拠点の運用者
    CLOUD_PROVIDER = "cloud_provider"  # クラウド事業者

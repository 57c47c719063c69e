"""The table of words is complete in both languages and holds exactly what the pages use."""

import re
import string
from enum import StrEnum
from pathlib import Path

import pytest

import collector.pages
from collector.causes.model import Certainty
from collector.causes.segments import PieceState
from collector.fleet.health import State
from collector.judge.model import Figure, Reason, Status
from collector.operators.model import Role
from collector.pages.i18n import LANGUAGES, phrases, table, words
from collector.pages.topology_ports import Trouble
from collector.policy.approval import State as ApprovalState
from collector.policy.measure_now import Stage
from collector.programme.before_after import Outcome as EffectOutcome
from collector.programme.before_after import Why as EffectWhy
from collector.programme.exchange.files import SheetName
from collector.programme.facts_catalogue import Unit as FactUnit
from collector.programme.judgement import Likelihood
from collector.programme.model import Decision, Grade, MeasureState
from collector.programme.model import State as ProgressState
from collector.programme.path_state import CannotTell
from collector.programme.plan_model import By, CostPoint, LeftOut
from collector.programme.plans.automatic import Missing
from collector.programme.plans.demand import Answer, Why
from collector.programme.plans.model import Comparison, Unit
from collector.programme.plans.model import Origin as TargetOrigin
from collector.programme.plans.tracking import Standing
from collector.programme.plans.update_days import Effect
from collector.programme.sample.rows import Origin
from collector.programme.sample.strata import Margin
from collector.programme.words import Owner, Segment
from collector.report.delivery_rows import Channel
from collector.report.document import Field
from collector.report.document_programme import Effect as MeasureEffect
from collector.report.document_schools import OddKind
from collector.revisions.diff import Cause
from collector.schools.model import Kind, Line
from collector.slots.bottleneck import Verdict
from collector.topology.diff import Kind as TopologyChange
from collector.topology.model import How
from collector.topology.model import Role as TopologyRole
from collector.topology.refusal import Refusal
from collector.views import AgentHealth
from wire.failure import FailureCode, Outcome
from wire.heartbeat import PolicyState

PAGES = Path(collector.pages.__file__).parent
JAPANESE = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")


def _names(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def _sources() -> str:
    files = [
        *PAGES.glob("*.py"),
        *(PAGES / "templates").glob("*.html"),
        *(PAGES.parent / "report").glob("*.py"),
    ]
    return "\n".join(file.read_text("utf-8") for file in files)


@pytest.mark.parametrize("key", sorted(table()))
def test_each_key_has_a_text_in_each_language_with_the_same_names(key: str) -> None:
    """Every entry has one non-empty text a language; dates alone may use other parts."""
    texts = table()[key]
    assert len(texts) == len(LANGUAGES)
    assert all(text.strip() for text in texts)
    if not key.startswith("date."):
        assert _names(texts[0]) == _names(texts[1])


def test_english_is_english() -> None:
    """No English text holds Japanese letters, except the name of the other language."""
    wrong = [
        key
        for key, (_, english) in table().items()
        if JAPANESE.search(english) and key != "site.japanese"
    ]
    assert wrong == []


def test_no_words_outside_the_table() -> None:
    """Templates and scripts hold no Japanese text of their own."""
    for file in [*(PAGES / "templates").glob("*.html"), *(PAGES / "static").glob("*.js")]:
        assert JAPANESE.search(file.read_text("utf-8")) is None, file.name


def test_every_key_that_templates_name_exists() -> None:
    """A literal key in a template or in code is in the table."""
    named = set(re.findall(r"""\b(?:t|words|text)\(\s*['"]([a-z_]+\.[a-z_0-9]+)['"]""", _sources()))
    assert len(named) > 60
    assert named - set(table()) == set()


def test_every_key_is_used() -> None:
    """Nothing in the table is dead: each key or its computed family occurs in the sources."""
    source = _sources()
    families = {
        *("status", "status_long", "figure", "baseline", "agent", "probe", "outcome", "kind"),
        *("line", "reason", "failure", "weekday", "column"),
        *("role", "weak", "refused", "account_refused", "provider"),
        *("now_state", "now_ended", "policy_state", "approval_state", "late_cause"),
        *("rehearsal_state", "rehearsal_verdict", "rehearsal_refused"),
        *("programme_tab", "progress_state", "grade", "decision"),
        *("sample_margin", "sample_origin", "checklist", "unit", "spreadsheet"),
        *("plans_from", "plans_standing", "plans_comparison", "plans_unit", "plans_unit_name"),
        *("plans_city", "plans_disagree", "plans_missing", "demand_answer", "demand_why"),
        *("update_effect", "ministry_column", "ministry_measure"),
        *("report_column", "report_odd", "report_effect", "report_measure_state", "report_field"),
        *("report_segment", "report_owner", "report_statistic", "reports_channel"),
        *("measure_state", "cannot_tell", "left_out", "effect_outcome", "effect_why", "limit"),
        *("plan_by", "plan_costs", "plan_row", "plan_method"),
        *("likelihood", "survey_evidence", "survey_only", "segment", "segment_owner"),
        *("fact_value", "path_state", "path_speaks", "path_summary", "path_certainty"),
        *("topology_key", "topology_role", "topology_duplex", "topology_differ", "topology_how"),
        *("topology_state", "topology_port", "topology_trouble", "topology_change"),
        *("topology_field", "topology_refused"),
        *("cause_evidence", "cause_confirm"),  # complete by tests/collector/causes
        *("fleet_state", "fleet_advice", "fleet_act", "fleet_act_note", "fleet_refused"),
        "fleet_policy",
    }
    dead = [
        key
        for key in table()
        if key.split(".")[0] not in families
        and f'"{key}"' not in source
        and f"'{key}'" not in source
        and not re.fullmatch(r"school\.(series|quiet|lesson)_\w+|causes\.strength_\w+", key)
    ]
    assert dead == []


@pytest.mark.parametrize(
    ("section", "members"),
    [
        ("status", Status),
        ("likelihood", Likelihood),
        ("path_state", PieceState),
        ("path_certainty", Certainty),
        ("segment", Segment),
        ("topology_role", TopologyRole),
        ("topology_how", How),
        ("topology_change", TopologyChange),
        ("topology_refused", Refusal),
        ("topology_trouble", Trouble),
        ("segment_owner", Owner),
        ("rehearsal_verdict", Verdict),
        ("status_long", Status),
        ("figure", Figure),
        ("reason", Reason),
        ("failure", FailureCode),
        ("kind", Kind),
        ("line", Line),
        ("agent", AgentHealth),
        ("outcome", Outcome),
        ("role", Role),
        ("fleet_state", State),
        ("late_cause", Cause),
        ("fleet_advice", State),
        ("now_state", Stage),
        ("approval_state", ApprovalState),
        ("policy_state", PolicyState),
        ("fleet_policy", PolicyState),
        ("report_odd", OddKind),
        ("report_effect", MeasureEffect),
        ("report_measure_state", MeasureState),
        ("report_field", Field),
        ("report_segment", Segment),
        ("report_owner", Owner),
        ("reports_channel", Channel),
        ("progress_state", ProgressState),
        ("grade", Grade),
        ("decision", Decision),
        ("sample_margin", Margin),
        ("unit", FactUnit),
        ("spreadsheet", SheetName),
        ("sample_origin", Origin),
        ("plans_from", TargetOrigin),
        ("plans_standing", Standing),
        ("plans_comparison", Comparison),
        ("plans_unit_name", Unit),
        ("plans_missing", Missing),
        ("plans_disagree", Comparison),
        ("demand_answer", Answer),
        ("demand_why", Why),
        ("update_effect", Effect),
        ("ministry_measure", MeasureState),
        ("measure_state", MeasureState),
        ("cannot_tell", CannotTell),
        ("left_out", LeftOut),
        ("effect_outcome", EffectOutcome),
        ("effect_why", EffectWhy),
        ("plan_by", By),
        ("plan_costs", CostPoint),
    ],
)
def test_every_member_of_a_vocabulary_has_words(section: str, members: type[StrEnum]) -> None:
    """A new reason, failure code or kind of school cannot be forgotten here."""
    lacking = [m.value for m in members if f"{section}.{m.value}" not in table()]
    assert lacking == []


@pytest.mark.parametrize(
    ("text", "broken"),
    [
        ("学校数", "学校数"),
        ("授業時間中の充足", "授業時間中の<wbr>充足"),
        ("調査で充足", "調査で<wbr>充足"),
        ("測定値（中央値）", "測定値<wbr>（中央値）"),
        ("During lessons", "During lessons"),
        ("<b>の学校", "&lt;b&gt;の<wbr>学校"),
    ],
)
def test_heads_break_at_the_ends_of_phrases(text: str, broken: str) -> None:
    """Never inside a word, and what stands there stays text."""
    assert str(phrases(text)) == broken


def test_an_unknown_language_reads_japanese() -> None:
    """Whatever a cookie says, the page has a language."""
    assert words("tlh").language == "ja"

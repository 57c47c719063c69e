"""What dashboards share: variables, the choice of schools, names of columns."""

from typing import Final

from deploy.dashboards.spec import Choice, Column, Limit, Query
from deploy.dashboards.words import BAND, LINE, ORANGE, RED, Text

REGION: Final = Query(
    name="region",
    title=Text("地域", "Region"),
    sql="SELECT DISTINCT region FROM dashboard.school ORDER BY 1",
)
SIZE: Final = Choice(name="band", title=Text("規模", "Size"), words=BAND)
NETWORK: Final = Query(
    name="network",
    title=Text("集約グループ", "Group"),
    sql="SELECT DISTINCT network FROM dashboard.school ORDER BY 1",
)
LINES: Final = Choice(name="line", title=Text("回線", "Line"), words=LINE)
LEAVE_OUT: Final = Query(
    name="leave_out",
    title=Text("除く", "Left out"),
    sql="SELECT leave_out FROM dashboard.shown",
    multi=False,
    hidden=True,
)
"""What of ``simulated="true"`` is shown: a real city leaves it out."""
FILTERS: Final = (REGION, SIZE, NETWORK, LINES, LEAVE_OUT)
SCHOOL: Final = Query(
    name="school",
    title=Text("学校", "School"),
    sql="SELECT code AS __value, code || ' ' || name AS __text FROM dashboard.school ORDER BY code",
    multi=False,
)

CHOSEN: Final = (
    "s.region IN (${region:sqlstring}) AND s.band IN (${band:sqlstring})"
    " AND s.line IN (${line:sqlstring}) AND s.network IN (${network:sqlstring})"
)
"""SQL: the schools chosen above; ``s`` is ``dashboard.school``."""
IN_VIEW: Final = (
    'last_over_time(hakaru_school_info{region=~"$region",band=~"$band",line=~"$line",'
    'network=~"$network"}[1h])'
)
"""PromQL: the same. For ``and on (school)``, so a school that was renamed may be there twice."""
SERVING: Final = "last_over_time(hakaru_fleet_state[1h])"
"""PromQL: agents in service. For ``and on (agent, school)``: what one that was replaced said last is over."""
NAMED: Final = (
    "on (school) group_left (name) "
    'max by (school, name) (topk by (school) (1, timestamp(hakaru_school_info{region=~"$region",'
    'band=~"$band",line=~"$line",network=~"$network"})) * 0 + 1)'
)
"""PromQL: ``figure * NAMED`` has the school's name, once for each school."""
SHOWN: Final = 'simulated!="$leave_out"'
"""PromQL: without what is simulated, where a city leaves that out."""
ONE: Final = "${school:sqlstring}"
"""SQL: the school chosen."""
FROM: Final = "$__unixEpochFrom()::bigint * 1000000"
TO: Final = "$__unixEpochTo()::bigint * 1000000"
"""Ends of the time range in microseconds: beyond 32 bits, so cast first."""
IN_RANGE: Final = f"BETWEEN {FROM} AND {TO}"
WEEKS_IN_RANGE: Final = (
    "at BETWEEN to_timestamp($__unixEpochFrom()::bigint) - interval '7 days'"
    " AND to_timestamp($__unixEpochTo()::bigint) - interval '7 days'"
)
"""Weeks that ended in the range: the running one is no verdict and stands in no trend."""
NEWEST_WEEK: Final = (
    "(SELECT coalesce((SELECT week FROM dashboard.shown), max(week)) FROM dashboard.verdict"
    " WHERE at <= to_timestamp($__unixEpochTo()::bigint) - interval '7 days')"
)
"""The newest week that was over at the end of the range; a city that pins one shows that."""

CODE: Final = Column(Text("コード", "Code"), width=90)
NAME: Final = Column(Text("学校", "School"))
LINKED: Final = Column(Text("コード", "Code"), width=90, opens="school")
TARGET: Final = Column(Text("宛先・機器", "Target or device"))
RTT_SLOW: Final = Limit(0.1, ORANGE, Text("遅いとみなす値 0.1 s", "slow from 0.1 s"))
LOSS_HIGH: Final = Limit(0.01, ORANGE, Text("損失が多いとみなす値 1 %", "lossy from 1 %"))
DNS_SLOW: Final = Limit(0.15, RED, Text("警告 0.15 s（DNS）", "alert from 0.15 s (DNS)"))
NEAR_LIMIT: Final = Limit(0.9, RED, Text("90 % 以上: 上限に近い", "90 % and above: near its limit"))
PORT_ERRORS: Final = Limit(
    1e-4, RED, Text("1万分の1以上: 配線を調べる", "1 in 10,000: see the cable")
)
SCHOOLS_UNIT: Final = Text("suffix: 校", "suffix: schools")
TESTS_UNIT: Final = Text("suffix: 回", "suffix: tests")
RESULTS_UNIT: Final = Text("suffix: 件", "suffix: results")
AGENTS_UNIT: Final = Text("suffix: 台", "suffix: agents")

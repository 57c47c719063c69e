"""Whether the services do what they are for: each is asked, and says what was seen.

A check gives what it saw, or raises :class:`NotYet` with what is missing; it is asked again until
the time is up, since results take their way through all of them.
"""

import json
import ssl
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx
import psycopg

from deploy import backups
from deploy.loopback.places import SITE, Places

ASK_SECONDS: Final = 10.0
AGENTS_SQL: Final = "SELECT count(DISTINCT agent_id), count(*) FROM result"
EXPORTED_SQL: Final = (
    "SELECT count(DISTINCT agent_id) FROM result WHERE started_at <= received_at + 60000000"
)
"""Results dated in the future are not written to time-series stores (docs/metrics.md)."""
SERIES: Final = "count(count by (agent) (last_over_time(hakaru_result_ok[1d])))"
"""Over a day: an agent whose clock is hours behind stands at its own hours."""


class NotYet(Exception):
    """Something is missing; the text says what."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that is looked at."""

    service: str
    what: str
    look: Callable[[], str]


def checks(places: Places, agents: int, measure: Callable[[str], str]) -> tuple[Check, ...]:
    """Everything that is looked at.

    ``agents``: how many simulated ones there are; ``measure``: takes a school's code and makes one
    real test.
    """
    asked = Asked(places)
    return (
        Check("proxy", "TLS", asked.tls),
        Check("proxy", "plain HTTP leads to HTTPS", asked.redirect),
        Check("proxy", "/metrics is not shown outside", asked.no_metrics),
        Check("collector", "agents known", lambda: asked.fleet(agents)),
        Check("postgres", "agents that delivered", lambda: asked.delivered(agents)),
        Check("postgres", "what Grafana may read", asked.grafana),
        Check("prometheus", "targets", asked.targets),
        Check("prometheus", "rules", asked.rules),
        Check("prometheus", "series by remote write", lambda: asked.series(agents)),
        Check("alertmanager", "known to Prometheus", asked.alertmanager),
        Check("responder", "admits nobody without token", asked.responder),
        Check("responder", "a real test", lambda: measure(asked.school())),
        Check("slot-keys", "public keys", asked.keys),
        Check("backup", "newest copy", asked.backup),
    )


class Asked:
    """The services, as a client of each."""

    def __init__(self, places: Places) -> None:
        self._places = places

    def tls(self) -> str:
        """The collector answers behind TLS, with the certificate of the proxy's authority."""
        context = ssl.create_default_context(cafile=self._places.root_certificate)
        with (
            httpx.Client(verify=context, timeout=ASK_SECONDS, trust_env=False) as client,
            client.stream("GET", f"{self._places.site}/v1/time") as reply,
        ):
            version = reply.extensions["network_stream"].get_extra_info("ssl_object").version()
            reply.read()
        _wanted(reply, httpx.codes.OK)
        return f"{version}, certificate for {SITE} checked, GET /v1/time 200"

    def redirect(self) -> str:
        """Who types the name alone is led to HTTPS."""
        reply = _get(f"http://{SITE}:{self._places.port('http')}/fleet")
        _wanted(reply, httpx.codes.PERMANENT_REDIRECT)
        return f"308 to {reply.headers['location']}"

    def no_metrics(self) -> str:
        """Prometheus asks the collector itself."""
        reply = _get(f"{self._places.site}/metrics", cafile=str(self._places.root_certificate))
        _wanted(reply, httpx.codes.NOT_FOUND)
        return "404"

    def fleet(self, agents: int) -> str:
        """What the fleet's page counts."""
        reply = _get(f"http://{self._places.at('collector')}/metrics")
        _wanted(reply, httpx.codes.OK)
        figures = dict(
            line.rsplit(" ", 1) for line in reply.text.splitlines() if not line.startswith("#")
        )
        seen = float(figures.get("hakaru_agents_seen_24h", "0"))
        if seen < agents:
            raise NotYet(f"{seen:.0f} of {agents} seen")
        return f"{seen:.0f} of {agents}, schools: {float(figures['hakaru_schools']):.0f}"

    def delivered(self, agents: int) -> str:
        """Each agent has at least one result in the database."""
        found, results = self._rows("hakaru", "collector_db_password", AGENTS_SQL)
        if found < agents:
            raise NotYet(f"{found} of {agents} agents, {results} results")
        return f"{found} of {agents}, {results} results"

    def grafana(self) -> str:
        """The role grafana reads schools, and neither accounts, settings nor secrets."""
        count = "SELECT count(*) FROM dashboard.school"
        (schools,) = self._rows("grafana", "grafana_db_password", count)
        if schools == 0:
            raise NotYet("no school yet")
        for table in ("operator", "agent", "setting"):
            secret = f"SELECT 1 FROM {table}"  # noqa: S608 - one of these words
            try:
                self._rows("grafana", "grafana_db_password", f"{secret} LIMIT 1")
            except psycopg.errors.InsufficientPrivilege:
                continue
            raise NotYet(f"may run: {secret}")
        return f"{schools} schools, no account, no secret"

    def targets(self) -> str:
        """Everything that is scraped is up."""
        found = self._prometheus("targets")["activeTargets"]
        down = [target["scrapeUrl"] for target in found if target["health"] != "up"]
        if down or not found:
            raise NotYet(f"not up: {', '.join(down) or 'none known'}")
        return f"{len(found)} up"

    def rules(self) -> str:
        """Every rule was evaluated without an error."""
        rules = [rule for group in self._prometheus("rules")["groups"] for rule in group["rules"]]
        bad = [rule["name"] for rule in rules if rule["health"] != "ok"]
        if bad or not rules:
            raise NotYet(f"not evaluated: {', '.join(bad[:3]) or 'no rule known'}")
        return f"{len(rules)} evaluated, {sum(rule['type'] == 'alerting' for rule in rules)} alerts"

    def series(self, agents: int) -> str:
        """Results arrived in Prometheus, from every agent."""
        query = urllib.parse.urlencode({"query": SERIES})
        found = self._prometheus(f"query?{query}")["result"]
        count = int(found[0]["value"][1]) if found else 0
        delivered, _ = self._rows("hakaru", "collector_db_password", AGENTS_SQL)
        (right,) = self._rows("hakaru", "collector_db_password", EXPORTED_SQL)
        text = f"of {count} agents"
        if right < delivered:
            text += f"; {delivered - right} have a clock that is ahead: not written, as documented"
        if delivered < agents or count < right:
            raise NotYet(text)
        return text

    def alertmanager(self) -> str:
        """Prometheus has found it and does not fail to reach it."""
        found = self._prometheus("alertmanagers")["activeAlertmanagers"]
        if not any(self._places.at("alertmanager") in one["url"] for one in found):
            raise NotYet("Prometheus knows of none")
        return "reached"

    def responder(self) -> str:
        """It answers, and turns away who shows no token."""
        url = f"http://{self._places.at('responder')}/ndt/v7/download"
        upgrade = {
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
            "Sec-WebSocket-Protocol": "net.measurementlab.ndt.v7",
        }
        reply = httpx.get(url, headers=upgrade, timeout=ASK_SECONDS, trust_env=False)
        _wanted(reply, httpx.codes.UNAUTHORIZED)
        return "401"

    def school(self) -> str:
        """The code of a school. Raises NotYet."""
        row = self._rows("hakaru", "collector_db_password", "SELECT min(code) FROM school")
        if not row or row[0] is None:
            raise NotYet("no school yet")
        return str(row[0])

    def keys(self) -> str:
        """What the responder checks tokens with."""
        file = self._places.folder / "keys" / "collector.keys"
        return f"{len(file.read_text('ascii').splitlines())} brought from the collector"

    def backup(self) -> str:
        """A verified copy of the database."""
        folder = self._places.folder / "backups"
        names = sorted(path.name for path in folder.iterdir() if backups.taken_at(path.name))
        if not names:
            raise NotYet("there is no copy yet")
        manifest = json.loads((folder / names[-1] / "manifest.json").read_text("utf-8"))
        return f"{names[-1]}, {manifest['kind']}, {manifest['bytes']} bytes"

    def _prometheus(self, path: str) -> Mapping[str, Any]:
        reply = _get(f"http://{self._places.at('prometheus')}/api/v1/{path}")
        _wanted(reply, httpx.codes.OK)
        data: Mapping[str, Any] = reply.json()["data"]
        return data

    def _rows(self, role: str, secret: str, sql: str) -> tuple[Any, ...]:
        """The first row, asked as a role with its password, by TCP as the services do."""
        password = (self._places.folder / "secrets" / secret).read_text("ascii").strip()
        with psycopg.connect(
            host="127.0.0.1",
            port=self._places.port("postgres"),
            dbname="hakaru",
            user=role,
            password=password,
            connect_timeout=int(ASK_SECONDS),
        ) as connection:
            row = connection.execute(sql.encode()).fetchone()
        return row or ()


def look(check: Check) -> tuple[bool, str]:
    """Ask once: whether it is well, and what was seen or is missing. Raises StackFailed."""
    try:
        return True, check.look()
    except NotYet as missing:
        return False, str(missing)
    except (httpx.HTTPError, psycopg.Error, OSError) as error:
        return False, f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"


def _get(url: str, *, cafile: str | None = None) -> httpx.Response:
    verify = ssl.create_default_context(cafile=cafile) if cafile else True
    return httpx.get(url, timeout=ASK_SECONDS, trust_env=False, verify=verify)


def _wanted(reply: httpx.Response, status: int) -> None:
    if reply.status_code != status:
        raise NotYet(f"HTTP {reply.status_code} where {status} was expected")

"""When the report is issued and where it is delivered: read from TOML, all mistakes at once. Pure.

Files named in it (passwords, secrets, certificates) are relative to it and are read when they are
used, so that a password is changed without a new start.
"""

import ipaddress
import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from collector import resources
from collector.judge.reading import Reading, Table, parse_toml, read_bytes
from collector.judge.week import Week
from collector.pages.i18n import LANGUAGES
from collector.report.formats import Format

MOST_RECIPIENTS: Final = 50
MOST_WEEKS_WATCHED: Final = 26
WEEKDAYS: Final = (*("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"),)
_ADDRESS: Final = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@"
    r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*"
)
"""As HTML's e-mail field has it: no line ends, no display names, nothing that ends a header."""
_HOST: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252})|\[?[0-9A-Fa-f:.]{2,45}\]?")
_TIME: Final = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")


class Security(StrEnum):
    """How a connection to the mail server is kept private."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"
    """To this machine only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """By e-mail."""

    host: str
    port: int
    security: Security
    user: str | None
    password_file: Path | None
    sender: str
    recipients: tuple[str, ...]
    ca_file: Path | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """A request to another system."""

    url: str
    secret_file: Path
    ca_file: Path | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The whole file."""

    language: str
    weekday: int
    """0 Monday to 6 Sunday, of the week after."""
    at: time
    weeks_watched: int
    formats: tuple[Format, ...]
    csv_bom: bool
    mail: Mail | None
    webhook: Webhook | None

    def due_at(self, week: Week) -> datetime:
        """When the report of a week is issued."""
        return week.end + timedelta(days=self.weekday, hours=self.at.hour, minutes=self.at.minute)

    def newest_due(self, now: datetime) -> Week:
        """The newest week whose report is due."""
        week = Week.containing(now).plus(-1)
        return week if self.due_at(week) <= now else week.plus(-1)


def load_settings(path: Path | None) -> Settings:
    """Read a file, or the packaged one. Raises ConfigRefused with every mistake."""
    path = path or resources.configs_folder() / "report" / "default.toml"
    return parse_settings(read_bytes(path), str(path), path.parent)


def parse_settings(raw: bytes, file: str, folder: Path) -> Settings:
    """Read settings; ``file`` names them in messages. Raises ConfigRefused."""
    document = parse_toml(raw, file)
    reading = Reading(file)
    reading.only(document, "", ("report", "mail", "webhook"))
    table = reading.table(document, "", "report")
    known = ("language", "weekday", "time", "weeks_watched", "formats", "csv_bom")
    reading.only(table, "report", known)
    language = _one_of(reading, table, "report", "language", LANGUAGES)
    weekday = _one_of(reading, table, "report", "weekday", WEEKDAYS)
    watched = reading.whole(table, "report", "weeks_watched", 0, MOST_WEEKS_WATCHED)
    at = _time(reading, table)
    formats = _formats(reading, table)
    bom = table.get("csv_bom")
    if not isinstance(bom, bool):
        reading.wrong("report.csv_bom", bom, "true or false")
    mail = _mail(reading, document, folder) if "mail" in document else None
    webhook = _webhook(reading, document, folder) if "webhook" in document else None
    reading.refuse_if_wrong()
    assert watched is not None
    return Settings(
        language=language,
        weekday=WEEKDAYS.index(weekday),
        at=at,
        weeks_watched=watched,
        formats=formats,
        csv_bom=bom is True,
        mail=mail,
        webhook=webhook,
    )


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _mail(reading: Reading, document: Table, folder: Path) -> Mail | None:
    table = reading.table(document, "", "mail")
    known = ("host", "port", "security", "user", "password_file", "from", "to", "ca_file")
    reading.only(table, "mail", known)
    host = reading.text(table, "mail", "host")
    if host and not _HOST.fullmatch(host):
        reading.wrong("mail.host", host, "a name or an address, without a port")
    port = reading.whole(table, "mail", "port", 1, 65_535)
    security = _one_of(reading, table, "mail", "security", [one.value for one in Security])
    if security == Security.NONE and host and not is_loopback(host):
        reading.wrong("mail.security", security, "starttls or tls: none is for this machine only")
    sender = table.get("from")
    if not _is_address(sender):
        reading.wrong("mail.from", sender, "one address such as hakaru@city.example, without name")
    recipients = table.get("to")
    if not isinstance(recipients, list) or not 1 <= len(recipients) <= MOST_RECIPIENTS:
        reading.wrong("mail.to", recipients, f"a list of 1 to {MOST_RECIPIENTS} addresses")
        recipients = []
    for number, one in enumerate(recipients):
        if not _is_address(one):
            reading.wrong(f"mail.to[{number}]", one, "an address such as board@city.example")
    if ("user" in table) != ("password_file" in table):
        reading.wrong("mail.user", table.get("user"), "user and password_file together, or neither")
    user = reading.text(table, "mail", "user") if "user" in table else None
    if port is None or not isinstance(sender, str) or security == "":
        return None
    return Mail(
        host=host.strip("[]"),
        port=port,
        security=Security(security),
        user=user,
        password_file=_file(reading, table, "mail", "password_file", folder),
        sender=sender,
        recipients=tuple(str(one) for one in recipients),
        ca_file=_file(reading, table, "mail", "ca_file", folder),
    )


def _webhook(reading: Reading, document: Table, folder: Path) -> Webhook | None:
    table = reading.table(document, "", "webhook")
    reading.only(table, "webhook", ("url", "secret_file", "ca_file"))
    url = reading.text(table, "webhook", "url")
    try:
        parts = urlsplit(url)
        usable = bool(parts.hostname) and (parts.port is None or parts.port > 0)
        private = parts.scheme == "https" or (
            parts.scheme == "http" and is_loopback(parts.hostname or "")
        )
        plain = parts.username is None and parts.password is None and url.isprintable()
    except ValueError:
        usable = private = plain = False
    if url and not (usable and private and plain):
        reading.wrong(
            "webhook.url", url, "an https address without a password (http: this machine)"
        )
    secret = _file(reading, table, "webhook", "secret_file", folder)
    if secret is None:
        reading.wrong("webhook.secret_file", None, "the file with the secret that signs requests")
        return None
    return Webhook(
        url=url, secret_file=secret, ca_file=_file(reading, table, "webhook", "ca_file", folder)
    )


def _is_address(value: object) -> bool:
    return isinstance(value, str) and _ADDRESS.fullmatch(value) is not None


def _one_of(
    reading: Reading, table: Table, place: str, key: str, allowed: tuple[str, ...] | list[str]
) -> str:
    found = table.get(key)
    if isinstance(found, str) and found in allowed:
        return found
    reading.wrong(f"{place}.{key}", found, f"one of {', '.join(allowed)}")
    return ""


def _time(reading: Reading, table: Table) -> time:
    found = table.get("time")
    match = _TIME.fullmatch(found) if isinstance(found, str) else None
    if match is None:
        reading.wrong("report.time", found, "a Japanese time such as 07:00")
        return time()
    return time(int(match[1]), int(match[2]))


def _formats(reading: Reading, table: Table) -> tuple[Format, ...]:
    found, known = table.get("formats"), [one.value for one in Format]
    if isinstance(found, list) and found and all(one in known for one in found):
        return tuple(one for one in Format if one.value in found)
    reading.wrong("report.formats", found, f"a list of {', '.join(known)}")
    return ()


def _file(reading: Reading, table: Table, place: str, key: str, folder: Path) -> Path | None:
    if key not in table:
        return None
    named = reading.text(table, place, key)
    return folder / named if named else None

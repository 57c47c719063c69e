"""The report by e-mail: SMTP (RFC 5321) with STARTTLS or TLS, subject and file names in Japanese.

The Message-ID is made of week, revision and content: a message that is sent twice, because the
answer to the first was lost, is recognised as one by those who keep mail.
"""

import smtplib
import ssl
from collections.abc import Mapping
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path
from typing import Final

from collector.pages import format as fmt
from collector.pages.i18n import words
from collector.report.document import Report
from collector.report.formats import MEDIA_TYPES, Format, file_name
from collector.report.say import Say
from collector.report.settings import Mail, Security

TIMEOUT_SECONDS: Final = 30.0


class NotDelivered(Exception):
    """A delivery did not come about; the text says why, without any secret."""


def message(
    report: Report,
    sha256: str,
    files: Mapping[Format, bytes],
    mail: Mail,
    language: str,
    now: datetime,
) -> EmailMessage:
    """Make the message. Raises ValueError for an address that would end its header."""
    say = Say(report, words(language))
    text, city = say.words, report.city
    made = EmailMessage(policy=SMTP)
    made["Subject"] = text(
        "report.mail_subject",
        city=say.city(),
        week=fmt.week_name(text, report.week),
        revision=text("report.revision", number=report.revision),
        met=city.met,
        total=city.schools,
    )
    made["From"] = mail.sender
    made["To"] = ", ".join(mail.recipients)
    made["Date"] = format_datetime(now)
    domain = mail.sender.partition("@")[2]
    made["Message-ID"] = f"<hakaru-{report.week}-{report.revision}-{sha256[:16]}@{domain}>"
    made["Auto-Submitted"] = "auto-generated"  # RFC 3834: no answer from those on leave
    lines = [
        text("report.simulated") if report.simulated else "",
        text(
            "report.block_1_text",
            met=city.met,
            total=city.schools,
            share=fmt.percent(city.met, city.schools),
            week=say.week(report.week),
            runs=f"{report.method.quiet_runs:,}",
        ),
        ""
        if report.baseline is None
        else text(
            "report.tile_survey_note", met=report.baseline.met, total=report.baseline.surveyed
        ),
        "" if report.revision == 1 else text("report.differences_note", before=report.revision - 1),
        text("report.mail_attached"),
    ]
    made.set_content("\n".join(line for line in lines if line) + "\n", charset="utf-8")
    for wanted, content in files.items():
        main, _, sub = MEDIA_TYPES[wanted].partition(";")[0].partition("/")
        made.add_attachment(
            content, maintype=main, subtype=sub, filename=file_name(report, wanted, language)
        )
    return made


def send(made: EmailMessage, mail: Mail) -> None:
    """Hand the message to the server. Raises :class:`NotDelivered`."""
    try:
        with _connect(mail) as server:
            if mail.user is not None and mail.password_file is not None:
                server.login(mail.user, secret_in(mail.password_file))
            refused = server.send_message(made)
    except smtplib.SMTPRecipientsRefused as error:
        raise NotDelivered(f"{mail.host}: refused {', '.join(sorted(error.recipients))}") from None
    except smtplib.SMTPResponseException as error:
        said = error.smtp_error
        words_of = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
        raise NotDelivered(f"{mail.host}: {error.smtp_code} {words_of}") from None
    except (smtplib.SMTPException, OSError, ValueError) as error:
        raise NotDelivered(f"{mail.host}: {type(error).__name__}: {error}") from None
    if refused:  # others have it: sending again would give it to them twice
        raise PartlyDelivered(f"{mail.host}: refused {', '.join(sorted(refused))}")


class PartlyDelivered(Exception):
    """Some recipients were refused, the others have it: shown, and not sent again."""


def secret_in(path: Path) -> str:
    """Read a password or secret: one line. Raises :class:`NotDelivered`."""
    try:
        secret = path.read_text(encoding="utf-8").strip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise NotDelivered(f"{path}: cannot be read ({type(error).__name__})") from None
    if not secret or "\n" in secret:
        raise NotDelivered(f"{path}: holds no secret: one line is wanted")
    return secret


def _connect(mail: Mail) -> smtplib.SMTP:
    if mail.security is Security.NONE:
        return smtplib.SMTP(mail.host, mail.port, timeout=TIMEOUT_SECONDS)
    context = ssl.create_default_context(cafile=mail.ca_file)
    if mail.security is Security.TLS:
        return smtplib.SMTP_SSL(mail.host, mail.port, timeout=TIMEOUT_SECONDS, context=context)
    server = smtplib.SMTP(mail.host, mail.port, timeout=TIMEOUT_SECONDS)
    try:
        server.starttls(context=context)  # raises where the server does not offer it
    except BaseException:
        server.close()
        raise
    return server

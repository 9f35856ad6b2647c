"""Mail: one message to a server that takes it on, by SMTP."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from email.errors import HeaderParseError, MessageError
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Final

import msgspec

from comity.clock import SECOND_US
from comity.errors import InvalidRequest
from comity.model.definition import MailDefinition
from comity.outbound.answers import Answer, Outcome, Unanswered, Verdict, words_kept
from comity.outbound.deadlines import Deadline, words_of
from comity.outbound.secrets import secret_of

_LINE: Final = 200
"""Of a subject, in characters."""

_STEPS: Final = 4
"""How many times the time for one answer the whole exchange may take."""


class Mail(msgspec.Struct, frozen=True):
    """Be one message. ``id`` makes it the same message when it is sent again; ``at`` is in microseconds since 1970."""

    id: str
    to: tuple[str, ...]
    subject: str
    text: str
    at: int


def send_mail(server: MailDefinition, mail: Mail, *, environment: Mapping[str, str]) -> Outcome:
    """Hand a message to a mail server; return its answer, or why there is none.

    Where the server takes it for some of the receivers only, the answer is ``delivered`` and
    names the others. Raises InvalidRequest where the environment lacks the user or the
    password that the definition names, or where an address can't be.
    """
    message = _message(server, mail)
    credentials = _credentials(server, environment)
    line, is_sent = _line_to(server), False
    deadline = Deadline(_STEPS * server.timeout_s, lambda: line.sock)
    try:
        with deadline:
            line.connect(server.host, server.port)
            if server.tls == "starttls":
                line.starttls(context=ssl.create_default_context())
            if credentials is not None:
                line.login(*credentials)
            line.ehlo_or_helo_if_needed()
            is_sent = True
            refused = line.send_message(message, server.sender, list(mail.to))
    except smtplib.SMTPRecipientsRefused as error:
        return _answer_of(error.recipients)
    except smtplib.SMTPResponseException as error:
        return Answer(error.smtp_code, _verdict_of(error.smtp_code), text=_words(error.smtp_error))
    except smtplib.SMTPNotSupportedError as error:
        return Answer(0, "refused", text=_words(error))
    except (OSError, UnicodeError) as error:  # All that smtplib raises is an OSError.
        words = f"no answer from {server.host}: {words_of(error, deadline)}"
        return Unanswered(_words(words), may_have_arrived=is_sent)
    finally:
        line.close()
    left = f"refused for {', '.join(sorted(refused))}" if refused else ""
    return Answer(250, "delivered", text=_words(left))


def _line_to(server: MailDefinition) -> smtplib.SMTP:
    """Return a line that isn't connected yet; without a host name there is nothing to do so."""
    if server.tls == "tls":
        return smtplib.SMTP_SSL(timeout=server.timeout_s, context=ssl.create_default_context())
    return smtplib.SMTP(timeout=server.timeout_s)


def _credentials(server: MailDefinition, environment: Mapping[str, str]) -> tuple[str, str] | None:
    if server.user_env is None or server.password_env is None:
        return None
    return secret_of(server.user_env, environment), secret_of(server.password_env, environment)


def _message(server: MailDefinition, mail: Mail) -> EmailMessage:
    message = EmailMessage(policy=SMTP)
    domain = server.sender.rpartition("@")[2] or "localhost"
    try:
        message["From"] = server.sender
        message["To"] = ", ".join(mail.to)
        message["Subject"] = " ".join(mail.subject.split())[:_LINE]
        message["Message-ID"] = f"<{mail.id}@{domain}>"
        message["Date"] = _date_of(mail.at)
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(mail.text, cte="quoted-printable")
    except (ValueError, HeaderParseError, MessageError, IndexError) as error:
        raise InvalidRequest(f"a mail can't be written: {error}") from None
    return message


def _date_of(at_us: int) -> str:
    return format_datetime(datetime.fromtimestamp(at_us // SECOND_US, UTC))


def _answer_of(recipients: Mapping[str, tuple[int, bytes]]) -> Answer:
    """Return what a server says that refuses every receiver: another time, if it says so of one of them."""
    code, text = min(recipients.values())
    return Answer(code, _verdict_of(code), text=_words(text))


def _verdict_of(code: int) -> Verdict:
    """Return what a reply code means (RFC 5321, 4.2.1)."""
    return "delivered" if 200 <= code < 400 else "later" if 400 <= code < 500 or code <= 0 else "refused"


def _words(said: object) -> str:
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    return words_kept(text)

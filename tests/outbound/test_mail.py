"""Mail, handed to a real server."""

from __future__ import annotations

import socket
from email import message_from_string
from email.policy import default

import pytest

from comity import limits
from comity.errors import InvalidRequest
from comity.model.definition import MailDefinition
from comity.outbound import Answer, Mail, Unanswered, send_mail
from comity.outbound.answers import Verdict
from tests.outbound.receiving import MailServer, serving

MAIL = Mail("alert-1", ("ops@example.com", "boss@example.com"), "Ping-pong\r\nBcc: x", "Zwei ändern\n.\nEnde", 0)


def definition(port: int, **more: str) -> MailDefinition:
    return MailDefinition(host="127.0.0.1", port=port, sender="comity@example.com", tls="none", timeout_s=60, **more)


def test_a_mail_arrives_as_it_was_meant() -> None:
    with serving(MailServer()) as server:
        outcome = send_mail(definition(server.port), MAIL, environment={})
        assert outcome == Answer(250, "delivered")
    message = message_from_string(server.messages[0], policy=default)
    assert message["From"] == "comity@example.com"
    assert message["To"] == "ops@example.com, boss@example.com"
    assert message["Subject"] == "Ping-pong Bcc: x"
    assert message["Bcc"] is None
    assert message["Message-ID"] == "<alert-1@example.com>"
    assert message["Date"].datetime.year == 1970
    body = message.get_body()
    assert body is not None
    assert body.get_content().replace("\r\n", "\n") == "Zwei ändern\n.\nEnde\n"


def test_it_signs_in_with_what_the_environment_holds() -> None:
    with serving(MailServer()) as server:
        mail = definition(server.port, user_env="MAIL_USER", password_env="MAIL_WORD")
        with pytest.raises(InvalidRequest, match="MAIL_WORD"):
            send_mail(mail, MAIL, environment={"MAIL_USER": "u"})
        assert server.commands == []
        assert send_mail(mail, MAIL, environment={"MAIL_USER": "u", "MAIL_WORD": "w"}).is_delivered
        assert any(command.startswith("AUTH PLAIN") for command in server.commands)


@pytest.mark.parametrize(
    ("replies", "status", "verdict"),
    [
        ({"RCPT": "550 no such user"}, 550, "refused"),
        ({"RCPT": "451 greylisted"}, 451, "later"),
        ({"MAIL": "421 too busy"}, 421, "later"),
        ({"DATA": "554 no"}, 554, "refused"),
    ],
)
def test_what_a_reply_means(replies: dict[str, str], status: int, verdict: Verdict) -> None:
    with serving(MailServer(replies)) as server:
        outcome = send_mail(definition(server.port), MAIL, environment={})
    assert isinstance(outcome, Answer)
    assert (outcome.status, outcome.verdict) == (status, verdict)


def test_a_mail_that_some_receivers_get_is_delivered_and_names_the_others() -> None:
    with serving(MailServer({"rcpt TO:<boss@example.com>": "550 gone"})) as server:
        outcome = send_mail(definition(server.port), MAIL, environment={})
    assert outcome == Answer(250, "delivered", text="refused for boss@example.com")


def test_what_surely_was_not_sent_is_told_from_what_may_have_been() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        nobody = send_mail(definition(closed.getsockname()[1]), MAIL, environment={})
    with serving(MailServer({"EHLO": "hang up"})) as server:
        early = send_mail(definition(server.port), MAIL, environment={})
    with serving(MailServer({"DATA": "hang up"})) as server:
        late = send_mail(definition(server.port), MAIL, environment={})
    assert [isinstance(one, Unanswered) and one.may_have_arrived for one in (nobody, early, late)] == [
        False,
        False,
        True,
    ]


def test_without_the_privacy_that_was_asked_for_nothing_is_sent() -> None:
    with serving(MailServer()) as server:
        outcome = send_mail(
            MailDefinition(host="127.0.0.1", port=server.port, sender="comity@example.com"), MAIL, environment={}
        )
        assert isinstance(outcome, Answer)
        assert outcome.verdict == "refused"
        assert server.messages == []


def test_limit_outbound_text_chars() -> None:
    with serving(MailServer({"MAIL": "550 " + "x" * 2_000})) as server:
        outcome = send_mail(definition(server.port), MAIL, environment={})
    assert isinstance(outcome, Answer)
    assert len(outcome.text) == limits.OUTBOUND_TEXT_CHARS


def test_an_address_that_can_not_be_is_told() -> None:
    with pytest.raises(InvalidRequest):
        send_mail(definition(1), Mail("m", ("a\r\nb",), "s", "t", 0), environment={})

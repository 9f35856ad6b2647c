"""``[webhooks]`` and ``[mail]``."""

from __future__ import annotations

import pytest

from comity import limits
from comity.errors import InvalidDefinition
from comity.model.definition import MailDefinition, WebhookDefinition
from comity.model.reading import read_definition


def test_they_are_read() -> None:
    definition = read_definition(
        """
        [webhooks.ops]
        url = "https://example.com/hook"
        secret_env = ["HOOK", "HOOK_OLD"]
        timeout = "5s"

        [webhooks.here]
        url = "http://127.0.0.1:8000/"
        secret_env = "HOOK"

        [mail]
        host = "smtp.example.com"
        sender = "comity@example.com"
        user_env = "MAIL_USER"
        password_env = "MAIL_WORD"
        """
    )
    assert definition.webhooks == (
        WebhookDefinition(name="ops", url="https://example.com/hook", secret_env=("HOOK", "HOOK_OLD"), timeout_s=5),
        WebhookDefinition(name="here", url="http://127.0.0.1:8000/", secret_env=("HOOK",)),
    )
    assert definition.mail == MailDefinition(
        host="smtp.example.com",
        sender="comity@example.com",
        port=587,
        tls="starttls",
        user_env="MAIL_USER",
        password_env="MAIL_WORD",
    )


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ('[webhooks.a]\nsecret_env = "S"', "'url' is missing"),
        ('[webhooks.a]\nurl = "https://example.com/"', "'secret_env' is missing"),
        ('[webhooks.a]\nurl = "https://example.com/"\nsecret_env = []', "'secret_env' is missing"),
        ('[webhooks.a]\nurl = "http://example.com/"\nsecret_env = "S"', "use https"),
        ('[webhooks.a]\nurl = "https://example.com/"\nsecret = "hunter2"', "never stands in a definition"),
        ('[webhooks.a]\nurl = "https://example.com/"\nsecret_env = "a b"', "no name for a variable"),
        ('[webhooks.a]\nurl = "https://e.com/"\nsecret_env = "S"\ntimeout = "0s"', "at least 1 s"),
        ('[webhooks.a]\nurl = "https://e.com/"\nsecret_env = "S"\ntimeout = "2h"', "longer than"),
        ('[mail]\nhost = "x"', "'sender' is missing"),
        ('[mail]\nhost = "x"\nsender = "x"', "no mail address"),
        ('[mail]\nhost = "smtps://x"\nsender = "a@b"', "no name of a machine"),
        ('[mail]\nhost = "x:25"\nsender = "a@b"', "no name of a machine"),
        ('[mail]\nhost = "x\\r\\n"\nsender = "a@b"', "no name of a machine"),
        ('[mail]\nhost = "x"\nsender = "a@b"\ntls = "none"', "insecure = true"),
        ('[mail]\nhost = "x"\nsender = "a@b"\nport = 0', "1 to 65535"),
        ('[mail]\nhost = "x"\nsender = "a@b"\nuser_env = "U"', "go together"),
        ('[mail]\nhost = "x"\nsender = "a@b"\npassword = "hunter2"', "never stands in a definition"),
    ],
)
def test_what_is_wrong_is_named(source: str, problem: str) -> None:
    with pytest.raises(InvalidDefinition, match=problem):
        read_definition(source)


@pytest.mark.parametrize(("tls", "port"), [("starttls", 587), ("tls", 465), ("none", 25)])
def test_the_port_follows_from_how_the_line_is_kept_private(tls: str, port: int) -> None:
    mail = read_definition(f'[mail]\nhost = "localhost"\nsender = "a@b.example"\ntls = "{tls}"').mail
    assert mail is not None
    assert (mail.tls, mail.port) == (tls, port)


def test_limit_webhooks_and_webhook_secrets() -> None:
    one = 'url = "https://example.com/"\nsecret_env = "S"\n'
    with pytest.raises(InvalidDefinition, match=f"of at most {limits.WEBHOOKS}"):
        read_definition("".join(f"[webhooks.w{number}]\n{one}" for number in range(limits.WEBHOOKS + 1)))
    names = ", ".join(f'"S{number}"' for number in range(limits.WEBHOOK_SECRETS + 1))
    with pytest.raises(InvalidDefinition, match=f"of at most {limits.WEBHOOK_SECRETS}"):
        read_definition(f'[webhooks.w]\nurl = "https://example.com/"\nsecret_env = [{names}]')


def test_limit_url_chars_and_webhook_timeouts() -> None:
    with pytest.raises(InvalidDefinition, match="characters"):
        read_definition(f'[webhooks.w]\nurl = "https://e.com/{"x" * limits.URL_CHARS}"\nsecret_env = "S"')
    assert limits.WEBHOOK_TIMEOUT_S < limits.WEBHOOK_TIMEOUT_MOST_S

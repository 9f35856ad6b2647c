"""Where messages go: ``[webhooks]`` and ``[mail]``. Secrets stand in the environment; here are only their names."""

from __future__ import annotations

from typing import Final, get_args

from comity import limits
from comity.model.addresses import is_host, is_loopback, is_mail, problem_of_url
from comity.model.definition import MailDefinition, Tls, WebhookDefinition
from comity.model.reading.sections import Section, describe

TLS: Final[tuple[Tls, ...]] = get_args(Tls)
PORTS: Final[dict[Tls, int]] = {"starttls": 587, "tls": 465, "none": 25}
WEBHOOK_KEYS: Final = ("url", "secret_env", "timeout", "insecure")
MAIL_KEYS: Final = ("host", "port", "sender", "user_env", "password_env", "tls", "insecure", "timeout")
SECRET_HINTS: Final = {
    key: f"a secret never stands in a definition: name the environment variable that holds it, as {key}_env"
    for key in ("secret", "user", "password")
}


def read_webhooks(section: Section) -> tuple[WebhookDefinition, ...]:
    """Return the webhooks with a name and an address that can be."""
    if len(section.table) > limits.WEBHOOKS:
        section.problems.add(section.path, f"{len(section.table)} webhooks, of at most {limits.WEBHOOKS}")
    entries = section.sections(example='{ url = "https://example.com/hook", secret_env = "HOOK_SECRET" }')
    webhooks = (_read_webhook(name, entry) for name, entry in entries if entry.is_name(name, "webhook"))
    return tuple(webhook for webhook in webhooks if webhook is not None)


def _read_webhook(name: str, entry: Section) -> WebhookDefinition | None:
    entry.allow(WEBHOOK_KEYS, hints=SECRET_HINTS)
    url, insecure = entry.text("url", limit=limits.URL_CHARS, needed=True), entry.flag("insecure")
    secrets = entry.names("secret_env", "variable")
    if entry.table.get("secret_env", []) == []:
        entry.problems.add(entry.path, "'secret_env' is missing: the environment variable with the secret to sign by")
    elif len(secrets) > limits.WEBHOOK_SECRETS:
        entry.problem("secret_env", f"{len(secrets)} secrets, of at most {limits.WEBHOOK_SECRETS}")
    if url is None:
        return None
    if (problem := problem_of_url(url, insecure=insecure)) is not None:
        entry.problem("url", problem)
        return None
    return WebhookDefinition(name=name, url=url, secret_env=secrets, timeout_s=_timeout(entry), insecure=insecure)


def read_mail(root: Section) -> MailDefinition | None:
    """Return the mail server, or None where none is declared, or not enough of it to reach it."""
    if "mail" not in root.table:
        return None
    entry = root.section("mail")
    entry.allow(MAIL_KEYS, hints=SECRET_HINTS)
    host, sender = entry.text("host", limit=253, needed=True), entry.text("sender", limit=254, needed=True)
    tls: Tls = entry.choice("tls", TLS)
    if sender is not None and not is_mail(sender):
        entry.problem("sender", f"{describe(sender)} is no mail address")
    if host is not None and not is_host(host):
        entry.problem("host", f"{describe(host)} is no name of a machine: write smtp.example.com, the port apart")
    if host is None or sender is None:
        return None
    if tls == "none" and not entry.flag("insecure") and not is_loopback(host):
        entry.problem("tls", "mail to another machine without TLS can be read by others; say insecure = true to let it")
    user, password = entry.name("user_env", "variable"), entry.name("password_env", "variable")
    if (user is None) != (password is None):
        entry.problems.add(entry.path, "'user_env' and 'password_env' go together")
    return MailDefinition(
        host=host,
        sender=sender,
        port=_port(entry, tls),
        tls=tls,
        user_env=user,
        password_env=password,
        timeout_s=_timeout(entry),
    )


def _port(entry: Section, tls: Tls) -> int:
    if "port" not in entry.table:
        return PORTS[tls]
    port = entry.integer("port")
    if not 0 < port < 65_536:
        entry.problem("port", f"must be a port, 1 to 65535, not {describe(entry.table['port'])}")
    return port


def _timeout(entry: Section) -> int:
    seconds = entry.span("timeout", limit_s=limits.WEBHOOK_TIMEOUT_MOST_S)
    if seconds == 0:
        entry.problem("timeout", "must be at least 1 s")
    return seconds or limits.WEBHOOK_TIMEOUT_S

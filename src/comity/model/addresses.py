"""Addresses of the outside world, as a definition names them."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

MAIL: Final = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?\Z")
"""What HTML takes for an e-mail address: stricter than RFC 5322, and without what could end a header."""

_LABEL: Final = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?"
HOST: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?\Z")
"""A name of a machine as RFC 1123 has it, with the underscore that networks of containers use."""

_PLAIN: Final = re.compile(r"[!-~]+\Z")


def problem_of_url(url: str, *, insecure: bool = False) -> str | None:
    """Return what is wrong with the address of a webhook, or None.

    >>> problem_of_url("https://example.com/hook"), problem_of_url("http://127.0.0.1:8080/hook")
    (None, None)
    >>> problem_of_url("http://example.com/hook")
    'http to another machine can be read and changed on its way: use https, or say insecure = true'
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        return f"no address of a webhook: {error}"
    if not _PLAIN.match(url) or parts.scheme not in ("http", "https") or not host:
        return "no address of a webhook: write https://host/path, in plain ASCII"
    if parts.username is not None or parts.fragment:
        return "the address of a webhook holds neither user nor password nor '#': secrets stand in the environment"
    if parts.scheme == "http" and not insecure and not is_loopback(host):
        return "http to another machine can be read and changed on its way: use https, or say insecure = true"
    return None


def is_loopback(host: str) -> bool:
    """Tell whether a host is this very machine.

    >>> is_loopback("localhost"), is_loopback("127.0.0.1"), is_loopback("example.com")
    (True, True, False)
    """
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def is_host(text: str) -> bool:
    """Tell whether a text is the name of a machine, or its address.

    >>> is_host("smtp.example.com"), is_host("::1"), is_host("https://example.com"), is_host("example.com:25")
    (True, True, False, False)
    """
    try:
        return bool(ip_address(text))
    except ValueError:
        return HOST.match(text) is not None


def is_mail(address: str) -> bool:
    """Tell whether a text is an e-mail address.

    >>> is_mail("ops@example.com"), is_mail("ops")
    (True, False)
    """
    return len(address) <= 254 and MAIL.match(address) is not None

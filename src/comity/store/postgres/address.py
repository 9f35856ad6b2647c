"""Where a workspace is: a ``postgresql://`` URL, with Comity's own options taken out of it."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote

import msgspec

from comity import limits
from comity.errors import InvalidRequest
from comity.store.contract import DEFAULT_WORKSPACE

_OPTIONS: Final = {
    "schema": (re.compile(r"[a-z_][a-z0-9_]{0,62}\Z"), "up to 63 small letters, digits and _"),
    "workspace": (re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}\Z"), "up to 63 letters, digits and _.-"),
    "prepare": (re.compile(r"(on|off)\Z"), "on or off"),
    "notify": (re.compile(r"(on|off)\Z"), "on or off"),
    "connections": (re.compile(r"[1-9][0-9]{0,2}\Z"), "a number of connections from 1 to 999"),
}
"""What Comity itself understands of a URL's options, and what each may be."""


class Address(msgspec.Struct, frozen=True):
    """Be the parts of a URL: libpq's own, and which schema and workspace are meant.

    ``prepares`` tells whether statements may be prepared, ``notifies`` whether commits are told
    and listened for by the server's channels, ``connections`` how many connections read at most.
    """

    server: str
    schema: str = "comity"
    workspace: str = DEFAULT_WORKSPACE
    prepares: bool = True
    notifies: bool = True
    connections: int = limits.STORE_READERS

    @classmethod
    def of(cls, url: str) -> Address:
        """Return the address that a URL states; raises InvalidRequest for what is none.

        >>> address = Address.of("postgresql://ann@db.example/crm?workspace=eu&sslmode=verify-full")
        >>> address.server, address.workspace
        ('postgresql://ann@db.example/crm?sslmode=verify-full', 'eu')
        """
        server, _, query = url.partition("?")
        given = [piece.partition("=") for piece in query.split("&") if piece]
        own = {name: _checked(name, unquote(value)) for name, _, value in given if name in _OPTIONS}
        rest = [f"{name}={value}" for name, _, value in given if name not in _OPTIONS]
        if "," in server and not any(piece.startswith("target_session_attrs=") for piece in rest):
            rest.append("target_session_attrs=read-write")  # After a fail-over, the one that takes writes.
        return cls(
            server if not rest else f"{server}?{'&'.join(rest)}",
            own.get("schema", "comity"),
            own.get("workspace", DEFAULT_WORKSPACE),
            own.get("prepare") != "off",
            own.get("notify") != "off",
            int(own.get("connections", limits.STORE_READERS)),
        )


def _checked(name: str, value: str) -> str:
    form, hint = _OPTIONS[name]
    if not form.match(value):
        raise InvalidRequest(f"{name}={value[: limits.QUOTE_CHARS]!r}: write {hint}")
    return value

"""Where a workspace is served, and as whom one speaks there."""

from __future__ import annotations

import ssl
from functools import cached_property
from http.client import HTTPConnection, HTTPSConnection
from typing import Final, Self
from urllib.parse import urlsplit

from comity import __version__
from comity.errors import InvalidRequest

SCHEMES: Final = ("http://", "https://")
_FORM: Final = "write it as https://HOST/v1/WORKSPACE"


class Address:
    """Be the address of a workspace on a server. It makes connections, and checks certificates as the system does."""

    def __init__(self, scheme: str, host: str, port: int | None, path: str) -> None:
        self.scheme = scheme
        self.host = host
        self.port = port
        self.path = path

    @classmethod
    def of(cls, url: str) -> Self:
        """Return the address that a URL is; raises InvalidRequest for one that can't be that of a workspace."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError as error:
            raise InvalidRequest(f"{url[:200]!r}: {error}") from None
        if parts.username is not None or parts.password is not None:
            raise InvalidRequest("a URL is shown in logs: give the key as key=, not within the URL")
        path = parts.path.rstrip("/")
        if not host or parts.query or parts.fragment or not path.isascii() or len(path.split("/")) < 3:
            raise InvalidRequest(f"{url[:200]!r} isn't the address of a workspace: {_FORM}")
        return cls(parts.scheme, host, port, path)

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return ssl.create_default_context()

    def connect(self, timeout_s: float) -> HTTPConnection:
        """Return a connection, not opened yet."""
        if self.scheme == "https":
            return HTTPSConnection(self.host, self.port, timeout=timeout_s, context=self._tls)
        return HTTPConnection(self.host, self.port, timeout=timeout_s)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}{'' if self.port is None else f':{self.port}'}{self.path}"


def headers_of(agent: str | None, key: str | None) -> dict[str, str]:
    """Return the headers that say who asks; raises InvalidRequest for what no header can hold."""
    headers = {"User-Agent": f"comity/{__version__}"}
    if key is not None:
        headers["Authorization"] = f"Bearer {_held('key', key)}"
    elif agent is not None:
        headers["Comity-Agent"] = _held("agent", agent)
    return headers


def _held(what: str, text: str) -> str:
    if not text.isascii() or not text.isprintable():
        raise InvalidRequest(f"{what}: it holds characters that none has")
    return text

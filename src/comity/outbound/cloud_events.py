"""The form of messages: CloudEvents 1.0, structured, as JSON."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlencode

import msgspec

from comity.clock import format_time
from comity.model.codec import encode

CONTENT_TYPE: Final = "application/cloudevents+json; charset=utf-8"


_TELLING: Final = ("workspace", "schema")
"""What of an address's query says which workspace it is; the rest may be secret."""


def source_of(url: str) -> str:
    """Return a workspace's address as a source: a URI reference, without user, password and settings.

    >>> source_of("postgresql://crm:secret@db.example.com/crm?workspace=eu&sslpassword=secret")
    'postgresql://db.example.com/crm?workspace=eu'
    >>> source_of("our crm.db")
    'our%20crm.db'
    """
    scheme, colon, rest = url.partition("://")
    if not colon:
        return quote(url)
    place, _, query = rest.partition("?")
    host, slash, path = place.partition("/")
    told = [(name, value) for name, value in parse_qsl(query) if name in _TELLING]
    named = f"?{urlencode(told)}" if told else ""
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{quote(path)}{named}"


class CloudEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Be one message, as https://github.com/cloudevents/spec (v1.0.2) describes it.

    ``source`` and ``id`` together name it for good, so that a receiver can drop repeats;
    ``type`` says what happened, ``subject`` to what, ``at`` when (microseconds since 1970).
    """

    id: str
    source: str
    type: str
    subject: str
    at: int
    data: Any = None

    def encoded(self) -> bytes:
        """Return it as JSON.

        >>> CloudEvent(id="1", source="/crm", type="t", subject="customer/acme", at=0).encoded()[:35]
        b'{"data":null,"datacontenttype":"app'
        """
        return encode(
            {
                "specversion": "1.0",
                "id": self.id,
                "source": self.source,
                "type": self.type,
                "subject": self.subject,
                "time": format_time(self.at),
                "datacontenttype": "application/json",
                "data": self.data,
            }
        )

"""What requests and answers have in common: their base, and the arguments that many take."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

Ref = Annotated[str, Meta(description="the record, as kind/id")]
Fields = Annotated[dict[str, Any], Meta(description="fields and their values: name=value")]
Was = Annotated[dict[str, Any], Meta(description="values that you believe to be there: proof of a read")]
Moment = Annotated[int | str | None, Meta(description="a revision, or an RFC 3339 time")]
Reason = Annotated[str | None, Meta(description="why, in a few words; it is shown to others")]
Action = Annotated[str | None, Meta(description="what this is in business terms, as declared under [actions]")]
About = Annotated[tuple[str, ...], Meta(description="further records that this is about")]
Filters = Annotated[tuple[str, ...], Meta(description="conditions such as status=active or 'open_tickets > 0'")]
Limit = Annotated[int, Meta(description="at most this many")]


class Request(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Be what an operation takes."""


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Be what an operation gives."""

"""Writing: single changes, whole proposals, and the question whether one would pass."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from comity.model.proposals import IfForeign, IfHeld, Proposal
from comity.operations.arguments import About, Action, Fields, Reason, Ref, Request, Was


class Write(Request, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Be what every single change takes besides the change itself."""

    reason: Reason = None
    action: Action = None
    about: About = ()
    assume: Annotated[tuple[str, ...], Meta(description="a CEL condition that must hold now")] = ()
    was: Was = {}
    accept: Annotated[int | None, Meta(description="the revision whose values you have seen")] = None
    cause: Annotated[str | None, Meta(description="the event that led to this, as revision.ordinal")] = None
    id: Annotated[str | None, Meta(description="your own id for this attempt; a repeat gets the same answer")] = None
    if_held: Annotated[IfHeld, Meta(description="where others hold it: be refused, or wait in line")] = "refuse"
    if_foreign: Annotated[IfForeign, Meta(description="what is others': be refused, or have it offered")] = "refuse"
    leases: Annotated[dict[str, str], Meta(description="fencing tokens that it is written under, by subject")] = {}
    not_after: Annotated[str | None, Meta(description="refuse it after this RFC 3339 time")] = None


class Put(Write, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Create a record, or set the fields given."""

    record: Ref
    fields: Fields = {}
    replace: Annotated[bool, Meta(description="have exactly these fields: clear the others")] = False


class Set(Write, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Set fields of a live record; null clears one."""

    record: Ref
    fields: Fields = {}


class Create(Write, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Create a record that isn't there."""

    record: Ref
    fields: Fields = {}


class Add(Write, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Add to numbers; needs no read and never conflicts."""

    record: Ref
    fields: Fields = {}


class Include(Write, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Put elements into lists that are used as sets."""

    record: Ref
    fields: Fields = {}


class Exclude(Write, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Take elements out of lists that are used as sets."""

    record: Ref
    fields: Fields = {}


class Append(Write, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Append items to lists."""

    record: Ref
    fields: Fields = {}


class Emit(Write, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Emit a named event, with its declared consequences."""

    record: Ref
    event: Annotated[str, Meta(description="the event's name, as declared")]
    fields: Annotated[dict[str, Any], Meta(description="what the event carries: name=value")] = {}


class Archive(Write, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Archive a record: readable, no longer changed or referred to."""

    record: Ref


class Restore(Write, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Bring an archived or deleted record back."""

    record: Ref


class Delete(Write, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Delete a record; its history stays."""

    record: Ref


class Check(Write, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Ask whether a put would be let through now, without doing it."""

    record: Ref
    fields: Fields = {}


class Propose(Request, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Propose several changes at once, with what they rest on; all or nothing."""

    proposal: Annotated[Proposal, Meta(description="the proposal")]
    dry: Annotated[bool, Meta(description="judge only, commit nothing")] = False

"""What an agent proposes: changes, and what they rest on.

A proposal is plain data with one wire form (:mod:`comity.model.codec`). Who proposes isn't
in it: identity comes from the handle or the credential, as a :class:`Caller` beside it.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from comity.model.filters import Query


class Change(msgspec.Struct, frozen=True, tag_field="do", omit_defaults=True, gc=False):
    """Be one change of one record, ``record`` being its ``kind/id``."""

    record: str


class Create(Change, frozen=True, tag="create", omit_defaults=True, gc=False):
    """Create a record that is absent or deleted."""

    fields: dict[str, Any] = {}


class Set(Change, frozen=True, tag="set", omit_defaults=True, gc=False):
    """Set fields of a live record; null clears one."""

    fields: dict[str, Any] = {}


class Put(Change, frozen=True, tag="put", omit_defaults=True, gc=False):
    """Create the record, or set the fields given; with ``replace`` it has exactly these."""

    fields: dict[str, Any] = {}
    replace: bool = False


class Add(Change, frozen=True, tag="add", omit_defaults=True, gc=False):
    """Add to numbers; an empty field counts as 0. Commutes with other adds."""

    fields: dict[str, int | float] = {}


class Include(Change, frozen=True, tag="include", omit_defaults=True, gc=False):
    """Put elements into lists that are used as sets. Commutes, but for ``exclude`` of the same element."""

    fields: dict[str, list[Any]] = {}


class Exclude(Change, frozen=True, tag="exclude", omit_defaults=True, gc=False):
    """Take elements out of lists that are used as sets. Commutes, but for ``include`` of the same element."""

    fields: dict[str, list[Any]] = {}


class Append(Change, frozen=True, tag="append", omit_defaults=True, gc=False):
    """Append items to lists, in the order of commits."""

    fields: dict[str, list[Any]] = {}


class Emit(Change, frozen=True, tag="emit", omit_defaults=True, gc=False):
    """Emit a named event, whose declared consequences change the record."""

    event: str
    data: dict[str, Any] = {}


class Archive(Change, frozen=True, tag="archive", omit_defaults=True, gc=False):
    """Archive a live record: still readable, no longer changed or referred to."""


class Restore(Change, frozen=True, tag="restore", omit_defaults=True, gc=False):
    """Bring an archived or deleted record back to life; a deleted one comes back with its last values."""


class Delete(Change, frozen=True, tag="delete", omit_defaults=True, gc=False):
    """Delete a record; its history stays, its versions never restart."""


class Undo(Change, frozen=True, tag="undo", omit_defaults=True, gc=False):
    """Put fields back to what they were as of a revision each; ``$life`` stands for the record's existence.

    It can bring back only what the log holds, so an operator may do it to any domain (S36).
    """

    fields: dict[str, int] = {}


class Erase(Change, frozen=True, tag="erase", omit_defaults=True, gc=False):
    """Erase a record (S37): it becomes a tombstone, and what the log held of it until then is emptied. For operators.

    ``also`` are the revisions of commits that speak of it without changing it, and lose their
    contents as well; ``payloads`` counts all that is to be emptied. With ``more`` the record
    stays as it is: an erasure is gone on with, which found more than it knew of.
    """

    also: tuple[int, ...] = ()
    payloads: int = 0
    more: bool = False


AnyChange = Create | Set | Put | Add | Include | Exclude | Append | Emit | Archive | Restore | Delete | Undo | Erase


class Read(msgspec.Struct, frozen=True, tag_field="of", tag="record", omit_defaults=True, gc=False):
    """Be a record as it was seen.

    ``revision`` is that of the snapshot that showed it. ``fields`` are those that count
    (None: every field). ``whole`` tells that the whole record was at hand, so that a write
    to another of its fields isn't blind; it is judged at this revision. ``touched`` tells
    that the fields were used one by one, not just shown (S11).
    """

    record: str
    revision: int
    fields: tuple[str, ...] | None = None
    whole: bool = True
    touched: bool = False


class Was(msgspec.Struct, frozen=True, tag_field="of", tag="was", omit_defaults=True, gc=False):
    """Be proof of a read without a read: the values that the writer believes to be there."""

    record: str
    values: dict[str, Any]


class QueryRead(msgspec.Struct, frozen=True, tag_field="of", tag="query", omit_defaults=True, gc=False):
    """Be the answer to a query as it was seen (S13).

    ``members`` are the ids in the order shown; None where only ``count`` was asked.
    ``fields`` are those of the members that were shown or touched besides the filtered and
    ordered ones (None: every field).
    """

    query: Query
    revision: int
    members: tuple[str, ...] | None = None
    count: int | None = None
    fields: tuple[str, ...] | None = ()


AnyRead = Read | Was | QueryRead


class Effect(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Be an act on the outside world that a proposal wants: it waits in the outbox, and is judged again at release.

    ``name`` is what the definition calls it, ``target`` the record that it concerns, ``data``
    what its handler gets. Of the same effect on the same target only one is delivered for
    each ``once``: unless given, for each intent (S35). ``hold_s`` makes it wait longer than
    declared; ``still`` is what must hold at its release, besides what is declared (S34).
    With ``claim`` whoever wants it is about to release it, and waits for what comes of it:
    unless it is held, duties leave it alone for a moment, and there is one try.
    """

    name: str
    target: str | None = None
    data: dict[str, Any] = {}
    once: str | None = None
    hold_s: float | None = None
    still: str | None = None
    claim: bool = False


Known = Literal["claimed", "os_user", "key", "token", "system", "workflow"]
AgentKind = Literal["agent", "human", "service"]
IfHeld = Literal["refuse", "queue"]
IfForeign = Literal["refuse", "offer"]


class Caller(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Be who proposes, and how that is known (S25).

    ``known`` is ``claimed`` (the process says so), ``os_user`` (the operating system says
    so), ``key`` or ``token`` (a credential proves it), ``system`` (Comity itself),
    ``workflow`` (Comity, doing a step of a workflow in the agent's name).
    ``key`` is the id, never the secret, of the key that was shown.
    """

    agent: str
    known: Known = "claimed"
    key: str | None = None


class Proposal(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, gc=False):
    """Be one attempt to change the workspace, under an id that its caller made (S7).

    ``reads`` and ``assumptions`` are what it rests on; ``accept`` is a revision whose
    values the agent has seen (S12). ``about`` names further subjects. ``cause`` is the
    event that led to it. After ``not_after`` (microseconds since 1970, store time) it is refused.
    ``incarnation`` is that of the base which the reads come from.

    ``if_held`` says what to do where somebody else holds a subject: be refused, or wait in
    line; ``if_foreign`` the same of fields that belong to somebody else: be refused, or have
    the change offered to them. What waits does so until ``wait_until`` (microseconds, store
    time), or for ``wait_s`` seconds, at most; those of higher ``priority`` go first.
    ``leases`` maps subjects to the fencing tokens under which it writes (S33). ``effects``
    are put into the outbox by the very commit (S34).
    """

    id: str
    changes: tuple[AnyChange, ...] = ()
    reads: tuple[AnyRead, ...] = ()
    assumptions: tuple[str, ...] = ()
    about: tuple[str, ...] = ()
    relies_on: tuple[str, ...] = ()
    accept: int | None = None
    action: str | None = None
    reason: str | None = None
    cause: str | None = None
    intent: str | None = None
    not_after: int | None = None
    incarnation: str | None = None
    if_held: IfHeld = "refuse"
    if_foreign: IfForeign = "refuse"
    wait_until: int | None = None
    wait_s: int | None = None
    priority: int = 0
    leases: dict[str, str] = {}
    effects: tuple[Effect, ...] = ()

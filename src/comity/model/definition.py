"""The definition of a workspace as data: agents, kinds, fields, guards, named events, actions.

This module holds what a parsed definition *is*; :mod:`comity.model.reading` makes it from
TOML and finds what is wrong with it as text, :mod:`comity.deciding.compile` what is wrong
with its expressions, schemas and names.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from comity.model.proposals import AgentKind
from comity.model.records import Life

Freshness = Literal["seen", "relied"]
BlindWrites = Literal["refuse", "warn", "allow"]
OnRemoval = Literal["refuse", "detach", "cascade"]


class FieldDefinition(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Declare one field.

    ``schema`` holds its JSON Schema keywords. ``owner`` names the agents or roles that may
    write it; empty means that the kind's owner may, or everyone where the kind names none.
    ``ref`` is the kind that its value (or each element of its list) is an id of;
    ``on_removal`` says what happens here when that record is archived or deleted.
    ``event`` names the event that a change of it makes.
    """

    name: str
    schema: dict[str, Any] = {}
    required: bool = False
    default: Any = None
    owner: tuple[str, ...] = ()
    ref: str | None = None
    on_removal: OnRemoval = "refuse"
    event: str | None = None


class GuardDefinition(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Declare what must hold after every change of a record of the kind."""

    name: str
    check: str
    why: str | None = None


class EventDefinition(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Declare a named event: what it carries, who may emit it, what follows from it.

    ``then`` maps fields of the record to expressions over ``record`` and ``event``.
    ``lives`` and ``leads_to`` make it a transition, and are for built-in kinds only: the
    lives from which it may start and the one it ends in; ``actors`` who may cause it.
    """

    name: str
    owner: tuple[str, ...] = ()
    data: tuple[FieldDefinition, ...] = ()
    then: dict[str, str] = {}
    lives: tuple[Life, ...] = ("live",)
    leads_to: Life = "live"
    actors: tuple[str, ...] = ()


class KindDefinition(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Declare one kind.

    ``owner`` may write every field that names no owner of its own, and create, archive,
    restore and delete its records. ``freshness`` and ``blind_writes`` override the
    workspace's settings. Each of ``indexes`` is a list of fields.
    """

    name: str
    owner: tuple[str, ...] = ()
    fields: tuple[FieldDefinition, ...] = ()
    guards: tuple[GuardDefinition, ...] = ()
    events: tuple[EventDefinition, ...] = ()
    indexes: tuple[tuple[str, ...], ...] = ()
    freshness: Freshness | None = None
    blind_writes: BlindWrites | None = None


class ActionDefinition(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Declare what agents do in business terms, and the effects that it may have."""

    name: str
    kind: str | None = None
    effects: tuple[str, ...] = ()


class AgentDefinition(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Declare who may act, in which role."""

    name: str
    role: str
    kind: AgentKind = "agent"


class Definition(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Be a whole definition. ``source`` is the TOML text that it was read from.

    ``blind_writes`` of None means: refuse on declared kinds, warn on undeclared ones.
    ``undeclared`` says whether kinds that aren't declared may be used once one is declared.
    """

    name: str = "workspace"
    agents: tuple[AgentDefinition, ...] = ()
    kinds: tuple[KindDefinition, ...] = ()
    actions: tuple[ActionDefinition, ...] = ()
    freshness: Freshness = "seen"
    blind_writes: BlindWrites | None = None
    undeclared: Literal["allow", "refuse"] = "refuse"
    source: str = ""

"""The definition of a workspace as data: agents, kinds, fields, guards, named events, actions, rules.

This module holds what a parsed definition *is*; :mod:`comity.model.reading` makes it from
TOML and finds what is wrong with it as text, :mod:`comity.deciding.compile` what is wrong
with its expressions, schemas and names.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from comity import limits
from comity.model.alerting import AlertsDefinition, CascadesDefinition
from comity.model.decisions import Severity
from comity.model.proposals import AgentKind, AnyChange
from comity.model.records import Life
from comity.model.workflows import LeaseDefinition, StepDefinition

Freshness = Literal["seen", "relied"]
BlindWrites = Literal["refuse", "warn", "allow"]
OnRemoval = Literal["refuse", "detach", "cascade"]
Mode = Literal["enforce", "shadow"]
"""Whether what a check finds stands in the way, or is only told (S22)."""
Tls = Literal["starttls", "tls", "none"]
"""How a line to a mail server is kept private: from its second word on, from the first, not at all."""


class FieldDefinition(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Declare one field.

    ``schema`` holds its JSON Schema keywords. ``owner`` names the agents or roles that may
    write it; empty means that the kind's owner may, or everyone where the kind names none.
    ``ref`` is the kind that its value (or each element of its list) is an id of;
    ``on_removal`` says what happens here when that record is archived or deleted.
    ``event`` names the event that a change of it makes. ``readers`` are the agents or roles
    that see its value, besides its owners; empty means that the kind's readers do, or
    everyone where the kind names none (S39).
    """

    name: str
    schema: dict[str, Any] = {}
    required: bool = False
    default: Any = None
    owner: tuple[str, ...] = ()
    readers: tuple[str, ...] = ()
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
    lives from which it may start and the one it ends in; ``actors`` who may cause it;
    ``check`` what must hold of ``record``, ``event``, ``agent`` and ``now`` for it to start,
    ``why`` being what is said where it doesn't.
    """

    name: str
    owner: tuple[str, ...] = ()
    data: tuple[FieldDefinition, ...] = ()
    then: dict[str, str] = {}
    lives: tuple[Life, ...] = ("live",)
    leads_to: Life = "live"
    actors: tuple[str, ...] = ()
    check: str | None = None
    why: str | None = None


class KindDefinition(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Declare one kind.

    ``owner`` may write every field that names no owner of its own, and create, archive,
    restore and delete its records. ``readers`` see the values of every field that names no
    readers of its own. ``freshness`` and ``blind_writes`` override the
    workspace's settings. Each of ``indexes`` is a list of fields.
    """

    name: str
    owner: tuple[str, ...] = ()
    readers: tuple[str, ...] = ()
    fields: tuple[FieldDefinition, ...] = ()
    guards: tuple[GuardDefinition, ...] = ()
    events: tuple[EventDefinition, ...] = ()
    indexes: tuple[tuple[str, ...], ...] = ()
    freshness: Freshness | None = None
    blind_writes: BlindWrites | None = None


class ActionDefinition(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Declare what agents do in business terms, the effects that it may have, and of which kinds it needs subjects."""

    name: str
    kind: str | None = None
    effects: tuple[str, ...] = ()
    about: tuple[str, ...] = ()


class EffectDefinition(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Declare an act on the outside world.

    ``kind`` is that of the records it may concern; where it is given, an effect needs such a
    target. ``data`` is what its handler gets. It is held for ``hold_s`` seconds at least,
    and released if ``still`` holds then; its key stays taken for ``window_s`` seconds.
    What is held up is given up after ``patience_s``. A try may take ``timeout_s``; after
    ``attempts`` of them it is put aside. ``webhook`` names the webhook that delivers it;
    without one, a handler in Python does.
    """

    name: str
    kind: str | None = None
    data: tuple[FieldDefinition, ...] = ()
    hold_s: int = 0
    still: str | None = None
    window_s: int = limits.EFFECT_WINDOW_S
    patience_s: int = limits.EFFECT_PATIENCE_S
    timeout_s: int = limits.EFFECT_TIMEOUT_S
    attempts: int = limits.EFFECT_ATTEMPTS
    webhook: str | None = None


class WorkflowDefinition(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Declare work of several steps that Comity carries on by itself.

    ``starters`` are the agents or roles that may start and cancel it, besides operators.
    After ``deadline_s`` it goes backwards. What ``leases`` name it holds as long as it runs.
    """

    name: str
    starters: tuple[str, ...] = ()
    deadline_s: int = limits.WORKFLOW_DEADLINE_S
    params: tuple[FieldDefinition, ...] = ()
    leases: tuple[LeaseDefinition, ...] = ()
    steps: tuple[StepDefinition, ...] = ()


class AgentDefinition(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Declare who may act, in which role."""

    name: str
    role: str
    kind: AgentKind = "agent"


class RuleDefinition(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Declare who goes first: where ``when`` holds, a proposal isn't simply let through.

    ``then`` says what happens to it. ``to`` names an agent or a role: whom the change is
    offered to, who is asked, or whom one waits for. ``until`` is the condition that ends a
    wait, which lasts ``expires_s`` at most; ``escalate_to`` may answer a question too after
    ``escalate_after_s``. ``priority`` decides who goes ahead where two
    rules defer to one another, the higher first (S31). A ``mode`` of None means: enforce,
    but first run in shadow where the rule is new to a workspace with a history (S26).
    """

    name: str
    when: str
    then: Severity
    to: str | None = None
    until: str | None = None
    why: str | None = None
    mode: Mode | None = None
    priority: int = 0
    expires_s: int | None = None
    escalate_after_s: int | None = None
    escalate_to: str | None = None


class ChecksDefinition(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Declare the modes of checks by their gates: of the workspace, by kind, and by agent or role (S22)."""

    gates: dict[str, Mode] = {}
    kinds: dict[str, dict[str, Mode]] = {}
    agents: dict[str, dict[str, Mode]] = {}


class WebhookDefinition(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Declare an address that messages are sent to.

    ``secret_env`` names the environment variables with the secrets by which they are signed:
    several while one gives way to another. ``insecure`` lets them go by http to another machine.
    """

    name: str
    url: str
    secret_env: tuple[str, ...] = ()
    timeout_s: int = limits.WEBHOOK_TIMEOUT_S
    insecure: bool = False


class MailDefinition(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Declare the server that mail is handed to, and who sends it; ``…_env`` name environment variables."""

    host: str
    sender: str
    port: int
    tls: Tls = "starttls"
    user_env: str | None = None
    password_env: str | None = None
    timeout_s: int = limits.WEBHOOK_TIMEOUT_S


class ExampleProposal(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Be what an agent proposes in a test of rules."""

    agent: str
    action: str | None = None
    about: tuple[str, ...] = ()
    changes: tuple[AnyChange, ...] = ()


class ExampleEvent(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Be what happened ``age_s`` seconds before the proposal of a test of rules."""

    agent: str
    record: str
    type: str
    age_s: int = 0


class ExampleIntent(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Be an intent that was announced ``age_s`` seconds before the proposal of a test of rules."""

    agent: str
    about: tuple[str, ...]
    action: str | None = None
    plan: str | None = None
    age_s: int = 0


class ExampleDefinition(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Declare a test of rules: ``given`` these records, what is the answer to a proposal?

    Each of ``expect`` is an outcome, or the code of a finding that the answer must hold.
    """

    name: str
    proposal: ExampleProposal
    expect: tuple[str, ...]
    given: dict[str, dict[str, Any]] = {}
    recent: tuple[ExampleEvent, ...] = ()
    intents: tuple[ExampleIntent, ...] = ()


class RetentionDefinition(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Declare for how long an answer that made no commit is kept, and its id known (S7)."""

    answers_s: int = limits.ANSWERS_KEPT_DAYS * 86_400


class Definition(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Be a whole definition. ``source`` is the TOML text that it was read from.

    ``blind_writes`` of None means: refuse on declared kinds, warn on undeclared ones.
    ``undeclared`` says whether kinds that aren't declared may be used once one is declared.
    """

    name: str = "workspace"
    agents: tuple[AgentDefinition, ...] = ()
    kinds: tuple[KindDefinition, ...] = ()
    actions: tuple[ActionDefinition, ...] = ()
    effects: tuple[EffectDefinition, ...] = ()
    workflows: tuple[WorkflowDefinition, ...] = ()
    rules: tuple[RuleDefinition, ...] = ()
    checks: ChecksDefinition = ChecksDefinition()
    tests: tuple[ExampleDefinition, ...] = ()
    webhooks: tuple[WebhookDefinition, ...] = ()
    mail: MailDefinition | None = None
    alerts: AlertsDefinition = AlertsDefinition()
    cascades: CascadesDefinition = CascadesDefinition()
    retention: RetentionDefinition = RetentionDefinition()
    freshness: Freshness = "seen"
    blind_writes: BlindWrites | None = None
    undeclared: Literal["allow", "refuse"] = "refuse"
    source: str = ""

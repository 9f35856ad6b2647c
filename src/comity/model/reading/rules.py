"""The rules of a definition: ``[[rules]]``."""

from __future__ import annotations

from typing import Final, get_args

from comity import limits
from comity.clock import SECOND_US, format_age
from comity.model.decisions import Severity
from comity.model.definition import Mode, RuleDefinition
from comity.model.reading.partial import names_in
from comity.model.reading.parties import Parties
from comity.model.reading.sections import Section, quoted

OUTCOMES: Final[tuple[Severity, ...]] = get_args(Severity)
MODES: Final[tuple[Mode, ...]] = get_args(Mode)
RULE_KEYS: Final = ("name", "when", "then", "to", "until", "why", "mode", "priority", "expires", "escalate")

TAKES: Final[dict[str, tuple[Severity, ...]]] = {
    "to": ("defer", "queue", "offer", "ask"),
    "until": ("defer", "queue"),
    "expires": ("queue", "offer", "ask"),
    "escalate": ("ask",),
}
"""Which outcomes a key belongs to."""

NEEDS: Final[dict[Severity, tuple[str, str]]] = {
    "offer": ("to", "the agent or role that the change is offered to"),
    "queue": ("until", "the condition that a proposal in the queue waits for"),
}
"""What an outcome can't do without, and what that is."""


def read_rules(root: Section, parties: Parties) -> tuple[RuleDefinition, ...]:
    """Return the rules that can be read; the names of the others are remembered."""
    rules: list[RuleDefinition] = []
    entries = list(root.listed("rules"))
    if len(entries) > limits.RULES:
        root.problem("rules", f"{len(entries)} rules, of at most {limits.RULES}")
    for position, entry in enumerate(entries):
        rule = _read_rule(entry, parties)
        if rule is None:
            parties.unread.rules.update(names_in(entry.table.get("name")))
        elif parties.unread.positions.setdefault(("rules", rule.name), position) == position:
            rules.append(rule)
        else:
            entry.problem("name", f"there is a rule {rule.name!r} already")
    return tuple(rules)


def _read_rule(entry: Section, parties: Parties) -> RuleDefinition | None:
    """Return a rule, or None where it can't be known what it is called, when it applies or what follows."""
    entry.allow(RULE_KEYS)
    name = entry.name("name", "name")
    if "name" not in entry.table:
        entry.problems.add(entry.path, "'name' is missing: it is what a finding is called by")
    when = entry.text("when", limit=limits.EXPRESSION_CHARS, needed=True)
    then: Severity | None = entry.optional_choice("then", OUTCOMES)
    if "then" not in entry.table:
        entry.problems.add(entry.path, f"'then' is missing: one of {quoted(OUTCOMES)}")
    if name is None or when is None or then is None:
        return None
    _check_keys(entry, then)
    to, expires_s = _read_party(entry, then, parties), _read_expiry(entry)
    wait_s = limits.WAIT_S if expires_s is None else expires_s
    after_s, others = _read_escalation(entry, to, wait_s, parties) if then == "ask" else (None, None)
    return RuleDefinition(
        name=name,
        when=when,
        then=then,
        to=to,
        until=entry.text("until", limit=limits.EXPRESSION_CHARS),
        why=entry.text("why", limit=limits.REASON_CHARS),
        mode=entry.optional_choice("mode", MODES),
        priority=entry.integer("priority"),
        expires_s=expires_s,
        escalate_after_s=after_s,
        escalate_to=others,
    )


def _check_keys(entry: Section, then: Severity) -> None:
    """Note a key that means nothing for this outcome, and one that it can't do without."""
    for key, outcomes in TAKES.items():
        if key in entry.table and then not in outcomes:
            entry.problem(key, f"{key!r} belongs to rules that {', '.join(outcomes)}; this one says {then!r}")
    if then in NEEDS and NEEDS[then][0] not in entry.table:
        key, meaning = NEEDS[then]
        entry.problems.add(entry.path, f"{key!r} is missing: {meaning}")


def _read_party(entry: Section, then: Severity, parties: Parties) -> str | None:
    name = entry.name("to", "owner")
    if name is not None:
        parties.check(name, entry, "to")
    if then == "ask" and not parties.has_human(name):
        whom = f"{name!r} is no human" if name else "no agent is a human"
        key = "to" if name else "then"
        entry.problem(key, f'{whom}, and only humans can be asked: declare one with kind = "human"')
    return name


def _read_expiry(entry: Section) -> int | None:
    seconds = entry.span("expires", limit_s=limits.WAIT_DAYS * 86_400)
    if seconds == 0:
        entry.problem("expires", "must be longer than nothing")
    return seconds


def _read_escalation(entry: Section, first: str | None, wait_s: int, parties: Parties) -> tuple[int | None, str | None]:
    """Return after how many seconds a question is put to others as well, and to whom: None for any human."""
    if "escalate" not in entry.table:
        return None, None
    section = entry.section("escalate")
    section.allow(("after", "to"))
    after_s = section.span("after", limit_s=limits.WAIT_DAYS * 86_400)
    if "after" not in section.table:
        section.problems.add(section.path, "'after' is missing: how long the first who are asked have it to themselves")
    elif after_s is not None and not 0 < after_s < wait_s:
        section.problem(
            "after", f"must be longer than nothing, and shorter than the wait: {format_age(wait_s * SECOND_US)}"
        )
    return after_s, _read_others(section, first, parties)


def _read_others(section: Section, first: str | None, parties: Parties) -> str | None:
    """Return who may answer a question too; note a name that stands for no human, or for no others."""
    name = section.name("to", "owner")
    if name is not None:
        parties.check(name, section, "to")
        if not parties.has_human(name):
            section.problem("to", f"{name!r} is no human, and only humans can be asked")
    if first is None or name == first:
        asked = "any human" if first is None else repr(first)
        section.problems.add(section.path, f"{asked} is asked from the first: there is nobody else to be asked later")
    return name

"""Who may write what, asked of the definition itself.

What follows from a named event is written on behalf of whoever emits it, so its owners
must be allowed to write it (S36); and somebody must be able to create a record.
Owners are names of agents or roles; none means everyone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set

from comity.deciding.fields import CompiledField
from comity.model.definition import AgentDefinition


class Consent:
    """Know which declared agents the names of owners stand for.

    Of names ``in_doubt`` that isn't known: nothing is said against them.
    """

    def __init__(self, agents: Mapping[str, AgentDefinition], in_doubt: Set[str] = frozenset()) -> None:
        self._agents = agents.values()
        self._in_doubt = in_doubt

    def lacking(self, emitters: Set[str], owners: Set[str]) -> list[str]:
        """Return those of ``emitters`` who may not write what ``owners`` own; ``everyone`` if no emitter is named."""
        if not owners or owners & self._in_doubt:
            return []
        if not emitters:
            return ["everyone"]
        allowed = self._members(owners)
        return sorted(
            name
            for name in emitters - owners - self._in_doubt
            if not (members := self._members({name})) or not members <= allowed
        )

    def can_create(self, owners: Set[str], needed: Iterable[CompiledField]) -> bool:
        """Tell whether some declared agent may create a record and write every field that it needs."""
        needed = list(needed)
        if any(names & self._in_doubt for names in (owners, *(field.owners for field in needed))):
            return True
        able = self._members(owners) if owners else {agent.name for agent in self._agents}
        for field in needed:
            if field.owners:
                able &= self._members(field.owners)
        return bool(able) or not self._agents

    def _members(self, owners: Set[str]) -> set[str]:
        return {agent.name for agent in self._agents if agent.name in owners or agent.role in owners}

"""Who is meant where a definition names an agent or a role."""

from __future__ import annotations

from collections.abc import Sequence

from comity.model.definition import AgentDefinition
from comity.model.reading.partial import Unread
from comity.model.reading.sections import Section


class Parties:
    """Know the declared agents and their roles; where none is declared any name goes."""

    def __init__(self, agents: Sequence[AgentDefinition], unread: Unread) -> None:
        self.unread = unread
        self._agents = agents
        self._kinds = {agent.name: agent.kind for agent in agents}
        self._names = {name for agent in agents for name in (agent.name, agent.role)}

    def check(self, name: str, section: Section, key: str) -> None:
        """Note a name that is neither that of an agent nor that of a role."""
        if self._names and name not in self._names and name not in self.unread.owners:
            message = f"{name!r} is neither an agent nor a role of [agents]"
            section.problem(key, message, given=name, choices=sorted(self._names))

    def check_agent(self, name: str, section: Section, key: str) -> None:
        """Note a name that is no agent's."""
        if self._kinds and name not in self._kinds and name not in self.unread.owners:
            section.problem(key, f"{name!r} is no agent of [agents]", given=name, choices=sorted(self._kinds))

    def is_human(self, name: str) -> bool:
        """Tell whether a name is that of a declared human."""
        return self._kinds.get(name) == "human"

    def has_human(self, name: str | None) -> bool:
        """Tell whether a name may stand for a human; ``None`` for any."""
        meant = [agent for agent in self._agents if name is None or name in (agent.name, agent.role)]
        return not meant or bool(self.unread.owners) or any(agent.kind == "human" for agent in meant)

"""Who calls a tool, and in which workspace."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import msgspec

from comity.model.definition import Definition
from comity.model.reading.definitions import read_definition
from comity.operations import DefinitionAnswer
from comity.workspace import Agent


class Visitor(msgspec.Struct, frozen=True):
    """Be who calls: an agent whose identity is known, in the workspace of that name, and whether it may look only."""

    agent: Agent
    workspace: str = "main"
    is_read_only: bool = False

    def definition(self) -> Definition:
        """Return the definition that judges now."""
        answer: DefinitionAnswer = self.agent.definition()
        return _read(answer.source)

    def ask(self, request: Any) -> Any:
        """Return the answer to a request."""
        return self.agent.answer(request)


@lru_cache(maxsize=64)
def _read(source: str) -> Definition:
    return read_definition(source) if source else Definition()

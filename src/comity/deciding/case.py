"""One proposal on its way through the checks: what every gate may look at."""

from __future__ import annotations

from comity.deciding.compile import Compiled, CompiledKind
from comity.deciding.fold import Draft, draft
from comity.deciding.view import Ref, View
from comity.model import refs
from comity.model.definition import AgentDefinition
from comity.model.proposals import AnyChange, AnyRead, Caller, Proposal


class Case:
    """Hold a proposal, its caller, the view it is judged on, and the draft of what it would do.

    The draft is made when the first gate asks for it; gates that do run after ``shape``,
    which answers for everything that drafting takes for granted.
    """

    __slots__ = (
        "_draft",
        "_subjects",
        "agent",
        "caller",
        "changes",
        "compiled",
        "is_well_formed",
        "proposal",
        "reads",
        "view",
    )

    def __init__(self, proposal: Proposal, caller: Caller, view: View) -> None:
        self.proposal = proposal
        self.caller = caller
        self.view = view
        self.compiled: Compiled = view.compiled
        self.agent: AgentDefinition = identify(caller, view.compiled)
        self.changes: tuple[AnyChange, ...] = proposal.changes
        self.reads: tuple[AnyRead, ...] = proposal.reads
        self.is_well_formed = True
        self._draft: Draft | None = None
        self._subjects: tuple[Ref, ...] | None = None

    @property
    def draft(self) -> Draft:
        """Return the events and states that the changes make, with what stood in their way."""
        if self._draft is None:
            self._draft = draft(self.changes, self.agent, self.view)
        return self._draft

    @property
    def subjects(self) -> tuple[Ref, ...]:
        """Return the records that the proposal is about (S28)."""
        if self._subjects is None:
            named = (*self.proposal.about, *(change.record for change in self.changes))
            self._subjects = tuple(dict.fromkeys(refs.split(ref) for ref in named))
        return self._subjects

    def kind(self, name: str) -> CompiledKind:
        """Return a kind, declared or not."""
        return self.compiled.kinds.get(name) or self.compiled.any_kind


def identify(caller: Caller, compiled: Compiled) -> AgentDefinition:
    """Return who a caller is: as declared, or by how it is known where nothing is declared."""
    declared = compiled.agents.get(caller.agent)
    if caller.known == "os_user" or caller.known == "system":
        return AgentDefinition(name=caller.agent, role="operator", kind="service")
    if declared is not None:
        return declared
    return AgentDefinition(name=caller.agent, role=caller.agent, kind="human" if caller.key else "agent")

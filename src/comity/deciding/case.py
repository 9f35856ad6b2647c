"""One proposal on its way through the checks: what every gate may look at."""

from __future__ import annotations

from comity.deciding.compile import Compiled, CompiledKind
from comity.deciding.drafts import Draft
from comity.deciding.effects import wanting
from comity.deciding.fold import draft
from comity.deciding.readers import SEES_ALL, Withheld
from comity.deciding.view import Ref, View
from comity.model import refs
from comity.model.built_in import INTENT
from comity.model.definition import AgentDefinition
from comity.model.proposals import AnyChange, AnyRead, Caller, Effect, Emit, Proposal


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
        "effects",
        "emits",
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
        self.emits = Emit in map(type, proposal.changes)
        """Whether any of its changes is a named event: only by these do Comity's own records change (S23)."""
        self.reads: tuple[AnyRead, ...] = proposal.reads
        self.effects: tuple[Effect, ...] = proposal.effects
        self.is_well_formed = True
        self._draft: Draft | None = None
        self._subjects: tuple[Ref, ...] | None = None

    @property
    def draft(self) -> Draft:
        """Return the events and states that the changes make, with what stood in their way."""
        drafted = self._draft
        if drafted is None:
            changes = self.changes
            if self.proposal.intent is not None and INTENT in self.view.kind_revisions:
                changes = (*changes, *self._closing(self.proposal.intent))
            if self.effects:
                changes = (*changes, *wanting(self.effects, self.proposal, self.caller, self.subjects, self.view))
            self._draft = drafted = draft(changes, self.agent, self.view)
        return drafted

    def _closing(self, intent: str) -> tuple[AnyChange, ...]:
        """Return the close of the announced intent that the proposal is made of (S18)."""
        ref = refs.parse(f"{INTENT}/{intent}")
        state = self.view.record(ref) if ref is not None else None
        is_open = state is not None and state.is_live and state.values["agent"] == self.agent.name
        return (Emit(state.ref, "closed"),) if state is not None and is_open else ()

    @property
    def subjects(self) -> tuple[Ref, ...]:
        """Return the records that the proposal is about (S28)."""
        if self._subjects is None:
            named = [*self.proposal.about, *(change.record for change in self.changes)]
            if self.effects:
                named += self.targets
            self._subjects = tuple(dict.fromkeys([refs.parts(ref) for ref in named]))
        return self._subjects

    @property
    def targets(self) -> tuple[str, ...]:
        """Return the records that the effects concern."""
        return tuple(effect.target for effect in self.effects if effect.target is not None)

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


def withheld_from(caller: Caller, compiled: Compiled) -> Withheld | None:
    """Return what a caller may not see (S39); None for nothing."""
    if compiled.readers is None or caller.known in SEES_ALL:
        return None
    return compiled.readers.withheld_from(identify(caller, compiled))

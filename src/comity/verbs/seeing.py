"""What may be asked by who doesn't see everything (S39): the answer must not tell what is hidden."""

from __future__ import annotations

from comity.deciding.case import Case, withheld_from
from comity.deciding.compile import Compiled
from comity.deciding.operators import is_operator
from comity.errors import NotPermitted
from comity.model import filters
from comity.model.filters import Query
from comity.model.proposals import Caller, Proposal
from comity.model.texts import listed
from comity.verbs.engine import Engine


def check_search(query: Query, caller: Caller, compiled: Compiled) -> None:
    """Raise NotPermitted for a search by what its caller may not see: what it finds, and in which order, would tell."""
    withheld = withheld_from(caller, compiled)
    if withheld is None:
        return
    for name in sorted(filters.fields_of(query)):
        if (mark := withheld.asked(query.kind, name)) is not None:
            raise NotPermitted(
                f"{query.kind}.{name} is for {listed(mark.readers)} only:"
                f" {caller.agent} may neither filter nor order by it"
            )


def check_trial(engine: Engine, caller: Caller, what: str, *, operates: bool = False) -> None:
    """Raise NotPermitted for judging records by a definition of the caller's, which looks at what is hidden from it.

    With ``operates`` an operator may, who could as well put that definition in force.
    """
    with engine.store.snapshot() as snapshot:
        view = engine.coordinator.view(snapshot)
        if withheld_from(caller, view.compiled) is None:
            return
        if not (operates and is_operator(Case(Proposal(id="trial"), caller, view))):
            raise NotPermitted(f"{caller.agent} may not {what}: it looks at values that are hidden from {caller.agent}")

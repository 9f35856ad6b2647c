"""Does this agent announce more than others can look at?

Announced intents are looked at by others, and by rules: of one that has expired nobody
knows any more, and of too many nobody could be told apart.

Codes: ``intent.too_many``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from comity import limits
from comity.clock import SECOND_US, format_time
from comity.deciding.case import Case
from comity.model import refs
from comity.model.built_in import INTENT
from comity.model.decisions import Finding
from comity.model.filters import Condition, Query
from comity.model.proposals import Emit


def judge(case: Case) -> Iterable[Finding]:
    """Return that an agent would have too many open intents."""
    return _judge(case) if case.emits else ()


def _judge(case: Case) -> Iterator[Finding]:
    announced = {change.record for change in case.changes if type(change) is Emit and change.event == "announced"}
    made = [record for record in announced if not case.view.record(refs.split(record)).is_live]
    if made and case.view.has_more_than(limits.INTENTS_PER_AGENT - len(made), _open_of(case)):
        yield Finding(
            "intent.too_many",
            f"{case.agent.name} would have more than {limits.INTENTS_PER_AGENT} announced intents open.",
            subject=min(made),
            remedy="Withdraw those that are no longer meant, or let them expire: 'comity intents list' shows them.",
        )


def _open_of(case: Case) -> Query:
    # Times as texts differ in length, so that the query takes a second more.
    since = format_time((case.view.now_us // SECOND_US - 1) * SECOND_US)
    return Query(INTENT, (Condition("agent", "=", case.agent.name), Condition("expires_at", ">", since)))

"""The checkers: each knows one promise and looks whether a run has kept it.

They take a run's history, nothing of the engine, and say by themselves what should have been:
conditions and owners stand in :mod:`comity.testing.simulation.scene` once more, in Python. A
checker that can't fail proves nothing, so each is shown to find a planted fault
(``tests/simulation/test_checkers.py``).

========================  ====================================================================
``updates``               no lost update; each commit did what it proposed, on what was still so
``answers``               one id, one answer; what was shown was so, and never goes backwards
``leases``                one lease holder per time; stale tokens never accepted
``owners``                owners respected
``overrides``             no write, and no release, against an override
``releases``              no effect released after a commit that breaks its condition
``deliveries``            effects exactly once by key
``lines``                 lines fair
``waits``                 every wait ends
``news``                  news complete
``feed``                  feed complete and in order
``workflows``             no step twice, none left out, nothing half done
========================  ====================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from comity.testing.histories import Fault
from comity.testing.simulation.checkers import (
    answers,
    deliveries,
    feed,
    leases,
    lines,
    news,
    overrides,
    owners,
    releases,
    updates,
    waits,
    workflows,
)
from comity.testing.simulation.checkers.past import Past

Checker = Callable[[Past], Iterable[Fault]]

CHECKERS: Final[Mapping[str, Checker]] = {
    "updates": updates.check,
    "answers": answers.check,
    "leases": leases.check,
    "owners": owners.check,
    "overrides": overrides.check,
    "releases": releases.check,
    "deliveries": deliveries.check,
    "lines": lines.check,
    "waits": waits.check,
    "news": news.check,
    "feed": feed.check,
    "workflows": workflows.check,
}
"""All checkers, by name."""

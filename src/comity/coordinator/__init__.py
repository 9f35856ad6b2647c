"""The one loop: take the head, judge each proposal on it, append, answer.

:class:`Coordinator` has one core verb, ``decide(submissions)``: one transaction and one
sync for any number of proposals, each judged on the state that those before it leave, each
answered on its own. It is called by one thread at a time (the lane sees to that); among
processes the store's head orders them.

Promises: nothing is answered before its basis is real (S2); one proposal never sinks
another (S3); the memory of records is bounded and never trusted without the head (S1).
Forbidden here: knowing what any check is about, or where the store keeps its data.
"""

from comity.coordinator.entropy import EntropyPool
from comity.coordinator.loop import Coordinator
from comity.coordinator.submissions import Submission, submit

__all__ = ["Coordinator", "EntropyPool", "Submission", "submit"]

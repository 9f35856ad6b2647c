"""Taking the head, deciding a batch under it, publishing what it did."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from comity import limits
from comity.clock import Clock
from comity.coordinator.cache import RecordCache
from comity.coordinator.round import DEFINITION, Round
from comity.coordinator.submissions import Submission
from comity.deciding.compile import Compiled, compile_definition
from comity.deciding.view import View
from comity.errors import ComityError, StoreError
from comity.model.decisions import Decision
from comity.model.definition import Definition
from comity.model.ids import Entropy
from comity.model.reading import read_definition
from comity.store.contract import Batch, Head, Store


class Coordinator:
    """Decide the proposals of one workspace, a batch at a time."""

    def __init__(self, store: Store, clock: Clock, entropy: Entropy) -> None:
        self._store = store
        self._clock = clock
        self._entropy = entropy
        self._cache = RecordCache(limits.CACHE_BYTES)
        self._head: Head | None = None
        self._kinds: dict[str, int] = {}
        self._compiled = compile_definition(Definition(), 0)
        self.on_commit: Callable[[Head], None] = _nobody_listens

    @property
    def compiled(self) -> Compiled:
        """Return the definition that the last batch was judged by."""
        return self._compiled

    def decide(self, submissions: Sequence[Submission]) -> list[Decision | ComityError]:
        """Return the answers to proposals, in order.

        A store that fails fails the batch, which is then tried one by one, so that one
        proposal never sinks another (S3); what still fails is answered with its error.
        """
        with self._store.turn():
            try:
                return list(self._decide_batch(submissions))
            except StoreError as error:
                self._forget()
                if len(submissions) == 1:
                    return [error]
            return [self._decide_alone(submission.as_repeat()) for submission in submissions]

    def refresh(self) -> Compiled:
        """Return the definition as it is at the head, having caught up with it."""
        with self._store.turn(), self._store.batch() as batch:
            self._catch_up(batch)
        return self._compiled

    def _decide_alone(self, submission: Submission) -> Decision | ComityError:
        try:
            return self._decide_batch([submission])[0]
        except StoreError as error:
            self._forget()
            return error

    def _decide_batch(self, submissions: Sequence[Submission]) -> list[Decision]:
        with self._store.batch() as batch:
            self._catch_up(batch)
            round = self._open_round(batch)
            round.prefetch(submissions, self._cache)
            decisions = [round.decide(submission) for submission in submissions]
            if round.entries:
                batch.append(round.head(), round.entries, list(round.view.drafted.values()), round.answers)
        if round.entries:
            self._publish(round)
        elif round.answers:
            self._store.keep(round.head().judged, round.answers)
        self._cache.shrink()
        return decisions

    def _open_round(self, batch: Batch) -> Round:
        head = batch.head
        time = head.time.advance(self._clock)
        view = View(
            self._compiled,
            self._cache.states,
            revision=head.revision,
            incarnation=head.incarnation,
            now_us=time.now_us,
            kind_revisions=self._kinds,
        )
        return Round(batch, view, time, self._entropy)

    def _publish(self, round: Round) -> None:
        """Hold what the batch did; the store has it already."""
        self._cache.update(round.view.drafted)
        self._kinds = round.view.kind_revisions
        self._compiled = round.view.compiled
        self._head = round.head()
        self.on_commit(self._head)

    # -- keeping the memory honest

    def _catch_up(self, batch: Batch) -> None:
        head, known = batch.head, self._head
        if known is not None and known.is_same_place(head):
            return
        if known is None or not self._links(batch, known):
            self._forget()
            self._load_definition(batch)
        else:
            self._take_changes(batch, known)
        self._kinds = batch.kinds()
        self._head = head

    def _links(self, batch: Batch, known: Head) -> bool:
        """Tell whether the log goes on from where this memory was taken."""
        if known.incarnation != batch.head.incarnation or known.revision > batch.head.revision:
            return False
        if known.revision == 0:
            return True
        commit = batch.commit(known.revision)
        return commit is not None and commit.chain == known.chain

    def _take_changes(self, batch: Batch, known: Head) -> None:
        changed = batch.changed_since(known.revision, limits.CATCH_UP_EVENTS)
        if len(changed) >= limits.CATCH_UP_EVENTS:
            self._forget()
        self._cache.correct(changed)
        if any((state.kind, state.id) == DEFINITION for state in changed) or self._head is None:
            self._load_definition(batch)

    def _load_definition(self, batch: Batch) -> None:
        state = batch.records([DEFINITION]).get(DEFINITION)
        if state is None:
            self._compiled = compile_definition(Definition(), 0)
        elif state.version != self._compiled.number or state.values["source"] != self._compiled.definition.source:
            self._compiled = compile_definition(read_definition(state.values["source"]), state.version)

    def _forget(self) -> None:
        self._cache.clear()
        self._head = None


def _nobody_listens(head: Head) -> None:
    """Take the news of a commit and do nothing."""

"""Taking the head, deciding a batch under it, publishing what it did."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from traceback import clear_frames

from comity import limits
from comity.clock import Clock, StoreTime
from comity.coordinator.cache import RecordCache
from comity.coordinator.facts import asking
from comity.coordinator.holding import Holding
from comity.coordinator.round import DEFINITION, Round
from comity.coordinator.submissions import Submission
from comity.deciding.compile import Compiled
from comity.deciding.definitions import compiled_from, is_of
from comity.deciding.view import Ref, View
from comity.errors import ComityError, OutcomeUnknown, StoreUnavailable
from comity.model.decisions import Decision
from comity.model.ids import Entropy
from comity.model.records import ERASED, RecordState
from comity.operations import RecordAnswer
from comity.store.contract import Batch, BatchLost, Head, Snapshot, Store


class Coordinator:
    """Decide the proposals of one workspace, a batch at a time."""

    def __init__(self, store: Store, clock: Clock, entropy: Entropy) -> None:
        self._store = store
        self._clock = clock
        self._entropy = entropy
        self._cache = RecordCache(limits.CACHE_BYTES)
        self._holding = Holding()
        self._head: Head | None = None
        self._is_in_doubt = False
        self._time = StoreTime()
        self._telling = threading.Lock()
        self._kinds: dict[str, int] = {}
        self._compiled = compiled_from(None)
        self._seen: tuple[Head, Compiled] | None = None
        """The definition at a head that another process has made."""

    def decide(self, submissions: Sequence[Submission]) -> list[Decision | ComityError]:
        """Return the answers to proposals, in order.

        What fails, fails the batch, which is then tried one by one, so that one proposal
        never sinks another (S3); what still fails is answered with its error.
        """
        try:
            return self._decide_in_turn(submissions)
        except StoreUnavailable as error:  # The turn didn't come: nothing was begun.
            return [error] * len(submissions)
        except BaseException as error:
            # An interrupt may strike just between the taking of the head and the block that gives
            # it back; what was taken is then held by the frames that it passed, until they are cleared.
            clear_frames(error.__traceback__)
            raise

    def _decide_in_turn(self, submissions: Sequence[Submission]) -> list[Decision | ComityError]:
        with self._store.turn():
            self._is_in_doubt = False
            try:
                return list(self._decide_batch(submissions))
            except Exception as error:  # noqa: BLE001 - each is tried alone, and answered with its own
                self._forget()
                if len(submissions) == 1 and isinstance(error, StoreUnavailable) and not self._is_in_doubt:
                    return [error]
            return [self._decide_alone(submission.as_repeat()) for submission in submissions]

    def recall(self, record: str, ref: Ref, head: Head) -> RecordAnswer | None:
        """Return a record as of a head, if it is held in memory as of just that head.

        Any thread may ask, while another decides: the head is taken away before the memory
        is changed, and so is seen to be another one afterwards.
        """
        known = self._head
        if known is not head and (known is None or not known.is_same_place(head)):
            return None
        state, declared = self._cache.states.get(ref), self._compiled.kinds.get(ref[0])
        if state is None or self._head is not known:
            return None
        return RecordAnswer(
            record=record,
            version=state.version,
            life=state.life,
            values=state.values,
            revision=head.revision,
            incarnation=head.incarnation,
            changed=state.revision,
            known=() if declared is None else declared.field_names,
            is_erased=ERASED in state.blame,
        )

    def remember(self, ref: Ref, state: RecordState, head: Head) -> None:
        """Take a record that was read as of a head, for the next who asks. Any thread may."""
        known = self._head
        if known is not None and known.is_same_place(head):
            self._cache.put_while(ref, state, lambda: self._head is known)

    def glance(self, revision: int) -> tuple[Head, dict[str, int], Mapping[Ref, RecordState]] | None:
        """Return the head that memory is of, the revisions of its kinds' last changes, and its records; None if older.

        Any thread may ask, as it may :meth:`recall`; what it takes of the records is as of that head if
        memory :meth:`is_still` of it afterwards.
        """
        known, kinds = self._head, self._kinds
        if known is None or known.revision < revision or self._head is not known:
            return None
        return known, kinds, self._cache.states

    def is_still(self, head: Head) -> bool:
        """Tell whether memory is of the very head that a glance has shown."""
        return self._head is head

    def prime(self, snapshot: Snapshot) -> None:
        """Learn the head and the definition before anything is decided."""
        self._compiled = self.definition(snapshot)
        self._kinds = snapshot.kinds()
        self._head = snapshot.head

    def time_at(self, head: Head) -> StoreTime:
        """Return the store time of this moment; never earlier than one told before, committed or not (S6)."""
        with self._telling:
            told = self._time
            last = head.time if head.time.now_us >= told.now_us else told
            self._time = last.advance(self._clock)
            return self._time

    def fields_at(self, snapshot: Snapshot, kind: str) -> tuple[str, ...]:
        """Return the fields that a kind declares at a snapshot's head."""
        known = self._head
        compiled = self._compiled if known is not None and known.is_same_place(snapshot.head) else None
        declared = (compiled or self.definition(snapshot)).kinds.get(kind)
        return declared.field_names if declared is not None else ()

    def definition(self, snapshot: Snapshot) -> Compiled:
        """Return the definition that judges at a snapshot's head. Any thread may ask."""
        known = self._compiled
        state = snapshot.records([DEFINITION]).get(DEFINITION)
        return known if state is not None and is_of(known, state) else compiled_from(state)

    def judging(self) -> Compiled:
        """Return the definition that judges now; the store is asked for it only where the head has moved."""
        head = self._store.head()
        known, seen = self._head, self._seen
        if known is not None and known.is_same_place(head):
            return self._compiled
        if seen is None or not seen[0].is_same_place(head):
            with self._store.snapshot() as snapshot:
                seen = self._seen = (snapshot.head, self.definition(snapshot))
        return seen[1]

    @property
    def has_readers(self) -> bool:
        """Tell whether any value is limited to some, as of the head that records are recalled at (S39)."""
        return self._compiled.readers is not None

    def view(self, snapshot: Snapshot, states: dict[Ref, RecordState] | None = None) -> View:
        """Return a view of a snapshot's head, on which gates can judge; what is fetched goes to ``states``."""
        head, held = snapshot.head, {} if states is None else states
        return View(
            self.definition(snapshot),
            held,
            revision=head.revision,
            incarnation=head.incarnation,
            now_us=self.time_at(head).now_us,
            kind_revisions=snapshot.kinds(),
            ask=asking(snapshot, held.__setitem__),
        )

    def _decide_alone(self, submission: Submission) -> Decision | ComityError:
        try:
            return self._decide_batch([submission])[0]
        except Exception as error:  # noqa: BLE001 - it is the answer
            self._forget()
            if isinstance(error, ComityError) and not self._is_in_doubt:
                return error
            return _unexpected(error, submission)

    def _decide_batch(self, submissions: Sequence[Submission]) -> list[Decision]:
        """Return the decisions of one transaction: if others got in its way, of the next, which keeps them out."""
        was_in_doubt = self._is_in_doubt
        for _ in range(limits.BATCH_TRIES - 1):
            try:
                return self._try_batch(submissions)
            except BatchLost:
                self._is_in_doubt = was_in_doubt
        return self._try_batch(submissions)

    def _try_batch(self, submissions: Sequence[Submission]) -> list[Decision]:
        with self._store.batch() as batch:
            self._catch_up(batch)
            round = self._open_round(batch)
            round.prefetch(submissions)
            decisions = [round.decide(submission) for submission in submissions]
            was_in_doubt, is_acknowledging, head = self._is_in_doubt, round.is_acknowledging, round.head()
            if is_acknowledging:
                batch.append(head, round.entries, list(round.view.drafted.values()), round.answers)
                self._is_in_doubt = True
        self._is_in_doubt = was_in_doubt
        if is_acknowledging:
            self._publish(round, head)
        elif round.answers:
            self._store.keep(head, round.answers)
        self._cache.shrink()
        return decisions

    def _open_round(self, batch: Batch) -> Round:
        head = batch.head
        time = self.time_at(head)
        view = View(
            self._compiled,
            self._cache.states,
            revision=head.revision,
            incarnation=head.incarnation,
            now_us=time.now_us,
            kind_revisions=self._kinds,
            ask=asking(batch, self._cache.put, self._holding.at),
        )
        return Round(batch, view, self._cache, time, self._entropy)

    def _publish(self, round: Round, head: Head) -> None:
        """Hold what the batch did; the store has it already."""
        self._head = None
        self._cache.update(round.view.drafted)
        self._kinds = round.view.kind_revisions
        self._compiled = round.view.compiled
        self._head = head

    # -- keeping the memory honest

    def _catch_up(self, batch: Batch) -> None:
        head, known = batch.head, self._head
        if known is not None and known.is_same_place(head):
            return
        self._head = None
        if known is None or not self._links(batch, known):
            self._forget()
            self._kinds = batch.kinds()
        else:
            self._take_changes(batch, known)
        self._compiled = self.definition(batch)
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
            self._cache.clear()
            self._kinds = batch.kinds()
            return
        self._cache.correct(changed)
        latest = {state.kind: state.revision for state in sorted(changed, key=lambda state: state.revision)}
        self._kinds = {**self._kinds, **latest}

    def _forget(self) -> None:
        self._head = None
        self._cache.clear()
        self._holding.clear()


def _unexpected(error: Exception, submission: Submission) -> OutcomeUnknown:
    """Return the answer where what failed may have done so after the commit."""
    proposal = submission.proposal.id
    unknown = OutcomeUnknown(f"{type(error).__name__}: {error}: ask again with the same id", proposal=proposal)
    unknown.__cause__ = error
    return unknown

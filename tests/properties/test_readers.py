"""S39: whoever may not see a value is answered the same whatever it is, whatever is asked."""

from __future__ import annotations

import random
from contextlib import suppress
from itertools import count
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import comity
from comity import operations
from comity.errors import ComityError
from comity.model.filters import query
from comity.model.proposals import Archive, Effect, Include, Proposal, Put, QueryRead, Read, Set, Undo, Was
from comity.operations import Request
from comity.testing.manual_clock import ManualClock
from tests.semantics.hiding import written

A, B = "item/a", "item/b"
SOURCE = """\
[agents]
owner  = { role = "owner" }
spy    = { role = "spy" }
reader = { role = "reader" }

[kinds.item.fields]
text = { type = "string" }
code = { type = "string", owner = "owner", readers = ["reader"] }
size = { type = "integer", owner = "owner", readers = ["reader"] }
tags = { type = "array", items = { type = "string" }, readers = ["reader"] }
next = { ref = "item", owner = "owner", readers = ["reader"] }

[kinds.item.events.Coded]
owner = "owner"
data  = { code = { type = "string" } }
then  = { code = "event.code" }

[effects.note]
kind = "item"
data = { text = { type = "string", readers = ["reader"] } }
"""

WORDS = ("red", "green", "blue")


def questions(record: str, word: str, size: int, revision: int) -> tuple[Request, ...]:
    """Return all that the spy asks, guessing at the values."""
    text = {"text": "x"}
    return (
        operations.Get(record=record),
        operations.At(moment=revision),
        operations.Find(kind="item"),
        operations.Find(kind="item", where=(f"code = {word}",)),
        operations.Find(kind="item", order=("size",)),
        operations.Find(kind="$effect"),
        operations.Count(kind="item", where=(f"tags has {word}",)),
        operations.History(record=record),
        operations.Diff(since=revision),
        operations.Why(record=record, field="code"),
        operations.Why(record=record, field="tags"),
        operations.ReadFeed(),
        operations.Refusals(),
        operations.ShowInbox(),
        operations.Report(),
        operations.TellNews(records=(A, B), since=revision),
        operations.Set(record=record, fields={"code": word}),
        operations.Set(record=record, fields={"text": word}, was={"text": "begun"}),
        operations.Set(record=record, fields=text, was={"code": word}),
        operations.Set(record=record, fields=text, assume=(f"item.size == {size}",)),
        operations.Put(record=record, fields={"code": word, "text": word}),
        operations.Add(record=record, fields={"size": -size}),
        operations.Include(record=record, fields={"tags": [word]}),
        operations.Append(record=record, fields={"tags": [word]}),
        operations.Emit(record=record, event="Coded", fields={"code": word}),
        operations.Offer(record=record, fields={"code": word}),
        operations.Check(record=record, fields=text),
        operations.Apply(source=f'[kinds.item.fields]\ncode = {{ const = "{word}" }}', dry=True),
        operations.Backtest(source=f'[kinds.item.fields]\ncode = {{ const = "{word}" }}'),
    )


def proposals_of(record: str, word: str, size: int, revision: int) -> tuple[Proposal, ...]:
    """Return all that the spy proposes, guessing at the values."""
    change = (Set(record, {"text": "x"}),)
    search = QueryRead(query("item", f"size > {size}"), revision, count=1)
    return (
        Proposal(id="p", changes=(Archive(record),), reads=(Read(record, revision),)),
        Proposal(id="p", changes=change, reads=(Read(record, revision, ("code",)),)),
        Proposal(id="p", changes=change, reads=(Was(record, {"size": size}),)),
        Proposal(id="p", changes=change, reads=(search,)),
        Proposal(id="p", changes=(Put(record, {"text": "x"}, replace=True),), reads=(Read(record, revision),)),
        Proposal(id="p", changes=(Undo(record, {"code": revision}),)),
        Proposal(id="p", changes=(Include(record, {"tags": [word]}), *change), accept=revision),
        Proposal(id="p", effects=(Effect("note", A, {"text": word}, once="n", still=f"item.code == '{word}'"),)),
        Proposal(id="p", effects=(Effect("note", A, {"text": word}, once="n"),)),
    )


def asked_of(record: str, word: str, size: int, revision: int, dry: bool) -> tuple[Request, ...]:
    """Return everything."""
    guesses = (record, word, size, revision)
    proposed = (operations.Propose(proposal=one, dry=dry) for one in proposals_of(*guesses))
    return (*questions(*guesses), *proposed)


requests = st.builds(
    asked_of, st.sampled_from((A, B)), st.sampled_from(WORDS), st.integers(1, 3), st.integers(1, 6), st.booleans()
).flatmap(st.sampled_from)


class World:
    """Be a workspace that holds these values; all else about it follows from its clock and its chance."""

    def __init__(self, folder: Path, word: str, size: int) -> None:
        folder.mkdir()
        definition = folder / "comity.toml"
        definition.write_text(SOURCE)
        chance = random.Random(7)
        self.ws = comity.open(folder / "a.db", definition=definition, clock=ManualClock(), entropy=chance.randbytes)
        self.spy = self.ws.agent("spy")
        owner, spy = self.ws.agent("owner"), self.spy
        spy.watch(kind="item")
        owner.create(B, text="begun", code="none", size=0)
        owner.create(A, text="begun", code="none", size=0, tags=["none"], next="b")
        spy.get(A)
        owner.set(A, code=word, size=size, was={"code": "none", "size": 0})
        owner.append(A, tags=[word])
        with owner.intent() as intent:
            intent.effect("note", A, text=word, once="n")
        with suppress(ComityError):
            owner.set(A, code=word + "!", size="no number")

    def ask(self, request: Request) -> str:
        """Return what the spy is answered, in every form."""
        try:
            return written(self.spy.answer(request))
        except ComityError as error:
            return f"{type(error).__name__}: {error}"


_FOLDERS = count()


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(asked=st.lists(requests, min_size=4, max_size=12))
def test_s39_no_answer_depends_on_what_is_hidden(tmp_path: Path, asked: list[Request]) -> None:
    worlds = [World(tmp_path / f"{next(_FOLDERS)}", word, size) for word, size in (("red", 1), ("blue", 3))]
    try:
        for request in asked:
            one, other = (world.ask(request) for world in worlds)
            assert one == other, request
    finally:
        for world in worlds:
            world.ws.close()

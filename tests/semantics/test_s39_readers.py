"""S39: readers limit who sees a field's value; the others see that it changed, by whom and when, but not what."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

import comity
from comity import operations
from comity.cli import main
from comity.errors import NotPermitted, Refused
from comity.model.decisions import Decision
from comity.model.hidden import Hidden
from comity.model.proposals import Create, Effect, Proposal, Put, Read, Set, Was
from comity.operations import FeedItem
from comity.testing.manual_clock import ManualClock
from comity.workspace.records import Record
from tests.semantics.hiding import ACME, NUMBER, SECRET, SOURCE, Scene, tells, written

MARK = Hidden(("audit", "sales"))


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    definition = tmp_path / "comity.toml"
    definition.write_text(SOURCE)
    with comity.open(tmp_path / "bank.db", definition=definition, clock=ManualClock()) as ws:
        yield Scene(ws)


def codes(decision: Decision) -> list[str]:
    return [finding.code for finding in decision.refusals]


# -- who sees what


def test_s39_owners_and_readers_see_it_and_nobody_else_does(scene: Scene) -> None:
    for agent in (scene.sales, scene.audit):
        assert (agent.get(ACME).code, agent.get(ACME).limit) == (SECRET, NUMBER)
    for agent in (scene.support, scene.boss):
        assert agent.get(ACME).hidden == ("code", "limit", "log", "parent")
    assert scene.ws.get(ACME).code == SECRET, "who opens the file sees all that is in it"


def test_s39_whether_it_is_empty_is_not_told_either(scene: Scene) -> None:
    answer = scene.support.answer(operations.Get(record=ACME))
    assert answer.values["parent"] == MARK
    assert scene.audit.get(ACME).parent is None
    assert "code" not in scene.support.answer(operations.Get(record="account/none")).values


def test_s39_a_kinds_readers_are_those_of_its_fields(scene: Scene) -> None:
    dossier = scene.support.get("dossier/d1")
    assert (dossier.title, dossier.hidden) == ("Acme", ("text",))
    assert scene.sales.get("dossier/d1").text == SECRET


def test_s39_that_it_changed_by_whom_and_when_is_shown(scene: Scene) -> None:
    events = scene.support.history(ACME, type="CodeChanged").events
    assert {(one.by, one.was["code"], one.now["code"]) for one in events} == {("sales", MARK, MARK)}
    why = scene.support.why(ACME, "code")
    assert why.event is not None
    assert (why.value, why.event.by) == (MARK, "sales")
    (difference,) = [one for one in scene.support.diff(scene.first, target=ACME).differences if one.field == "code"]
    assert (difference.was, difference.now) == (MARK, MARK)


def test_s39_that_there_was_nothing_before_a_record_was_made_is_shown(scene: Scene) -> None:
    (made,) = scene.support.history(ACME, type="account.created").events
    assert (made.was["$life"], made.was["code"], made.now["code"]) == ("absent", None, MARK)


def test_s39_what_an_event_carries_is_for_those_who_see_what_it_makes(scene: Scene) -> None:
    (event,) = scene.support.history(ACME, type="Rekeyed").events
    assert event.data == {"key": MARK}
    assert scene.audit.history(ACME, type="Rekeyed").events[0].data == {"key": SECRET}


# -- one mark


def test_s39_the_mark_is_the_same_everywhere(scene: Scene) -> None:
    answer = scene.support.answer(operations.Get(record=ACME))
    assert json.loads(msgspec.json.encode(answer))["values"]["code"] == {"$hidden": ["audit", "sales"]}
    assert "code=hidden" in str(answer)
    shown = "name='Acme', code (hidden), limit (hidden), log (hidden), parent (hidden)"
    assert str(scene.support.get(ACME)) == f"account/acme: {shown}"
    assert "code (hidden)" in str(scene.support.find("account"))


@pytest.mark.parametrize("mark", [MARK, {"$hidden": ["sales"]}, [MARK], {"a": {"$hidden": []}}])
def test_s39_the_mark_can_not_be_written_back(scene: Scene, mark: object) -> None:
    for field in ("note", "code"):
        changes = (Put("account/new", {field: mark}),)
        decision = scene.sales.propose(Proposal(id=f"back-{field}", changes=changes))
        assert codes(decision) == ["shape.invalid_value"]
        assert field == "code" or "can't be written back" in decision.refusals[0].message


def test_s39_a_handle_says_that_it_is_hidden(scene: Scene) -> None:
    acme = scene.support.get(ACME)
    uses: tuple[Callable[[Record], object], ...] = (
        lambda one: one.code,
        lambda one: one["code"],
        lambda one: one.get("code"),
        lambda one: "code" in one,
    )
    for use in uses:
        with pytest.raises(NotPermitted, match=r"account/acme\.code is hidden from you: it is for audit, sales only"):
            use(acme)
    assert dict(acme) == {"name": "Acme"}
    with scene.support.intent() as intent, pytest.raises(NotPermitted):
        intent.get(ACME, "code")


def test_s39_a_page_of_handles_says_so_too(scene: Scene) -> None:
    (acme,) = scene.support.find("account")
    assert acme.hidden
    assert (acme == scene.ws.get(ACME)) is False


# -- nothing that an agent asks or proposes tells what it is


@pytest.mark.parametrize("guess", [SECRET, "zyxwv-1"])
def test_s39_what_is_hidden_can_not_be_guessed_at(scene: Scene, guess: str) -> None:
    note, head = Set(ACME, {"note": "x"}), scene.ws.revision
    proposed = {
        "reader.write": [Proposal(id="w", changes=(Set(ACME, {"code": guess}),), accept=head)],
        "reader.assumption": [
            Proposal(id="a", changes=(note,), assumptions=(f"account.code == '{guess}'",)),
            Proposal(id="e", effects=(Effect("letter", ACME, {"text": "x"}, still=f"account.code == '{guess}'"),)),
        ],
        "reader.read": [
            Proposal(id="r", changes=(note,), reads=(Was(ACME, {"code": guess}),)),
            Proposal(id="s", changes=(note,), reads=(Read(ACME, scene.first, ("code",)),)),
            Proposal(id="l", changes=(note,), relies_on=(f"{ACME}.code",)),
        ],
    }
    for code, proposals in proposed.items():
        for proposal in proposals:
            assert codes(scene.support.propose(proposal)) == [code], proposal.id
    for where, order in (((f"code = {guess}",), ()), ((), ("code",))):
        with pytest.raises(NotPermitted, match="may neither filter nor order by it"):
            scene.support.find("account", *where, order=order)
    with pytest.raises(NotPermitted):
        scene.support.count("account", f"code = {guess}")


def test_s39_what_comitys_own_records_carry_can_not_be_guessed_at(scene: Scene) -> None:
    """The value that is pinned, what an effect carries, what a workflow was started with."""
    carried: dict[str, tuple[str, object]] = {
        "$override": ("value", SECRET),
        "$effect": ("data", {"text": SECRET}),
        "$workflow": ("params", {"customer": "acme", "pin": SECRET}),
    }
    for place, (kind, (field, guess)) in enumerate(carried.items()):
        (one,) = scene.sales.find(kind)
        read = Was(one.ref, {field: guess})
        proposal = Proposal(id=f"guess-{place}", changes=(Set(ACME, {"note": "x"}),), reads=(read,))
        assert codes(scene.support.propose(proposal, dry=True)) == ["reader.read"]
        assert codes(scene.sales.propose(proposal, dry=True)) == []
        with pytest.raises(NotPermitted):
            scene.support.find(kind, f"{field} = x")


def test_s39_a_definition_of_ones_own_is_no_way_to_guess(scene: Scene) -> None:
    spying = SOURCE.replace(', readers = ["audit"]', "")
    for agent in (scene.support, scene.boss):
        with pytest.raises(NotPermitted, match="looks at values that are hidden"):
            agent.answer(operations.Backtest(source=spying))
    with pytest.raises(NotPermitted):
        scene.support.answer(operations.Apply(source=spying, dry=True))
    assert scene.boss.answer(operations.Apply(source=spying, dry=True)).decision.is_allowed


def test_s39_who_may_not_see_it_may_begin_it_and_append_to_it(scene: Scene) -> None:
    assert scene.support.append(ACME, log=["called"]).is_committed
    assert scene.audit.get(ACME).log == ("begun", SECRET, "called")
    created = scene.support.propose(Proposal(id="c", changes=(Create("account/new", {"log": ["mine"], "name": "N"}),)))
    assert created.is_committed
    with pytest.raises(Refused, match=r"reader\.write"):
        scene.support.put(ACME, name="Acme", replace=True)


def test_s39_what_is_hidden_was_not_read(scene: Scene) -> None:
    """A change of it is no conflict for who read the rest, and breaks no read."""
    seen = scene.ws.revision
    scene.sales.append(ACME, log=["more"])
    proposal = Proposal(id="p", changes=(Set(ACME, {"note": "x"}),), reads=(Read(ACME, seen),))
    assert codes(scene.audit.propose(msgspec.structs.replace(proposal, id="q"), dry=True)) == ["freshness.changed"]
    assert scene.support.propose(proposal).is_committed
    news = scene.support.answer(operations.TellNews(records=(ACME,), since=seen, read={ACME: {"*": seen}})).news
    assert not any(item.is_broken for item in news.items)


def test_s39_rules_and_guards_use_it_and_do_not_quote_it(scene: Scene) -> None:
    refusals = scene.audit.refusals().refusals
    found = {finding.code: finding for one in refusals for finding in one.findings}
    assert "not told" in found["guard.not_that_one"].message
    assert "not told" in found["shape.invalid_value"].message
    assert "not told" in found["freshness.blind_write"].message
    assert found["freshness.blind_write"].data["now"] == {"code": SECRET}, "it is told where it can be masked"


RELEASED = """
[agents]
spy   = { role = "spy" }
owner = { role = "owner" }

[kinds.item.fields]
code = { type = "string", readers = ["owner"] }

[effects.letter]
kind  = "item"
hold  = "1m"
still = "item.code == null || item.code == 'sent'"
"""


@pytest.mark.parametrize(("code", "sent"), [("sent", ["item/a"]), ("kept", [])])
def test_s39_an_effect_is_released_by_what_its_agent_may_not_see(tmp_path: Path, code: str, sent: list[str]) -> None:
    (tmp_path / "comity.toml").write_text(RELEASED)
    clock, delivered = ManualClock(), list[str]()
    with comity.open(tmp_path / "a.db", definition=tmp_path / "comity.toml", clock=clock) as ws:
        ws.handle("letter", lambda delivery: delivered.append(str(delivery.target)))
        spy, owner = ws.agent("spy"), ws.agent("owner")
        changes, effects = (Create("item/a", {"code": "sent"}),), (Effect("letter", "item/a"),)
        assert spy.propose(Proposal(id="w", changes=changes, effects=effects)).is_committed
        if code != "sent":
            owner.set("item/a", code=code, was={"code": "sent"})
        clock.advance(seconds=61)
        ws.run_effects()
        assert delivered == sent
        (effect,) = spy.effects(state="all").effects
        assert code not in written(effect) or code == "sent"


# -- every way out


def test_s39_handles_news_and_call_backs(scene: Scene) -> None:
    heard: list[FeedItem] = []
    is_done = threading.Event()
    last = scene.ws.revision

    def hear(item: FeedItem) -> None:
        heard.append(item)
        if item.revision == last:
            is_done.set()

    with scene.support.subscribe(hear, after="start"):
        assert is_done.wait(10)
    assert not any(tells(written(item)) for item in heard)
    scene.intent.get("dossier/d1")
    told = scene.intent.news
    assert told is not None
    assert not tells(written(told))
    assert any(item.now.get("code") == MARK for item in told.items)


def test_s39_asynchronous_handles(scene: Scene) -> None:
    async def look() -> tuple[str, Decision]:
        support = scene.ws.async_agent("support")
        answer = await support.answer(operations.Get(record=ACME))
        stale = Proposal(id="async", changes=(Set(ACME, {"code": "a-1"}),))
        return written(answer), await support.propose(stale)

    text, decision = asyncio.run(look())
    assert not tells(text)
    assert codes(decision) == ["reader.write"]


def test_s39_the_command_line_of_an_agent(scene: Scene, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def run(*arguments: str) -> str:
        main([*arguments, "--db", str(tmp_path / "bank.db")])
        captured = capsys.readouterr()
        return captured.out + captured.err

    for asked in (("get", ACME), ("history", ACME), ("find", "account"), ("feed",), ("report",)):
        assert not tells(run(*asked, "--as", "support"))
        assert not tells(run(*asked, "--as", "support", "--json"))
    assert tells(run("get", ACME, "--json"))
    assert '"$hidden"' in run("get", ACME, "--as", "support", "--json")


def test_s39_another_process_learns_of_new_readers_at_once(scene: Scene, tmp_path: Path) -> None:
    wide = SOURCE.replace('readers = ["audit"', 'readers = ["audit", "support"')
    with comity.open(tmp_path / "bank.db", clock=ManualClock()) as other:
        support = other.agent("support")
        assert support.get(ACME).hidden
        assert scene.boss.answer(operations.Apply(source=wide)).decision.is_committed
        assert support.get(ACME).code == SECRET
        assert scene.boss.answer(operations.Apply(source=SOURCE)).decision.is_committed
        assert support.get(ACME).hidden
        assert not tells(written(support.history(ACME)))


def test_s39_what_was_exported_with_marks_can_not_be_imported(scene: Scene, tmp_path: Path) -> None:
    for name in ("out.csv", "out.ndjson", "out.json"):
        file = tmp_path / name
        scene.support.export_file(file, kind="account")
        assert "$hidden" in file.read_text()
        answer = scene.sales.import_file(file, kind="account", key="id", dry=True)
        assert answer.errors, name

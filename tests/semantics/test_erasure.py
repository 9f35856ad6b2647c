"""S37: what is known of a record is erased for good, wherever it stands, and the log stays whole."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

import comity
from comity.errors import InvalidRequest, LimitExceeded, NotCommitted, NotFound, StoreUnavailable
from comity.operations import Erase, EraseAnswer
from comity.store.sqlite import SqliteStore
from comity.testing.faulty_store import Fault, FaultyStore
from comity.testing.manual_clock import ManualClock
from comity.verbs.engine import Engine
from comity.workspace.opening import Workspace
from tests.semantics.conftest import Open

SECRET = "Secretperson"
"""What a person's data holds, and nothing else."""
ACME = "customer/acme"


def leaks(path: Path, secret: str = SECRET) -> list[str]:
    """Return the files of a base, and those beside it, that hold the secret."""
    return [
        file.name for file in sorted(path.parent.iterdir()) if file.is_file() and secret.encode() in file.read_bytes()
    ]


def write_much(ws: comity.Workspace) -> None:
    """Write a secret wherever a proposal can carry one: values, former ones, reasons, reads, refusals, lists."""
    sales, support = ws.agent("sales"), ws.agent("support")
    sales.put(ACME, name=f"Anna {SECRET}", note="x" * 300, reason=f"{SECRET} called")
    for number in range(40):
        with sales.intent(reason=f"for {SECRET}") as intent:
            intent.get(ACME).note = f"{number} {SECRET} {'y' * number * 40}"
    support.put("ticket/t1", title="export fails", reason=f"{ACME} ({SECRET}) says so")
    with support.intent() as intent:
        found = intent.find("customer", f'name = "Anna {SECRET}"')
        intent.get("ticket/t1").title = f"export fails for {len(found)}"
    with pytest.raises(NotCommitted):
        support.set(ACME, name=f"Blind {SECRET}", assume=("customer.name == 'x'",))
    with pytest.raises(NotCommitted):
        support.set("ticket/t1", was={"title": "other"}, title="y", reason=f"{ACME} is {SECRET}")
    sales.put("customer/globex", name="Globex")


def erase(ws: comity.Workspace, *records: str, **options: object) -> EraseAnswer:
    return ws.erase(*(records or (ACME,)), reason="request 17", **options)  # type: ignore[arg-type]


def test_s37_nothing_of_a_record_is_left_in_any_file(ws: comity.Workspace, path: Path) -> None:
    write_much(ws)
    assert leaks(path)
    answer = erase(ws)
    assert (answer.is_done, answer.left, answer.records) == (True, "", (ACME,))
    assert leaks(path) == []
    found = ws.verify()
    assert (found.problems, found.erased) == ((), answer.events + answer.commits)
    assert ws.get("customer/globex").name == "Globex"
    assert ws.get("ticket/t1").title == "export fails for 1"


def test_s37_the_event_says_who_erased_when_why_and_how_much(ws: comity.Workspace) -> None:
    write_much(ws)
    answer = erase(ws)
    last, *_, first = ws.history(ACME).events
    assert (last.type, last.reason) == ("$erased", "request 17")
    assert last.data["payloads"] == answer.events + answer.commits + answer.answers
    assert (last.now, last.was) == ({"$life": "deleted"}, {"$life": "live"})
    assert (first.is_erased, first.reason, first.was) == (True, None, {})
    assert (first.erased_by, first.erased_at) == (last.by, last.at)
    assert ws.get(ACME).life == "deleted"


def test_s37_a_dry_run_tells_and_does_nothing(ws: comity.Workspace, path: Path) -> None:
    write_much(ws)
    before = ws.revision
    foretold = erase(ws, dry=True)
    assert (ws.revision, foretold.is_done, foretold.decision.outcome) == (before, False, "allowed")
    done = erase(ws)
    assert (foretold.events, foretold.commits, foretold.answers) == (done.events, done.commits, done.answers)
    assert foretold.events == 41


@pytest.mark.parametrize("record", ["customer/nobody", "custmer/acme"])
def test_s37_only_what_was_there_can_be_erased(ws: comity.Workspace, record: str) -> None:
    write_much(ws)
    with pytest.raises(NotFound):
        erase(ws, record)


def test_s37_it_takes_a_reason_records_and_no_kind_of_comitys_own(crm: comity.Workspace) -> None:
    crm.agent("sales").create(ACME, name="Anna")
    for records, reason in (((), "x"), ((ACME,), "  "), (("$definition/current",), "x")):
        with pytest.raises(InvalidRequest):
            crm._session.call(Erase(records=records, reason=reason))


def test_s37_it_takes_an_operator(crm: comity.Workspace, path: Path) -> None:
    sales = crm.agent("sales")
    sales.create(ACME, name=f"Anna {SECRET}")
    with pytest.raises(NotCommitted) as refused:
        sales.erase(ACME, reason="x")
    assert [finding.code for finding in refused.value.decision.refusals] == ["identity.not_operator"]
    key = crm.issue_key("ops").key
    with pytest.raises(NotCommitted):
        erase(crm)
    assert leaks(path) == [path.name + "-wal"]
    assert crm.agent("ops", key=key).erase(ACME, reason="x").is_done
    assert leaks(path) == []


def test_s37_what_is_erased_cannot_be_brought_back(ws: comity.Workspace, path: Path) -> None:
    sales = ws.agent("sales")
    made = sales.put(ACME, name=f"Anna {SECRET}")
    with sales.intent() as intent:
        intent.get(ACME).name = "Bob"
    erase(ws)
    with pytest.raises(NotCommitted) as refused:
        sales.restore(ACME, accept=ws.revision)
    assert [finding.code for finding in refused.value.decision.refusals] == ["integrity.erased"]
    assert ws.revert(commit=made.revision).left[0].why == "its contents were erased"
    sales.create(ACME, name="A new one")
    sales.delete(ACME, accept=ws.revision)
    sales.restore(ACME, accept=ws.revision)
    assert ws.get(ACME).name == "A new one"
    assert ws.verify().is_clean


def test_s37_references_stay_and_referrers_can_go_along(crm: comity.Workspace, path: Path) -> None:
    crm.agent("sales").create(ACME, name="Anna")
    support = crm.agent("support")
    support.create("ticket/t1", title=f"{SECRET} can't log in", customer="acme")
    support.create("note/n1", text="by phone", customer="acme")
    answer = erase(crm, dry=True)
    assert (answer.records, answer.referrers) == ((ACME,), ("note/n1", "ticket/t1"))
    answer = erase(crm, with_referrers=["ticket"])
    assert (answer.records, answer.referrers) == ((ACME, "ticket/t1"), ("note/n1",))
    assert crm.get("note/n1").customer == "acme"
    assert leaks(path) == []
    assert crm.verify().is_clean


def test_s37_what_comity_holds_open_about_it_is_closed_first(crm: comity.Workspace, path: Path) -> None:
    sales, support = crm.agent("sales"), crm.agent("support")
    sales.create(ACME, name=f"Anna {SECRET}")
    offered = support.offer(ACME, was={"name": f"Anna {SECRET}"}, reason=f"{SECRET} moved", name=f"Anne {SECRET}")
    ops = crm.agent("ops", key=crm.issue_key("ops").key)
    pinned = ops.pin(ACME, reason=f"{SECRET} is on the line", ttl="2h")
    with pytest.raises(NotCommitted) as refused:
        ops.erase(ACME, reason="x")
    assert {finding.subject for finding in refused.value.decision.refusals} == {offered.ticket, *pinned.records}
    assert offered.ticket is not None
    sales.decline(offered.ticket, reason=f"no, {SECRET} didn't")
    ops.lift(pinned, reason=f"{SECRET} hung up")
    answer = ops.erase(ACME, reason="x")
    assert set(answer.speaking) == {offered.ticket, *pinned.records}
    assert leaks(path) == []
    assert crm.verify().is_clean


def test_s37_others_with_a_longer_name_are_left_alone(ws: comity.Workspace) -> None:
    sales = ws.agent("sales")
    sales.put(ACME, name="Anna")
    sales.put("customer/acme2", name="Berta", reason="customer/acme2 called")
    sales.put("customer/acme.eu", name="Dora", reason="customer/acme.eu: called")
    sales.put("customer/acme@eu", name="Eva", reason="see customer/acme@eu.name")
    sales.put("old-customer/acme", name="Carla", reason="see old-customer/acme")
    answer = erase(ws)
    assert (answer.events, answer.commits) == (1, 1)
    assert ws.history("customer/acme2").events[0].reason == "customer/acme2 called"


@pytest.mark.parametrize(
    "reason", ["{}", "({}).", "{}: x", "{}.name", "{}, x", "x/{}", '"{}"', "{}=x", "{}-x", "{}@nobody", "é{}é"]
)
def test_s37_any_text_that_names_it_counts(ws: comity.Workspace, reason: str) -> None:
    sales = ws.agent("sales")
    sales.put(ACME, name="Anna")
    sales.put("ticket/t1", title="x", reason=reason.format(ACME))
    assert erase(ws).commits == 2
    assert ws.history("ticket/t1").events[0].reason is None


def test_s37_looking_back_says_that_it_was_erased(ws: comity.Workspace, tmp_path: Path) -> None:
    write_much(ws)
    erase(ws)
    assert ws.at(3, ACME)[0].is_erased
    assert "erased" in str(ws.at(3, ACME)[0])
    why = ws.why(ACME, at=3)
    assert why.event is not None
    assert why.event.is_erased
    assert "erased by" in str(why)
    told = [*map(str, ws.diff(1, ws.revision).differences), *map(str, ws.feed(0, follow=False)), str(ws.report())]
    assert SECRET not in "".join(told)
    ws.export_file(tmp_path / "all.ndjson")
    assert SECRET not in (tmp_path / "all.ndjson").read_text()


# -- readers, other processes, and what breaks in between


def test_s37_it_is_not_told_as_done_while_a_reader_holds_the_log(
    ws: comity.Workspace, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("comity.limits.ERASURE_WAIT_S", 0.1)
    write_much(ws)
    reader = SqliteStore.open(str(path), clock=ManualClock())
    with reader.snapshot() as snapshot:
        assert snapshot.records([("customer", "acme")])
        answer = erase(ws)
        assert not answer.is_done
        assert "-wal still holds it" in answer.left
        assert leaks(path)
    reader.close()
    again = comity.open(path)
    assert leaks(path) == []
    again.close()


STEPS = [Fault(call, side, nth) for call in ("empty", "scrub") for side in ("before", "after") for nth in (1,)]


@pytest.mark.parametrize("fault", STEPS, ids=lambda fault: f"{fault.side} {fault.call}")
def test_s37_an_erasure_that_broke_off_is_finished_by_the_next_who_opens(path: Path, fault: Fault) -> None:
    clock = ManualClock()
    store = FaultyStore(SqliteStore.open(str(path), clock=clock))
    ws = Workspace(Engine(store, "crm.db", clock, os.urandom))
    write_much(ws)
    store.plan(fault)
    with pytest.raises(StoreUnavailable):
        erase(ws)
    ws.close()
    again = comity.open(path, clock=clock)
    assert leaks(path) == []
    assert again.verify().is_clean
    again.close()


def test_s37_several_that_broke_off_are_each_finished_up_to_their_own_end(path: Path) -> None:
    """What was written after the first was decided, and erased by the second, isn't forgotten."""
    clock = ManualClock()
    store = FaultyStore(SqliteStore.open(str(path), clock=clock))
    ws = Workspace(Engine(store, "crm.db", clock, os.urandom))
    ws.agent("sales").put("customer/globex", name="Globex")
    store.plan(Fault("empty"))
    with pytest.raises(StoreUnavailable):
        erase(ws, "customer/globex")
    write_much(ws)
    assert erase(ws).is_done
    assert leaks(path) == []
    assert ws.get("customer/globex").name == "Globex"
    assert ws.verify().problems == ()
    ws.close()


def test_s37_duties_finish_what_another_process_began(path: Path, open_again: Open) -> None:
    clock = ManualClock()
    waiting = comity.open(path, clock=clock)
    store = FaultyStore(SqliteStore.open(str(path), clock=clock))
    ws = Workspace(Engine(store, "crm.db", clock, os.urandom))
    write_much(ws)
    store.plan(Fault("empty"))
    with pytest.raises(StoreUnavailable):
        erase(ws)
    ws.close()
    clock.advance(seconds=5)
    waiting._engine.do_due()
    assert leaks(path) == []
    waiting.close()


def test_s37_what_others_say_meanwhile_is_emptied_too(ws: comity.Workspace, path: Path) -> None:
    """Between the look at the log and the decision another commit names the record: the erasure goes on with it."""
    write_much(ws)
    engine = ws._engine
    propose = engine.propose

    def late(proposal: object, caller: object, **options: object) -> object:
        engine.propose = propose
        ws.agent("support").put("ticket/t2", title="late", reason=f"{ACME} is {SECRET}")
        return propose(proposal, caller, **options)  # type: ignore[arg-type]

    engine.propose = late  # type: ignore[assignment, method-assign]
    assert erase(ws).is_done
    assert leaks(path) == []
    assert ws.verify().is_clean
    assert ws.get("ticket/t2").title == "late"


def test_s37_a_second_erasure_empties_what_came_after_the_first(ws: comity.Workspace, path: Path) -> None:
    write_much(ws)
    erase(ws)
    ws.agent("sales").create(ACME, name=f"Anna {SECRET}, back again")
    assert leaks(path)
    assert erase(ws).is_done
    assert leaks(path) == []
    assert ws.verify().is_clean


def test_s37_writers_and_readers_go_on_meanwhile(ws: comity.Workspace, path: Path, open_again: Open) -> None:
    write_much(ws)
    other, stop, failures = open_again(), threading.Event(), list[BaseException]()

    def work() -> None:
        try:
            while not stop.is_set():
                other.agent("support").add("counter/one", n=1)
                other.find("customer")
        except BaseException as error:  # noqa: BLE001 - it is looked at below
            failures.append(error)

    other.agent("support").put("counter/one", n=0)
    worker = threading.Thread(target=work)
    worker.start()
    try:
        answer = erase(ws)
    finally:
        stop.set()
        worker.join()
    assert failures == []
    assert answer.is_done
    assert leaks(path) == []
    assert ws.verify().is_clean


def test_s37_more_records_than_one_erasure_takes_are_refused(
    crm: comity.Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    crm.agent("sales").create(ACME, name="Anna")
    for number in range(3):
        crm.agent("support").create(f"ticket/t{number}", title="x", customer="acme")
    monkeypatch.setattr("comity.limits.ERASED_TOGETHER", 3)
    with pytest.raises(LimitExceeded):
        erase(crm, with_referrers=["ticket"])


def test_s37_many_commits_that_name_it_are_listed_bit_by_bit(
    ws: comity.Workspace, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("comity.limits.ERASED_ALSO", 5)
    monkeypatch.setattr("comity.limits.ERASURE_BITE", 3)
    monkeypatch.setattr("comity.limits.CHANGES_PER_PROPOSAL", 3)
    ws.agent("sales").put(ACME, name=f"Anna {SECRET}")
    for number in range(23):
        ws.agent("support").put(f"ticket/t{number}", title="x", reason=f"{ACME} is {SECRET}")
    assert erase(ws).is_done
    assert leaks(path) == []
    assert ws.verify().is_clean


def test_s37_it_is_copied_and_backed_up_as_erased(ws: comity.Workspace, path: Path, tmp_path: Path) -> None:
    write_much(ws)
    before = ws.revision
    erase(ws)
    ws.close()
    folder = tmp_path / "beside"
    folder.mkdir()
    comity.make_backup(path, folder / "crm.backup")
    with pytest.raises(InvalidRequest, match="erased since"):
        comity.restore_backup(folder / "crm.backup", folder / "early.db", at=before)
    comity.restore_backup(folder / "crm.backup", folder / "again.db")
    comity.copy(path, folder / "copy.db")
    for name in ("again.db", "copy.db"):
        with comity.open(folder / name) as again:
            assert again.verify().is_clean
        assert leaks(folder / name) == []

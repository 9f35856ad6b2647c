"""S39: no answer of any operation to who may not see a value tells it; the table of operations is gone through."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import comity
from comity import operations
from comity.model.filters import query
from comity.model.proposals import Effect, Proposal, Put, QueryRead, Read
from comity.operations import OPERATIONS, Request
from comity.testing.manual_clock import ManualClock
from tests.semantics.hiding import ACME, SECRET, SOURCE, Scene, stale_archive, tells, written

Requests = Callable[[Scene, Path], list[Request]]


def _one(request: Request) -> Requests:
    return lambda scene, folder: [request]


def _proposed(scene: Scene, folder: Path) -> list[Request]:
    return [
        operations.Propose(proposal=stale_archive(scene, "stale"), dry=True),
        operations.Propose(proposal=Proposal(id="letter", effects=(Effect("letter", ACME, {"text": "x"}),)), dry=True),
    ]


def _backtest(scene: Scene, folder: Path) -> list[Request]:
    rule = '[[rules]]\nname = "spy"\nwhen = "account.code == \'x\'"\nthen = "refuse"\n'
    return [operations.Backtest(source=f"{SOURCE}\n{rule}"), operations.Backtest(source=SOURCE.replace("readers", "#"))]


def _apply(scene: Scene, folder: Path) -> list[Request]:
    unlimited = SOURCE.replace('pattern = "^[a-z]+-[0-9]+$", owner = "sales", readers = ["audit"]', 'enum = ["a-1"]')
    return [operations.Apply(source=source, dry=True) for source in (SOURCE, unlimited)]


def _import(scene: Scene, folder: Path) -> list[Request]:
    file = folder / "rows.csv"
    file.write_text("id,code,limit\nacme,a-1,3\n")
    return [operations.Import(file=str(file), kind="account", key="id", dry=dry) for dry in (True, False)]


OWN_KINDS = ("$effect", "$override", "$workflow", "$handoff", "$approval", "$alert", "$intent", "$task")
ASKED: dict[str, Requests] = {
    "get": lambda scene, _: [
        operations.Get(record=ref, at=at) for ref in (ACME, "dossier/d1") for at in (None, scene.ws.revision)
    ],
    "get_many": _one(operations.GetMany(records=(ACME, "dossier/d1"))),
    "stale": lambda scene, _: [
        operations.Stale(reads=(Read(ACME, scene.first),)),
        operations.Stale(reads=(Read(ACME, scene.first, ("code",)),)),
        operations.Stale(reads=(QueryRead(query("account", "limit > 3"), scene.first, count=0),)),
    ],
    "find": lambda scene, _: [
        operations.Find(kind="account"),
        operations.Find(kind="account", where=(f"code = {SECRET[:3]}x-1",)),
        operations.Find(kind="account", order=("-limit",)),
        operations.Find(kind="$override"),
        operations.Find(kind="$override", where=("value != 3",)),
        operations.Find(kind="$effect"),
        operations.Find(kind="$workflow"),
        operations.Find(kind="$handoff"),
        operations.Find(kind="$alert"),
    ],
    "count": _one(operations.Count(kind="account", where=("limit > 3",))),
    "put": _one(operations.Put(record=ACME, fields={"code": "a-1"})),
    "set": lambda scene, _: [
        operations.Set(record=ACME, fields={"name": "B"}, assume=("account.limit > 5",)),
        operations.Set(record=ACME, fields={"limit": 3}),
    ],
    "create": _one(operations.Create(record="account/new", fields={"name": "new"})),
    "add": _one(operations.Add(record=ACME, fields={"limit": 1})),
    "include": _one(operations.Include(record=ACME, fields={"log": ["x"]})),
    "exclude": _one(operations.Exclude(record=ACME, fields={"log": ["x"]})),
    "append": _one(operations.Append(record=ACME, fields={"log": ["by support"]})),
    "emit": _one(operations.Emit(record=ACME, event="Rekeyed", fields={"key": "a-1"})),
    "archive": _one(operations.Archive(record=ACME)),
    "restore": _one(operations.Restore(record=ACME)),
    "delete": _one(operations.Delete(record=ACME)),
    "check": _one(operations.Check(record=ACME, fields={"code": "a-1", "name": "C"})),
    "propose": _proposed,
    "history": lambda scene, _: [
        operations.History(record=record, limit=200) for record in (ACME, "dossier/d1", "$override", "$effect", None)
    ],
    "at": lambda scene, _: [operations.At(moment=scene.changed), operations.At(moment=scene.changed, target=ACME)],
    "diff": lambda scene, _: [operations.Diff(since=0), operations.Diff(since=scene.first, target=ACME)],
    "why": lambda scene, _: [
        operations.Why(record=ACME, field=field) for field in ("code", "limit", "log", "name", None)
    ],
    "revert": lambda scene, _: [operations.Revert(commit=scene.changed, dry=True)],
    "erase": _one(operations.Erase(records=(ACME,), reason="asked for", dry=True)),
    "verify": _one(operations.Verify()),
    "refusals": _one(operations.Refusals()),
    "apply": _apply,
    "definition": _one(operations.ShowDefinition()),
    "agents": _one(operations.ListAgents()),
    "issue_key": _one(operations.IssueKey(agent="support")),
    "revoke_key": _one(operations.RevokeKey(agent="support")),
    "announce": _one(operations.Announce(about=(ACME,), plan="look")),
    "withdraw_intent": _one(operations.WithdrawIntent(intent="none")),
    "intents": _one(operations.ListIntents()),
    "news": lambda scene, _: [
        operations.TellNews(records=(ACME, "dossier/d1"), since=scene.first),
        operations.TellNews(records=(ACME,), arrived=(ACME,)),
    ],
    "inbox": _one(operations.ShowInbox()),
    "acknowledge": _one(operations.Acknowledge(items=("none",))),
    "watch": _one(operations.Watch(field=("code",))),
    "unwatch": _one(operations.Unwatch(watch="none")),
    "watches": _one(operations.ListWatches()),
    "feed": _one(operations.ReadFeed(limit=200)),
    "consume": _one(operations.Consume(name="c", limit=200)),
    "confirm": _one(operations.Confirm(name="c", cursor=1)),
    "consumers": _one(operations.ListConsumers()),
    "reset_consumer": _one(operations.ResetConsumer(name="c", after="start")),
    "forget_consumer": _one(operations.ForgetConsumer(name="c")),
    "report": lambda _, folder: [operations.Report(html=str(folder / "report.html")), operations.Report(record=ACME)],
    "rules": _one(operations.ListRules()),
    "test_rules": _one(operations.RunRuleTests()),
    "backtest": _backtest,
    "rollback": _one(operations.Rollback(dry=True)),
    "overrides": _one(operations.ListOverrides()),
    "pin": _one(operations.Pin(record=ACME, field="code", reason="x", ttl="1h")),
    "pause": _one(operations.Pause(agent="sales", reason="x", ttl="1h")),
    "freeze": _one(operations.Freeze(reason="x", ttl="1h")),
    "lift": _one(operations.Lift(override="none")),
    "leases": _one(operations.ListLeases()),
    "take_lease": _one(operations.TakeLease(subjects=(ACME,))),
    "renew_lease": _one(operations.RenewLease(subjects=(ACME,))),
    "release_lease": _one(operations.ReleaseLease(subjects=(ACME,))),
    "break_lease": _one(operations.BreakLease(subject=ACME, reason="x")),
    "offer": _one(operations.Offer(record=ACME, fields={"code": "a-1"})),
    "offer_refused": _one(operations.OfferRefused(proposal="none")),
    "split": _one(operations.Split(proposal=Proposal(id="split", changes=(Put(ACME, {"code": "a-1", "note": "x"}),)))),
    "offers": _one(operations.ListOffers()),
    "decline": lambda scene, _: [operations.Decline(ticket=scene.tickets["offer"], reason="no")],
    "accept": lambda scene, _: [operations.Accept(ticket=scene.tickets["offer"])],
    "withdraw": lambda scene, _: [operations.Withdraw(ticket=scene.tickets["ask"])],
    "approvals": _one(operations.ListApprovals()),
    "approve": lambda scene, _: [operations.Approve(ticket=scene.tickets["ask"])],
    "deny": lambda scene, _: [operations.Deny(ticket=scene.tickets["ask"], reason="no")],
    "grants": _one(operations.ListGrants()),
    "grant": _one(operations.Grant(to="audit", subject="account.status", ttl="1h", reason="x")),
    "revoke": _one(operations.Revoke(grant="none")),
    "wait": lambda scene, _: [operations.Wait(ticket=ticket, timeout="0s") for ticket in scene.tickets.values()],
    "queue": _one(operations.ListQueue()),
    "release": lambda scene, _: [operations.Release(ticket=scene.tickets["queue"])],
    "effects": _one(operations.ListEffects(state="all")),
    "effect": lambda scene, _: [
        operations.ShowEffect(effect=one.effect) for one in scene.ws.effects(state="all").effects
    ],
    "cancel_effects": _one(operations.CancelEffects(agent="sales", reason="x")),
    "retry_effect": _one(operations.RetryEffect(effect="none")),
    "run_effects": _one(operations.RunEffects()),
    "alerts": _one(operations.ListAlerts(over=True)),
    "acknowledge_alert": _one(operations.AcknowledgeAlert(alert="none")),
    "resolve_alert": _one(operations.ResolveAlert(alert="none")),
    "scan_alerts": _one(operations.ScanAlerts()),
    "trace": lambda scene, _: [operations.Trace(event=f"{scene.changed}.0")],
    "workflows": _one(operations.ListWorkflows()),
    "start": _one(operations.Start(workflow="onboard", params={"customer": "acme"}, key="again")),
    "workflow": lambda scene, _: [operations.ShowWorkflow(run=scene.run)],
    "cancel_workflow": lambda scene, _: [operations.CancelWorkflow(run=scene.run)],
    "resume_workflow": lambda scene, _: [operations.ResumeWorkflow(run=scene.run)],
    "tasks": _one(operations.ListTasks(all=True)),
    "finish_task": _one(operations.FinishTask(task="none")),
    "fail_task": _one(operations.FailTask(task="none", answer="x")),
    "import": _import,
    "export": lambda _, folder: [
        *(operations.Export(file=str(folder / f"all.{form}")) for form in ("json", "ndjson")),
        operations.Export(file=str(folder / "accounts.csv"), kind="account"),
        operations.Export(file=str(folder / "found.json"), kind="account", where=("limit > 3",)),
        *(operations.Export(file=str(folder / f"{kind[1:]}.json"), kind=kind) for kind in OWN_KINDS),
    ],
    "stats": _one(operations.Stats()),
}
"""What is asked of each operation, in the order of the table, but for those that would end what others look at."""

SHOWING = (
    "get", "get_many", "stale", "find", "at", "history", "diff", "why", "refusals", "announce", "news", "feed",
    "report", "overrides", "offers", "approvals", "effects", "effect", "workflows", "workflow", "export", "propose",
    "consume",
)  # fmt: skip
"""The operations that show values to who may see them: else nothing would be shown by the rest of these tests."""

ENDING = (
    "decline", "accept", "withdraw", "approve", "deny", "release", "cancel_effects", "cancel_workflow",
    "archive", "restore", "delete", "revoke_key", "pause", "freeze",
)  # fmt: skip


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("s39")
    definition = folder / "comity.toml"
    definition.write_text(SOURCE)
    with comity.open(folder / "bank.db", definition=definition, clock=ManualClock()) as ws:
        yield Scene(ws)


def answers(agent: comity.Agent, scene: Scene, name: str, folder: Path) -> str:
    """Return everything that an agent is answered by an operation, and what is written into files."""
    told = [written(Scene.ask(agent, request)) for request in ASKED[name](scene, folder)]
    files = [file.read_text() for file in sorted(folder.iterdir()) if name != "import"]
    return "\n".join([*told, *files])


def test_s39_every_operation_is_asked() -> None:
    assert set(ASKED) == {row.name for row in OPERATIONS}


@pytest.mark.parametrize("name", SHOWING)
def test_s39_who_may_see_it_is_told(scene: Scene, name: str, tmp_path: Path) -> None:
    assert tells(answers(scene.audit, scene, name, tmp_path))


@pytest.mark.parametrize("name", [*(name for name in ASKED if name not in ENDING), *ENDING])
@pytest.mark.parametrize("who", ["support", "boss"])
def test_s39_who_may_not_is_never_told(scene: Scene, name: str, who: str, tmp_path: Path) -> None:
    told = answers(getattr(scene, who), scene, name, tmp_path)
    assert not tells(told), told

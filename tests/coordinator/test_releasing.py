"""What a release is judged on, and what is said of it."""

from __future__ import annotations

from pathlib import Path

import comity
from comity.coordinator import releasing
from comity.model.decisions import Finding
from comity.model.filters import query
from comity.model.proposals import Add, Effect, Emit, Proposal, QueryRead, Read, Set, Was
from comity.model.records import RecordState


def test_s34_reads_are_rebased_to_the_commit_and_what_was_written_counts_as_read(tmp_path: Path) -> None:
    with comity.open(tmp_path / "crm.db") as ws:
        agent = ws.agent("sales")
        agent.put("customer/acme", status="active")
        agent.put("customer/beta", status="active")
        proposal = Proposal(
            id="p1",
            reads=(
                Read("customer/acme", 1, ("status",), touched=True),
                Read("customer/later", 9),
                Was("customer/beta", {"status": "active"}),
                QueryRead(query("customer"), 1, ("acme",)),
                QueryRead(query("customer"), 1, None, 1),
            ),
            changes=(Set("customer/beta", {"plan": "gold"}), Add("customer/acme", {"n": 1}), Emit("$lease/x", "left")),
            effects=(Effect("email", "customer/acme"), Effect("log")),
        )
        with ws._engine.store.snapshot() as snapshot:
            compiled = ws._engine.coordinator.definition(snapshot)
            later = releasing.LaterSteps(None, ws._engine.coordinator.view(snapshot), lambda _: None)
            found = list(releasing.rebased(proposal, 2, compiled, snapshot, later))
    assert found[:3] == [
        Read("customer/acme", 2, ("status",), touched=True),
        Read("customer/later", 9),
        Read("customer/beta", 2, ("status",), whole=False, touched=True),
    ]
    assert [(one.revision, one.members, one.count) for one in found[3:5] if isinstance(one, QueryRead)] == [
        (2, ("acme", "beta"), None),
        (2, None, 2),
    ]
    assert found[5:] == [
        Read("customer/beta", 2, (), whole=False),
        Read("customer/beta", 2, ("plan",), whole=False, touched=True),
        Read("customer/acme", 2, (), whole=False),
        Read("customer/acme", 2, (), whole=False),
    ]


def test_what_is_said_names_the_effect_and_what_to_do() -> None:
    effect = RecordState("$effect", "email~1", 1, "live", values={"agent": "sales"})
    findings = [Finding("rule.r", "Support goes first.", severity="defer")]
    assert releasing.held_up(effect, findings).message == "$effect/email~1 is held up: Support goes first."
    assert releasing.cancelled(effect, "no").remedy == "sales may look again, and want it anew if it still makes sense."
    assert releasing.suspect(effect).code == "effect.suspect"
    assert releasing.lost().code == "effect.lost"

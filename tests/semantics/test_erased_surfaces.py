"""S37: no answer of any operation tells what was erased, nor breaks on it; the table of operations is gone through."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import comity
from comity import operations
from comity.operations import OPERATIONS
from comity.testing.manual_clock import ManualClock
from tests.semantics.hiding import ACME, SECRET, SOURCE, Scene, tells, written
from tests.semantics.test_s39_surfaces import ASKED, ENDING


@contextmanager
def erased_in(folder: Path) -> Generator[Scene]:
    """Give a workspace in which all that had the secret is over, and was erased."""
    definition = folder / "comity.toml"
    definition.write_text(SOURCE)
    clock = ManualClock()
    with comity.open(folder / "bank.db", definition=definition, clock=clock) as ws:
        scene = Scene(ws)
        erase(scene, clock)
        yield scene


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with erased_in(tmp_path_factory.mktemp("s37")) as scene:
        yield scene


def erase(scene: Scene, clock: ManualClock) -> None:
    """Close what is open, as a refused erasure names it, and erase."""
    boss = scene.boss
    for override in boss.overrides().overrides:
        boss.lift(override)
    scene.ws._engine.do_due()
    boss.pin(ACME, "code", value=SECRET, reason="fixed again", ttl="1h")
    granted = scene.sales.grant("audit", f"{ACME}.code", ttl="1h", reason=f"for {SECRET}")
    with scene.audit.lease(ACME):
        pass
    refused = boss.erase(ACME, "dossier/d1", reason="asked for", dry=True)
    in_the_way = {finding.subject for finding in refused.decision.refusals}
    assert set(scene.tickets.values()) <= in_the_way
    for override in boss.overrides().overrides:
        boss.lift(override)
    boss.cancel_workflow(scene.run, reason=SECRET)
    for _ in range(5):
        clock.advance(seconds=2)
        scene.ws._engine.do_due()
    for ticket in scene.tickets.values():
        scene.sales.answer(operations.Withdraw(ticket=ticket))
    boss.cancel_effects(agent="sales", reason=SECRET)
    boss.revoke(granted, reason=SECRET)
    answer = boss.erase(ACME, "dossier/d1", reason="asked for")
    assert answer.is_done
    assert {ref.partition("/")[0] for ref in answer.speaking} >= {
        "$approval", "$effect", "$grant", "$handoff", "$intent", "$lease", "$override", "$queue", "$task", "$workflow",
    }  # fmt: skip


@pytest.mark.parametrize("name", sorted({row.name for row in OPERATIONS}.difference(ENDING)))
def test_s37_no_operation_tells_what_was_erased(scene: Scene, tmp_path: Path, name: str) -> None:
    for agent in (scene.audit, scene.boss):
        told = [written(Scene.ask(agent, request)) for request in ASKED[name](scene, tmp_path)]
        files = [file.read_text() for file in sorted(tmp_path.iterdir()) if name != "import"]
        assert not any(map(tells, (*told, *files)))


def test_s37_the_files_hold_nothing_of_it_and_the_log_is_whole(scene: Scene) -> None:
    path = Path(scene.ws.url)
    assert [file.name for file in path.parent.iterdir() if SECRET.encode() in file.read_bytes()] == []
    assert scene.ws.verify().problems == ()


@pytest.mark.parametrize("name", ENDING)
def test_s37_what_ended_can_be_asked_for_and_is_told_as_gone(scene: Scene, tmp_path: Path, name: str) -> None:
    for request in ASKED[name](scene, tmp_path):
        assert not tells(written(Scene.ask(scene.sales, request)))


def test_s37_whoever_comes_back_is_worked_with_again(tmp_path: Path) -> None:
    """Under the same name, with the same keys of effects and leases."""
    with erased_in(tmp_path) as scene:
        sales = scene.sales
        sales.create(ACME, name="Acme again", code="a-1")
        for _ in range(2):
            with sales.intent("write") as intent:
                intent.get(ACME, "name")
                intent.effect("letter", ACME, text="hello", once="welcome")
            scene.boss.cancel_effects(agent="sales", reason="x")
            scene.boss.erase(ACME, reason="asked for once more")
            sales.create(ACME, name="Acme again", code="a-1")
        with scene.support.lease(ACME):
            assert scene.ws.get(ACME).name == "Acme again"
        assert sales.start("onboard", customer="acme").run
        assert scene.ws.verify().problems == ()

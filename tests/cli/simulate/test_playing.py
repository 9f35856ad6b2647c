"""The same work in every world: each pattern takes away what it is there for, and the README says what comes of it."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from comity.cli import main
from comity.cli.simulate.acts import Run
from comity.cli.simulate.judging import ANOMALIES, Verdict
from comity.cli.simulate.picture import draw
from comity.cli.simulate.playing import simulate
from comity.cli.simulate.showing import Simulated, as_markdown
from comity.cli.simulate.staging import WORLDS, Stage

ROOT = Path(__file__).parents[3]

GONE_FROM = {
    "lost updates": "versions",
    "stale decisions": "field reads",
    "cross-domain writes": "ownership",
    "cascades": "ownership",
    "dangling references": "guards",
    "tone-deaf e-mails": "effect gate",
}
"""In which world each sort of anomaly is seen no more."""


@pytest.fixture(scope="module")
def worlds() -> dict[str, Verdict]:
    return {verdict.world: verdict for verdict in simulate(seed=3, actions=300)}


@pytest.mark.parametrize("anomaly", ANOMALIES)
def test_each_pattern_takes_away_what_it_is_there_for(worlds: dict[str, Verdict], anomaly: str) -> None:
    first = WORLDS.index(GONE_FROM[anomaly])
    assert worlds["none"].anomalies[anomaly] > 0
    assert [worlds[name].anomalies[anomaly] for name in WORLDS[first:]] == [0.0] * len(WORLDS[first:])


def test_rules_and_the_gate_each_keep_letters_back(worlds: dict[str, Verdict]) -> None:
    deaf = [worlds[name].anomalies["tone-deaf e-mails"] for name in ("guards", "rules", "effect gate")]
    assert deaf[0] > deaf[1] >= deaf[2] == 0
    assert worlds["effect gate"].sent > 0


def test_field_reads_cost_fewer_model_runs_than_versions(worlds: dict[str, Verdict]) -> None:
    assert worlds["field reads"].thoughts_per_act < worlds["versions"].thoughts_per_act
    assert worlds["field reads"].accepted > worlds["versions"].accepted


def test_a_seed_is_the_same_history_again(tmp_path: Path) -> None:
    assert _history(tmp_path / "one", 5) == _history(tmp_path / "two", 5) != _history(tmp_path / "other", 6)


def _history(folder: Path, seed: int) -> list[object]:
    folder.mkdir()
    runs = [Stage(world, folder, seed, 80, lambda: None).run() for world in ("none", "effect gate")]
    return [[getattr(run, name) for name in Run.__struct_fields__ if name != "world_s"] for run in runs]


def test_the_command_prints_a_table_and_draws(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = tmp_path / "picture.svg"
    assert main(["simulate", "--actions", "60", "--svg", str(picture)]) == 0
    said = capsys.readouterr().out
    assert all(world in said for world in WORLDS)
    assert "Drawn in" in said
    assert ElementTree.parse(picture).getroot().get("role") == "img"


def test_the_command_prints_a_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "--seed", "2", "--actions", "60", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [world["world"] for world in document["worlds"]] == list(WORLDS)
    assert (document["seed"], document["actions"]) == (2, 60)


@pytest.mark.parametrize(
    "words", [["--actions", "0"], ["--actions", "100001"], ["--svg", "no/such/folder.svg", "--actions", "20"]]
)
def test_what_cant_be_simulated_is_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", *words]) == 2
    assert "error" in capsys.readouterr().err


@pytest.mark.slow
def test_the_readme_shows_what_the_command_says() -> None:
    verdicts = simulate(seed=1, actions=1_000)
    assert as_markdown(verdicts) in (ROOT / "README.md").read_text(encoding="utf-8")
    drawn = (ROOT / "docs/assets/simulate.svg").read_text(encoding="utf-8")
    assert draw(Simulated(1, 1_000, tuple(verdicts))) == drawn

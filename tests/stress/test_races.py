"""Races with a barrier between look and write: all decided right, in threads and processes, on both stores."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import pytest

import comity
from tests.server import shared
from tests.stress.races import RACERS, SHAPES, Barrier, Shape

pytestmark = pytest.mark.slow
WAIT_S = 60
PLACES = ["a file", "a database"]


def by_name(shape: Shape) -> str:
    return shape.name


def judge(shape: Shape, workspace: comity.Workspace, won: Sequence[bool]) -> None:
    assert sum(won) == shape.winners, f"{shape.name}: {won}"
    assert shape.holds(workspace.agent("judge"))
    assert workspace.verify().is_clean


def new_place(place: str, folder: Path) -> str:
    """Return the url of a workspace that isn't there yet."""
    return str(folder / "races.db") if place == "a file" else shared().new_workspace()


@pytest.mark.parametrize("handles", [1, 2], ids=["one handle", "two handles"])
@pytest.mark.parametrize("shape", SHAPES, ids=by_name)
@pytest.mark.parametrize("place", PLACES)
def test_threads(shape: Shape, handles: int, place: str, tmp_path: Path) -> None:
    """Two handles have a coordinator and a memory each, as two processes have."""
    url = new_place(place, tmp_path)
    opened = [comity.open(url) for _ in range(handles)]
    shape.prepare(opened[0].agent("maker"))
    barrier = threading.Barrier(RACERS, timeout=WAIT_S)

    def race(number: int) -> bool:
        return shape.race(opened[number % handles].agent(f"racer-{number}"), number, barrier).is_committed

    with ThreadPoolExecutor(RACERS) as racers:
        won = list(racers.map(race, range(RACERS)))
    judge(shape, opened[0], won)
    for one in opened:
        one.close()


places: list[Barrier] = []
"""Of each race, where its racers wait for each other: in the process of a racer, who must inherit them."""


def _meet(barriers: Sequence[Barrier]) -> None:
    places.extend(barriers)


def _race(url: str, number: int) -> list[tuple[str, bool]]:
    with comity.open(url) as workspace:
        agent = workspace.agent(f"racer-{number}")
        return [
            (shape.name, shape.race(agent, number, barrier).is_committed)
            for shape, barrier in zip(SHAPES, places, strict=True)
        ]


@pytest.fixture(scope="module", params=PLACES)
def raced(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[comity.Workspace, list[tuple[str, bool]]]]:
    """Return a base on which processes have run all races, one after the other, and who won which."""
    url, context = new_place(request.param, tmp_path_factory.mktemp("races")), multiprocessing.get_context("spawn")
    barriers = [context.Barrier(RACERS, timeout=WAIT_S) for _ in SHAPES]
    with comity.open(url) as workspace:
        for shape in SHAPES:
            shape.prepare(workspace.agent("maker"))
        with ProcessPoolExecutor(RACERS, context, _meet, (barriers,)) as racers:
            won = [one for each in racers.map(_race, [url] * RACERS, range(RACERS)) for one in each]
        yield workspace, won


@pytest.mark.parametrize("shape", SHAPES, ids=by_name)
def test_processes(shape: Shape, raced: tuple[comity.Workspace, list[tuple[str, bool]]]) -> None:
    workspace, won = raced
    judge(shape, workspace, [has_won for name, has_won in won if name == shape.name])

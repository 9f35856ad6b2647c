"""What undoes a step, less what the step found so already."""

from __future__ import annotations

import pytest

from comity.coordination.written import Changed, put_back
from comity.model.proposals import AnyChange, Archive, Effect, Emit, Exclude, Include, Restore, Set
from comity.model.workflows import StepDefinition, Work

A, B = "customer/a", "customer/b"
MAIL = (Effect(name="email"),)


def step(work: tuple[AnyChange, ...], undo: tuple[AnyChange, ...], effects: tuple[Effect, ...] = ()) -> StepDefinition:
    done = Work(agent="sales", changes=work, effects=effects)
    return StepDefinition(name="s", work=done, undo=Work(agent="sales", changes=undo))


SET, BACK = Set(A, {"x": 1, "y": 1}), Set(A, {"x": 0, "y": 0, "z": 0})


@pytest.mark.parametrize(
    ("work", "undo", "changed", "left"),
    [
        ((SET,), (BACK,), {A: frozenset({"x", "y"})}, (BACK,)),
        ((SET,), (BACK,), {A: frozenset({"x"})}, (Set(A, {"x": 0, "z": 0}),)),
        ((SET,), (Set(A, {"y": 0}),), {A: frozenset({"x"})}, None),
        ((SET,), (BACK,), {A: None}, (BACK,)),
        ((SET,), (BACK,), {}, None),
        ((SET, Set(B, {"x": 1})), (BACK, Set(B, {"x": 0})), {B: frozenset({"x"})}, (Set(B, {"x": 0}),)),
        ((SET,), (Set(B, {"x": 0}),), {A: frozenset({"x"})}, (Set(B, {"x": 0}),)),
        ((Archive(A),), (Restore(A),), {A: frozenset[str]()}, (Restore(A),)),
        ((Archive(A), Set(B, {"x": 1})), (Restore(A),), {B: frozenset({"x"})}, None),
        ((Include(A, {"x": [1]}),), (Exclude(A, {"x": [1]}),), {A: frozenset({"y"})}, None),
        ((Emit(A, "Left"),), (Emit(A, "Came"),), {A: frozenset({"x"})}, (Emit(A, "Came"),)),
        ((), (BACK,), {}, (BACK,)),
    ],
)
def test_only_what_a_step_changed_is_put_back(
    work: tuple[AnyChange, ...], undo: tuple[AnyChange, ...], changed: Changed, left: tuple[AnyChange, ...] | None
) -> None:
    found = put_back(step(work, undo), changed)
    assert (None if found is None else found.changes) == left


def test_what_a_step_wanted_done_outside_is_made_good_though_it_changed_nothing() -> None:
    other = Set(B, {"x": 0})
    found = put_back(step((SET,), (BACK, other), MAIL), {})
    assert found is not None
    assert found.changes == (other,)
    assert put_back(StepDefinition(name="s", work=Work(agent="sales", changes=(SET,))), {}) is None

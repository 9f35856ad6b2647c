"""Leases as handles: entered, left, renewed, given back; in threads and in event loops."""

from __future__ import annotations

import asyncio
import threading

import pytest

import comity
from comity.errors import InvalidRequest, Refused
from comity.testing.manual_clock import ManualClock

ACME = "customer/acme"


def test_a_block_holds_it_and_gives_it_back(base: comity.Workspace) -> None:
    with base.agent("ann").lease(ACME, "name:printer") as lease:
        assert lease.is_held
        assert lease.subjects == (ACME, "name:printer")
        assert lease.tokens == {ACME: lease.token, "name:printer": lease.token}
        assert "held until" in repr(lease)
        assert [place.hold for place in base.leases().places] == [lease.hold, lease.hold]
    assert not lease.is_held
    assert "not held" in repr(lease)
    assert base.leases().places == ()


def test_an_exception_in_the_block_rises_and_gives_it_back(base: comity.Workspace) -> None:
    with pytest.raises(KeyError), base.agent("ann").lease(ACME):
        raise KeyError
    assert base.leases().places == ()


def test_leaving_tells_of_a_lease_that_lapsed_but_hides_no_exception(
    base: comity.Workspace, clock: ManualClock
) -> None:
    with pytest.raises(Refused, match=r"lease\.lapsed"), base.agent("ann").lease(ACME, ttl=30):
        clock.advance(seconds=30)
    with pytest.raises(KeyError), base.agent("ann").lease(ACME, ttl=30):
        raise KeyError(clock.advance(seconds=30))


def test_a_lease_can_be_taken_again(base: comity.Workspace, clock: ManualClock) -> None:
    lease = base.agent("ann").lease(ACME, ttl=30)
    with lease:
        first = lease.token
    with lease:
        assert lease.token != first
        clock.advance(seconds=10)
        assert lease.renew(60).expires_at == lease.expires_at == "2023-11-14T22:14:30Z"
    lease.take()
    clock.advance(seconds=31)
    assert lease.take().token == lease.token


def test_s33_a_single_write_goes_under_a_lease_too(base: comity.Workspace, clock: ManualClock) -> None:
    ann, bob = base.agent("ann"), base.agent("bob")
    lease = ann.lease(ACME, ttl=30)
    lease.take()
    assert ann.put(ACME, n=1, leases=lease).is_committed
    assert ann.add(ACME, n=1, leases=[lease]).is_committed
    assert ann.set(ACME, n=3, was={"n": 2}, leases=lease.tokens).is_committed
    clock.advance(seconds=31)
    with bob.lease(ACME):
        pass
    assert ann.put(ACME, m=1).is_committed, "nobody has it"
    with pytest.raises(Refused, match=r"lease\.lapsed"):
        ann.put(ACME, m=2, was={"m": 1}, leases=lease)


def test_an_offer_takes_no_lease(base: comity.Workspace) -> None:
    ann = base.agent("ann")
    with ann.lease(ACME) as lease, pytest.raises(InvalidRequest, match="under no lease"):
        ann.offer(ACME, n=1, leases=lease)


def test_an_intent_takes_tokens_of_a_lease(base: comity.Workspace) -> None:
    ann = base.agent("ann")
    with ann.lease(ACME) as lease, ann.intent(leases=lease.tokens) as intent:
        intent.put(ACME, n=1)
    assert base.get(ACME).n == 1
    with pytest.raises(InvalidRequest, match="is no lease"):
        ann.intent(leases=5)


def test_there_is_no_token_before_it_was_taken(base: comity.Workspace) -> None:
    lease = base.agent("ann").lease(ACME)
    assert lease.expires_at == ""
    with pytest.raises(InvalidRequest, match="was not taken yet"):
        _ = lease.token


def test_an_intent_carries_the_tokens_of_all_its_leases(base: comity.Workspace) -> None:
    ann = base.agent("ann")
    ann.put(ACME, status="active")
    with ann.lease(ACME) as first, ann.lease("name:printer") as second:
        with ann.intent(leases=[first, second]) as intent:
            intent.get(ACME).set(status="won")
        second.release()
        late = ann.intent(leases=(first, second))
        late.get(ACME).set(status="lost")
        assert [finding.subject for finding in late.propose().refusals] == ["name:printer"]


@pytest.mark.parametrize("wrong", [1.5, True, ["5m"]])
def test_a_span_is_a_text_or_whole_seconds(base: comity.Workspace, wrong: object) -> None:
    with pytest.raises(InvalidRequest, match="ttl: a span is a text such as '10m', or whole seconds"):
        base.agent("ann").lease(ACME, ttl=wrong)  # type: ignore[arg-type]


def test_one_field_may_be_named_without_a_list(base: comity.Workspace) -> None:
    base.agent("ann").lease(ACME, fields="status", breakable_by="ops").take()
    [place] = base.leases().places
    assert place.fields == ("status",)
    assert base.agent("ops").break_lease(ACME, reason="r").is_committed


def test_renewing_and_releasing_by_name(base: comity.Workspace) -> None:
    ann = base.agent("ann")
    lease = ann.lease(ACME)
    lease.take()
    assert ann.renew_lease(ACME, ttl="1h").hold == lease.hold
    assert ann.release_lease(ACME).is_committed
    with pytest.raises(Refused):
        ann.release_lease(ACME)


def test_who_waits_in_a_thread_is_woken(base: comity.Workspace) -> None:
    entered = threading.Event()

    def work() -> None:
        with base.agent("bob").lease(ACME, wait="60s"):
            entered.set()

    with base.agent("ann").lease(ACME):
        thread = threading.Thread(target=work)
        thread.start()
        assert not entered.wait(0.01)
    thread.join(60)
    assert entered.is_set()


def test_a_loop_goes_on_while_one_waits(base: comity.Workspace) -> None:
    async def work() -> list[str]:
        seen: list[str] = []
        ann, bob = base.async_agent("ann"), base.async_agent("bob")

        async def wait() -> None:
            async with bob.lease(ACME, wait="60s") as lease:
                seen.append(f"bob {lease.token == lease.tokens[ACME]}")
                async with lease.intent() as intent:
                    intent.put(ACME, status="won")

        async with ann.lease(ACME) as lease:
            task = asyncio.create_task(wait())
            while len(base.leases().places) < 2:
                await asyncio.sleep(0)
            assert (await lease.renew("1h")).state == "held"
            seen.append("ann")
        await task
        return seen

    assert asyncio.run(work()) == ["ann", "bob True"]
    assert base.get(ACME).status == "won"


def test_more_tasks_than_there_are_threads_can_wait(base: comity.Workspace) -> None:
    """Who holds it needs a thread to give it up: those who wait must leave one."""
    served: list[int] = []

    async def work(number: int) -> None:
        async with base.async_agent(f"agent_{number}").lease(ACME, wait="60s"):
            served.append(number)
            await asyncio.sleep(0)

    async def crowd() -> None:
        await asyncio.gather(*map(work, range(40)))

    asyncio.run(crowd())
    assert sorted(served) == list(range(40))
    assert base.leases().places == ()


def test_a_task_whose_turn_does_not_come_in_time_leaves_the_line(base: comity.Workspace) -> None:
    async def work() -> None:
        with pytest.raises(Refused, match=r"lease\.held"):
            await base.async_agent("ann").lease(ACME, wait=1).take()
        with pytest.raises(InvalidRequest, match="wait"):
            await base.async_agent("ann").lease(ACME, wait="soon").take()

    with base.agent("bob").lease(ACME):
        asyncio.run(work())
        assert [place.agent for place in base.leases().places] == ["bob"]


def test_a_wait_that_is_cancelled_gives_up_its_place(base: comity.Workspace) -> None:
    async def work() -> None:
        task = asyncio.create_task(base.async_agent("bob").lease(ACME, wait="60s").take())
        while len(base.leases().places) < 2:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with base.agent("ann").lease(ACME):
        asyncio.run(work())
        assert [place.agent for place in base.leases().places] == ["ann"]
    assert base.leases().places == ()

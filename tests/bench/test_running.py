"""The benchmarks run and write what they promise; how fast anything is, no test asserts."""

from __future__ import annotations

import asyncio
import io
import math
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from bench import commits, contention, report, workbench
from bench.acting import Diary, Think
from bench.by_hand import ByHand, Stale
from bench.contention import STRATEGIES
from bench.measuring import (
    Pair,
    Panel,
    Sample,
    Sizes,
    alternate,
    latency_rows,
    median,
    rate_row,
    run_tasks,
    run_threads,
)
from bench.report import Report
from bench.running import MEASURES, run
from bench.workbench_tables import generate_tables

TINY = Sizes(
    rounds=1, seconds=0.05, callers=(1, 2), tasks=2, records=5, depths=(3,), reads=20, replayed=30, think_s=0.001,
    rules=(2,), judged=10, handovers=2, queued=20, crowds=(2,), think_span_s=(0.0001, 0.001), turns=1.0,
)  # fmt: skip


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Report:
    results = tmp_path_factory.mktemp("results")
    found = run(list(MEASURES), TINY, results)
    assert not list(results.iterdir()), "the bases that were measured on are left behind"
    return found


def test_each_benchmark_yields_rows(found: Report) -> None:
    whats = {row.what.partition(",")[0] for row in found.rows}
    assert whats == {
        "commit", "get", "history", "as of a revision", "replay and verify", "hot record", "judging",
        "lease hand-over", "release of a queue", "feed", "commits that are followed",
        "release and delivery of effects", "steps of workflows", "HTTP commit",
    }  # fmt: skip


def test_rows_are_well_formed(found: Report) -> None:
    check_rows(found)


def check_rows(found: Report) -> None:
    for row in found.rows:
        assert row.what
        assert row.cell
        assert row.ours >= 0
        assert row.ratio is None or row.ratio >= 0
        assert row.aim is None or row.ratio is not None
    assert len({(row.what, row.cell) for row in found.rows}) == len(found.rows)


def test_contention_is_shown_drawn_and_saved(tmp_path: Path) -> None:
    shown = io.StringIO()
    drawn: dict[Path, Sequence[Panel]] = {}
    outcomes = contention.report(
        tmp_path, Console(file=shown, width=200), TINY, lambda panels, path: drawn.update({path: panels})
    )
    assert {one.strategy for one in outcomes} == set(STRATEGIES)
    assert "exclusive intent" in shown.getvalue()
    assert [path.name for path in tmp_path.iterdir()] == ["contention.json"]
    assert [*drawn] == [tmp_path / "contention.svg"]
    assert all(set(panel.lines) == set(STRATEGIES) for panels in drawn.values() for panel in panels)
    check_rows(msgspec.json.decode((tmp_path / "contention.json").read_bytes(), type=Report))


def test_the_report_is_saved_and_shown(found: Report, tmp_path: Path) -> None:
    report.save(found, tmp_path / "latest.json")
    read = msgspec.json.decode((tmp_path / "latest.json").read_bytes())
    assert set(read["rows"][0]) == {"what", "cell", "ours", "baseline", "unit", "ratio", "p99_ratio", "aim"}
    assert read["environment"]["sync_ms"] > 0
    shown = io.StringIO()
    report.show(found, Console(file=shown, width=200))
    assert "replay and verify" in shown.getvalue()


@pytest.mark.slow
def test_the_workbench_report_is_printed_and_saved(tmp_path: Path) -> None:
    shown = io.StringIO()
    outcomes = workbench.report(tmp_path, Console(file=shown, width=200), generate_tables())
    assert "generated" in shown.getvalue()
    assert len(msgspec.json.decode((tmp_path / "workbench.json").read_bytes())) == len(outcomes) == 2


# -- measuring


def sample(*latencies: tuple[float, ...], seconds: float = 1.0) -> Sample:
    return Sample(latencies, tuple(map(len, latencies)), seconds, 0.5)


def test_a_sample_knows_rates_shares_and_quantiles() -> None:
    one = sample((0.1, 0.2, 0.3), (0.4,), seconds=2.0)
    assert one.rate == 2.0
    assert (one.least_share, one.most_share) == (0.5, 1.5)
    assert (one.quantile(0.0), one.quantile(0.99)) == (0.1, 0.4)
    assert one.cpu_us == pytest.approx(125_000)


def test_ratios_above_1_are_better_for_us() -> None:
    pair = Pair(sample((0.1, 0.1)), sample((0.4,)))
    assert (pair.ratio, pair.p99_ratio) == (2.0, 4.0)


def test_who_goes_first_changes_from_round_to_round() -> None:
    order: list[str] = []

    def side(name: str) -> Sample:
        order.append(name)
        return sample((0.1,))

    alternate(3, lambda: side("ours"), lambda: side("hand"))
    assert order == ["ours", "hand", "hand", "ours", "ours", "hand"]


def idle(*, done: bool) -> Sample:
    """Return what two callers did who both took longer than the window, or of whom one just made it."""
    return Sample(((2.0,), (3.0,)), (int(done), 0), 1.0, 0.5)


def test_a_sample_in_which_nobody_was_done_has_a_rate_of_nothing_that_was_shared_fairly() -> None:
    one = idle(done=False)
    assert (one.rate, one.least_share, one.most_share) == (0.0, 1.0, 1.0)
    assert (one.cpu_us, one.wasted_share, one.quantile(0.99)) == (250_000, 0.0, 3.0)


@pytest.mark.parametrize("ours", [True, False])
@pytest.mark.parametrize("theirs", [True, False])
def test_rows_bear_samples_in_which_hardly_anybody_was_done(ours: bool, theirs: bool) -> None:
    pairs = [Pair(idle(done=ours), idle(done=theirs))]
    rows = [*commits.rows_of("64 threads", pairs, 64), *latency_rows("job", "cell", pairs), rate_row("job", "c", pairs)]
    assert all(math.isfinite(number) for row in rows for number in (row.ours, row.baseline or 0, row.ratio or 0))


def test_threads_and_tasks_go_on_until_one_of_them_is_done() -> None:
    def work() -> None:
        time.sleep(0.001)

    async def async_work() -> None:
        await asyncio.sleep(0.001)

    for one in (run_threads([work, work], 0.0), run_tasks([async_work, async_work], 0.0)):
        assert 1 <= sum(one.done) <= 2
        assert one.seconds >= 0.001
        assert list(map(len, one.latencies)) == [1, 1]


@pytest.mark.parametrize("name", ["commits", "hot_record"])
def test_a_window_within_which_nobody_can_be_done_yields_rows_all_the_same(name: str, tmp_path: Path) -> None:
    check_rows(run([name], msgspec.structs.replace(TINY, seconds=0.0), tmp_path))


def test_an_agent_that_comes_too_late_does_one_job_all_the_same() -> None:
    diary = Diary()
    assert list(diary.work(lambda: iter([Think(0.0)]), time.perf_counter, until=0.0)) == [Think(0.0)]
    assert (len(diary.waits), diary.served) == (1, 0)


def test_threads_work_until_the_deadline() -> None:
    done: list[int] = []
    one = run_threads([lambda: done.append(1), lambda: done.append(2)], 0.01)
    assert sum(map(len, one.latencies)) == len(done)
    assert set(done) == {1, 2}


def test_medians_have_four_digits() -> None:
    assert median([1.23456, 9.0, 0.1]) == 1.235


# -- the baseline does the whole job


@pytest.fixture
def by_hand(tmp_path: Path) -> ByHand:
    base = ByHand(tmp_path / "by_hand.db")
    base.prepare({"customer/1": {"status": "active"}}, [("customer", "status", "support")])
    return base


def set_status(base: ByHand, agent: str, version: int, status: str, *, allowed: bool = True) -> None:
    reads = {"customer/1": version}
    base.commit(agent, reads, "customer/1", "status", status, lambda before, after: allowed, "StatusChanged", "why")


def test_by_hand_commits_with_an_audit_row_and_a_chain(by_hand: ByHand) -> None:
    set_status(by_hand, "support", 1, "at_risk")
    assert by_hand.get("customer/1") == (2, {"status": "at_risk"})
    newest = by_hand.history("customer/1", 10)[0]
    assert newest[2:] == ("support", "StatusChanged", "why", {"status": "active"}, {"status": "at_risk"})
    assert by_hand.as_of("customer/1", 1) == {"status": "active"}
    assert by_hand.replay() == 2
    by_hand.close()


@pytest.mark.parametrize(
    ("agent", "version", "allowed", "error"),
    [("sales", 1, True, PermissionError), ("support", 9, True, Stale), ("support", 1, False, ValueError)],
)
def test_by_hand_refuses_what_comity_refuses(
    by_hand: ByHand, agent: str, version: int, allowed: bool, error: type[Exception]
) -> None:
    with pytest.raises(error):
        set_status(by_hand, agent, version, "at_risk", allowed=allowed)
    assert by_hand.get("customer/1") == (1, {"status": "active"})
    by_hand.close()

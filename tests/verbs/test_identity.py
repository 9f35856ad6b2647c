"""Keys: shown once, kept as a hash, in the log that they were issued (S23, S25)."""

from __future__ import annotations

from pathlib import Path

import pytest

import comity
from comity.testing.manual_clock import ManualClock
from tests.verbs.conftest import Open

AGENTS = '[agents]\nbot = {}\nann = { role = "ops", kind = "human" }\n[kinds.task]\n'


def test_s25_a_human_works_with_a_key_and_only_with_it(open_base: Open) -> None:
    base = open_base(AGENTS)
    with pytest.raises(comity.Refused, match="key_needed"):
        base.agent("ann").put("task/a")
    issued = base.issue_key("ann", reason="new here")
    assert base.agent("ann", key=issued.key).put("task/a").is_committed
    assert base.history("task/a").events[0].known == "key"
    (human,) = [one for one in base.agents().agents if one.agent == "ann"]
    assert (human.key_id, human.key_status) == (issued.key_id, "active")


def test_the_secret_is_nowhere_in_the_file(open_base: Open, tmp_path: Path) -> None:
    base = open_base(AGENTS)
    secret = base.issue_key("ann").key.split("_", 2)[2].encode()
    base.close()
    assert all(secret not in file.read_bytes() for file in tmp_path.iterdir() if file.is_file())


@pytest.mark.parametrize(
    "wrong", ["", "comity_x_y", "other", "truncated", "of another agent", "replaced", "revoked", "expired"]
)
def test_a_key_that_is_not_good_is_refused_without_telling_why(open_base: Open, clock: ManualClock, wrong: str) -> None:
    base = open_base(AGENTS)
    issued = base.issue_key("ann", days=1)
    secret, agent = issued.key, "ann"
    match wrong:
        case "truncated":
            secret = secret[:-1]
        case "other":
            secret = secret[:-4] + "AAAA"
        case "of another agent":
            agent = "bot"
        case "replaced":
            base.agent("ann", key=secret).issue_key("ann")
        case "revoked":
            base.agent("ann", key=secret).revoke_key("ann")
        case "expired":
            clock.advance(seconds=86_400)
        case _:
            secret = wrong
    with pytest.raises(comity.NotPermitted, match="this key is not good"):
        base.agent(agent, key=secret)


def test_s06_a_key_expires_by_store_time_whatever_the_wall_clock_says(open_base: Open, clock: ManualClock) -> None:
    base = open_base(AGENTS)
    clock.jump(seconds=-10 * 86_400)
    ann = base.agent("ann", key=base.issue_key("ann", days=1).key)
    assert ann.put("task/a").is_committed
    clock.advance(seconds=86_400 + 7_200)
    with pytest.raises(comity.Refused, match="key_revoked"):
        ann.put("task/b")


def test_a_handle_ends_with_its_key(open_base: Open) -> None:
    base = open_base(AGENTS)
    ann = base.agent("ann", key=base.issue_key("ann").key)
    ann.put("task/a")
    ann.revoke_key("ann", reason="left")
    with pytest.raises(comity.Refused, match="key_revoked"):
        ann.put("task/b")


def test_s23_once_a_human_has_a_key_the_system_s_user_is_no_operator(open_base: Open) -> None:
    base = open_base(AGENTS)
    base.issue_key("ann")
    with pytest.raises(comity.Refused, match="not_operator"):
        base.issue_key("ann")
    with pytest.raises(comity.Refused, match="not_operator"):
        base.agent("bot").issue_key("bot")


@pytest.mark.parametrize(("agent", "days"), [("ann", 0), ("ann", -1), ("ann", 10**9), ("no name", None), ("a/b", None)])
def test_what_no_key_can_be_issued_for(open_base: Open, agent: str, days: int | None) -> None:
    base = open_base(AGENTS)
    with pytest.raises(comity.InvalidRequest):
        base.issue_key(agent, days=days)
    assert base.revision == 1


def test_s25_keys_are_for_declared_agents(open_base: Open) -> None:
    base = open_base(AGENTS)
    with pytest.raises(comity.Refused, match="did you mean 'ann'") as refused:
        base.issue_key("anne")
    assert [finding.code for finding in refused.value.decision.findings] == ["identity.unknown"]
    assert base.issue_key("ann").key


def test_s25_a_declared_agent_with_a_key_acts_with_it_alone_and_is_no_operator(open_base: Open) -> None:
    base = open_base(AGENTS)
    assert base.agent("bot").put("task/a").is_committed
    issued = base.issue_key("bot")
    assert issued.findings == (), "the system's user goes on operating: no human has a key yet"
    with pytest.raises(comity.Refused, match="'bot' has a key, and acts only with it"):
        base.agent("bot").put("task/b")
    bot = base.agent("bot", key=issued.key)
    assert bot.put("task/b").is_committed
    with pytest.raises(comity.Refused, match=r"identity\.not_operator"):
        bot.issue_key("ann")
    assert base.revoke_key("bot").is_committed
    assert base.agent("bot").put("task/c").is_committed


def test_s25_without_a_definition_a_name_with_a_key_is_its_holder_s(open_base: Open, clock: ManualClock) -> None:
    base = open_base()
    assert base.agent("ann").put("task/a").is_committed
    issued = base.issue_key("ann", days=1)
    with pytest.raises(comity.Refused, match="'ann' has a key, and acts only with it"):
        base.agent("ann").put("task/b")
    assert base.agent("ann", key=issued.key).put("task/b").is_committed
    assert base.agent("bob").put("task/c").is_committed
    clock.advance(seconds=86_400)
    assert base.agent("ann").put("task/d").is_committed


def test_s25_where_no_agents_are_declared_a_key_makes_an_operator_and_its_answer_says_so(open_base: Open) -> None:
    base = open_base()
    ann = base.agent("ann", key=base.issue_key("ann").key)
    issued = ann.issue_key("bot")
    assert [(finding.code, finding.severity) for finding in issued.findings] == [("identity.operator", "warn")]
    assert "declare [agents]" in str(issued.findings[0].remedy)
    assert base.agent("bot", key=issued.key).issue_key("bob").key


def test_the_first_key_says_what_it_ends_and_later_ones_do_not(open_base: Open) -> None:
    base = open_base(AGENTS + '[agents.bob]\nkind = "human"\n')
    first = base.issue_key("ann")
    assert [(finding.code, finding.severity) for finding in first.findings] == [("identity.last_door", "warn")]
    assert base.agent("ann", key=first.key).issue_key("bob").findings == ()


def test_s23_once_the_last_key_is_revoked_the_system_s_user_is_the_operator_again(open_base: Open) -> None:
    base = open_base(AGENTS)
    ann = base.agent("ann", key=base.issue_key("ann").key)
    assert ann.revoke_key("ann").is_committed
    assert base.issue_key("ann").findings[0].code == "identity.last_door"


def test_a_key_that_never_was_is_not_found(open_base: Open) -> None:
    base = open_base(AGENTS)
    with pytest.raises(comity.NotFound, match="'bot' never had a key"):
        base.revoke_key("bot")
    base.issue_key("ann")
    with pytest.raises(comity.NotFound, match="did you mean 'ann'"):
        base.revoke_key("anna")


def test_a_refused_key_leaves_nothing_behind(open_base: Open) -> None:
    workspace = open_base('[agents]\nops = { role = "ops", kind = "human" }\nsales = { role = "sales" }\n')
    with pytest.raises(comity.Refused):
        workspace.agent("sales").issue_key("ops")
    with workspace._engine.store.snapshot() as snapshot:
        assert snapshot.keys() == []

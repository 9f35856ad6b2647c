"""Who moves when: one script that is played twice, and one for what Comity adds to it.

The three collisions are those that the users of shared records meet: an upsell in the
middle of a crisis, a link to a customer that has just been deleted, a log entry for a
conversation that a clean-up has just archived. A cue only says whose turn it is. What an
agent does in its turn is its own program: :mod:`.by_hand` and :mod:`.coordinated`. The second
script, for :mod:`.yielding`, has no collision: agents learn of each other before they act. The
last two, for :mod:`.gated`, are about an e-mail that was right when it was wanted.
"""

from __future__ import annotations

from typing import Final, NamedTuple

AGENTS: Final = ("sales", "support", "product")

CRISIS: Final = "The upsell in the middle of the crisis"
DELETED: Final = "The feature request for a deleted customer"
ARCHIVED: Final = "The call logged to an archived conversation"


FIRST: Final = "Support goes first: nothing is stale, a rule stops the upsell"
OFFER: Final = "Product offers what is Support's to change"
HUMAN: Final = "A human holds the customer still, and everyone yields"

GATE: Final = "The e-mail waits, and is judged again when it is to go"
TOGETHER: Final = "Freshness, rule and effect gate, all in force"


class Cue(NamedTuple):
    """Be one turn: in which scene, whose, and what it begins."""

    scene: str
    agent: str
    step: str


SCRIPT: Final = (
    Cue(CRISIS, "sales", "look_at_acme"),
    Cue(CRISIS, "support", "escalate_acme"),
    Cue(CRISIS, "sales", "send_upsell"),
    Cue(DELETED, "product", "look_at_globex"),
    Cue(DELETED, "sales", "delete_globex"),
    Cue(DELETED, "product", "file_request"),
    Cue(ARCHIVED, "support", "look_at_conversation"),
    Cue(ARCHIVED, "product", "clean_up"),
    Cue(ARCHIVED, "support", "log_call"),
)

YIELDING_SCRIPT: Final = (
    Cue(FIRST, "sales", "plan_upsell"),
    Cue(FIRST, "support", "escalate_acme"),
    Cue(FIRST, "sales", "look_again"),
    Cue(FIRST, "sales", "insist"),
    Cue(OFFER, "product", "offer_fix"),
    Cue(OFFER, "support", "accept_offer"),
    Cue(OFFER, "sales", "read_inbox"),
    Cue(HUMAN, "ops", "pin_acme"),
    Cue(HUMAN, "sales", "plan_call"),
    Cue(HUMAN, "support", "note_health"),
    Cue(HUMAN, "product", "invite_to_beta"),
    Cue(HUMAN, "ops", "lift_pin"),
    Cue(HUMAN, "sales", "plan_call"),
)

GATED_SCRIPT: Final = (
    Cue(GATE, "sales", "look_at_acme"),
    Cue(GATE, "sales", "send_upsell"),
    Cue(GATE, "support", "escalate_acme"),
    Cue(GATE, "sales", "wait_for_release"),
)

TOGETHER_SCRIPT: Final = (
    Cue(TOGETHER, "sales", "look_at_acme"),
    Cue(TOGETHER, "sales", "send_upsell"),
    Cue(TOGETHER, "sales", "plan_follow_up"),
    Cue(TOGETHER, "support", "escalate_acme"),
    Cue(TOGETHER, "sales", "follow_up"),
    Cue(TOGETHER, "sales", "wait_for_release"),
)

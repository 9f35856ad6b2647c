"""Keeping rules: listing them, running their tests, trying others on the past, taking them back.

``examining`` runs the tests that a definition holds on the small worlds that these describe;
``recorded`` looks up what was decided, ``past`` shows the state of that time, and
``backtesting`` has it judged afresh. Promises: whatever is judged here is judged by the
same gates as a proposal, and nothing is written; a back-test is of one snapshot, bounded,
and says what it couldn't look at or reproduce. Forbidden here: judging by any other way.
"""

from comity.verbs.rules.backtesting import backtest
from comity.verbs.rules.examining import examine, run_tests
from comity.verbs.rules.listing import list_rules
from comity.verbs.rules.rolling_back import rollback

__all__ = ["backtest", "examine", "list_rules", "rollback", "run_tests"]

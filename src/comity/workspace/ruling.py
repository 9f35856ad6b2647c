"""Keeping rules: which fire, what they would do, and how to take them back."""

from __future__ import annotations

from datetime import datetime

from comity.clock import format_time, parse_time
from comity.operations import (
    ApplyAnswer,
    Backtest,
    BacktestAnswer,
    ListRules,
    Rollback,
    RulesAnswer,
    RuleTestsAnswer,
    RunRuleTests,
)
from comity.workspace.files import AnyPath, read_source
from comity.workspace.outcomes import raise_unless_committed
from comity.workspace.session import Session

Since = int | str | datetime
"""A revision, a time, or a span back from now such as ``"7d"``."""


class Ruling:
    """Look after rules."""

    _session: Session

    def rules(self, *, since: Since | None = None) -> RulesAnswer:
        """Return the rules in force, and in how many decisions each had a say; prints well."""
        return self._session.call(ListRules(since=moment_of_since(since)))

    def test_rules(self, definition: AnyPath | None = None) -> RuleTestsAnswer:
        """Run the ``[[tests]]`` of a definition file, or of the definition in force. Nothing is changed.

        Raises InvalidDefinition with every problem of the file.
        """
        if definition is None:
            return self._session.call(RunRuleTests())
        source, origin = read_source(definition)
        return self._session.call(RunRuleTests(source=source, origin=origin))

    def backtest(self, definition: AnyPath, *, since: Since | None = None) -> BacktestAnswer:
        """Return which of the recorded decisions would differ under the definition in a file; prints well.

        Each is judged on the state of its own time, so this is no alternative history (S38).
        Raises InvalidDefinition with every problem of the file.
        """
        source, origin = read_source(definition)
        return self._session.call(Backtest(source=source, origin=origin, since=moment_of_since(since)))

    def rollback(self, to: int | None = None, *, reason: str | None = None, dry: bool = False) -> ApplyAnswer:
        """Put a former definition in force again, as a new version: the one before the present one, or version ``to``.

        Raises NotFound where there is none, InvalidDefinition where the records don't fit it
        any more, and NotCommitted where it was refused, unless ``dry``.
        """
        answer: ApplyAnswer = self._session.call(Rollback(to=to, reason=reason, dry=dry))
        if answer.decision is not None and not dry:
            raise_unless_committed(answer.decision)
        return answer


def moment_of_since(since: Since | None) -> int | str | None:
    """Return since when, as requests take it."""
    return format_time(parse_time(since.isoformat())) if isinstance(since, datetime) else since

"""Keeping rules: which are in force and fire, testing them, trying them on the past, taking them back."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import Meta

from comity.model.decisions import Finding, Severity, WaitsFor
from comity.model.definition import Mode
from comity.model.texts import counted, listed
from comity.operations.arguments import Answer, Reason, Request

Fate = Literal["committed", "deferred", "queued", "offered", "asked", "refused"]
"""What becomes of a proposal, the strongest finding being what decides."""

Since = Annotated[
    int | str | None, Meta(description="after this revision, from this time on, or a span back from now such as 7d")
]
Source = Annotated[str, Meta(description="a definition as TOML")]
Origin = Annotated[str, Meta(description="what its lines are called in messages")]

_LINES = 4
"""Of a list in the short text; the whole answer holds all of them."""


class ListRules(Request, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """List the rules in force, and how often each has fired."""

    since: Since = None


class RuleAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Be one rule, and in how many decisions it had a say.

    ``refused`` were refused or deferred by it, ``waited`` had to wait, ``would`` would have
    been stopped but for the shadow, ``warned`` were only warned. ``is_new`` tells that it is
    in shadow as it was new here, and nobody said otherwise.
    """

    name: str
    code: str
    when: str
    then: Severity
    mode: Mode
    priority: int = 0
    to: str | None = None
    until: str | None = None
    why: str | None = None
    is_new: bool = False
    refused: int = 0
    waited: int = 0
    would: int = 0
    warned: int = 0
    last_at: str | None = None

    @property
    def fired(self) -> int:
        """Return in how many decisions it had a say."""
        return self.refused + self.waited + self.would + self.warned

    def __str__(self) -> str:
        shadow = ", in shadow" if self.mode == "shadow" else ""
        return f"{self.name}: {self.then}{f' to {self.to}' if self.to else ''}{shadow}, fired {self.fired:,} times"


class RulesAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Be the rules in force, in the order of the definition; ``cut`` says in sentences what wasn't looked at."""

    number: int
    rules: tuple[RuleAnswer, ...] = ()
    since: str | None = None
    cut: tuple[str, ...] = ()

    def __str__(self) -> str:
        since = f", fired since {self.since}" if self.since else ""
        head = f"{counted(len(self.rules), 'rule')} in force (definition {self.number}){since}"
        return "\n".join([head, *_shown([str(rule) for rule in self.rules]), *(f"  {one}" for one in self.cut)])


class RunRuleTests(Request, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Run the tests of a definition: those of a file, or of the one in force."""

    source: Annotated[str | None, Meta(description="a definition as TOML; the one in force, unless given")] = None
    origin: Origin = "comity.toml"


class RuleTestAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Be what came of one test. ``missing`` is what was expected and didn't come."""

    name: str
    expected: tuple[str, ...]
    outcome: Literal["committed", "refused", "pending"]
    missing: tuple[str, ...] = ()
    waits_for: WaitsFor | None = None
    findings: tuple[Finding, ...] = ()

    @property
    def has_passed(self) -> bool:
        """Tell whether all that was expected came."""
        return not self.missing

    @property
    def came(self) -> tuple[str, ...]:
        """Return the outcome, and the codes of the findings."""
        return (self.outcome, *dict.fromkeys(finding.code for finding in self.findings))

    def __str__(self) -> str:
        if self.has_passed:
            return f"{self.name}: passed"
        return f"{self.name}: expected {listed(self.missing)}, came {listed(self.came)}"


class RuleTestsAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Be what came of the tests of a definition."""

    origin: str
    passed: int
    failed: int
    tests: tuple[RuleTestAnswer, ...] = ()

    def __str__(self) -> str:
        head = f"{self.origin}: {counted(self.passed, 'test')} passed, {self.failed:,} failed"
        return "\n".join([head, *_shown([str(one) for one in self.tests if not one.has_passed])])


class Backtest(Request, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Judge the recorded proposals afresh under another definition, each on the state of its own time."""

    source: Source
    origin: Origin = "comity.toml"
    since: Since = None


class Turn(Answer, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Be how many decisions would turn from one fate into another."""

    was: Fate
    would_be: Fate
    count: int

    def __str__(self) -> str:
        return f"{self.was} → {self.would_be}: {self.count:,}"


class CodeChange(Answer, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Be in how many decisions a finding would be new, ``in_shadow`` of these without effect, and in how many gone."""

    code: str
    new: int = 0
    in_shadow: int = 0
    gone: int = 0


class Differing(Answer, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Be one decision that would differ: whose it was, about what, and which findings were and would be decisive.

    ``shadowed`` are the codes of those that were decisive and would be without effect, in shadow.
    """

    at: str
    agent: str
    proposal: str
    revision: int
    definition: int
    was: Fate
    would_be: Fate
    action: str | None = None
    reason: str | None = None
    records: tuple[str, ...] = ()
    was_found: tuple[Finding, ...] = ()
    would_find: tuple[Finding, ...] = ()
    shadowed: tuple[str, ...] = ()

    @property
    def because(self) -> list[tuple[str, Finding]]:
        """Return the findings that make the difference, each with what is different: it comes, goes or has no effect.

        What would stand in the way comes first.
        """
        before = {(finding.code, finding.severity) for finding in self.was_found}
        after = {finding.code for finding in self.would_find}
        new = [("now", one) for one in self.would_find if (one.code, one.severity) not in before]
        gone = [one for one in self.was_found if one.code not in after]
        return new + [("now in shadow" if one.code in self.shadowed else "no longer", one) for one in gone]

    def __str__(self) -> str:
        codes = listed([f"{what}: {finding.code}" for what, finding in self.because])
        return f"{self.at} {self.agent}: {self.was} → {self.would_be} ({codes})"


class BacktestAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Be what another definition would have decided otherwise.

    ``judged`` decisions could be judged afresh; ``differing`` of them would differ, of which
    ``examples`` holds the latest. ``not_reproducible`` ones come out otherwise already under
    the definition that judged them, as not everything they rested on is kept; ``own`` ones
    changed Comity's own records only, which no rule judges; of ``erased`` ones the proposal
    is gone. ``cut`` says in sentences what wasn't looked at.
    """

    definition: int
    revision: int
    judged: int
    differing: int
    since: str | None = None
    not_reproducible: int = 0
    own: int = 0
    erased: int = 0
    turns: tuple[Turn, ...] = ()
    codes: tuple[CodeChange, ...] = ()
    examples: tuple[Differing, ...] = ()
    cut: tuple[str, ...] = ()

    def __str__(self) -> str:
        head = f"{self.differing:,} of {counted(self.judged, 'decision')} would differ"
        left = [
            f"{count:,} {what}"
            for count, what in ((self.not_reproducible, "not reproducible"), (self.erased, "erased"))
            if count
        ]
        lines = [*_shown([str(turn) for turn in self.turns]), *([f"  {', '.join(left)}"] if left else [])]
        return "\n".join([head, *lines, *(f"  {sentence}" for sentence in self.cut), f"  {NO_HISTORY}"])


NO_HISTORY: Final = "Each was judged on the state of its own time; this is no alternative history."
"""What a back-test is not (S38)."""


class Rollback(Request, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Put a former definition in force again, as a new version."""

    to: Annotated[int | None, Meta(description="its version; the one before the present one, unless given")] = None
    reason: Reason = None
    dry: Annotated[bool, Meta(description="check only")] = False


def _shown(lines: list[str]) -> list[str]:
    more = [f"  and {len(lines) - _LINES} more"] if len(lines) > _LINES else []
    return [*(f"  {line}" for line in lines[:_LINES]), *more]

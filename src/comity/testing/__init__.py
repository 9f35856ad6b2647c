"""What tests of Comity, and of what is built on it, need beyond the product.

:mod:`comity.testing.store_contract` holds the tests that every store must pass,
:mod:`comity.testing.faulty_store` a store that fails where a plan says so,
:mod:`comity.testing.manual_clock` a clock that goes when it is told to,
:mod:`comity.testing.planted` a generated log with patterns that alerts are for, and
:mod:`comity.testing.samples` builders for what a store keeps.

Promised: nothing here sleeps, guesses or imitates a store; a faulty store is a real one
that is stopped at a chosen moment. Forbidden: to be imported by any other part of Comity.
"""

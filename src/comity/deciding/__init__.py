"""Deciding: from a proposal and a view of the state to findings and drafted events.

Everything here is pure: no input or output, no clock, no threads, no randomness, no
knowledge of a store. The same proposal judged on the same view gives the same answer, in
any process, at any later time; that is what makes back-testing and replay possible.

- :mod:`comity.deciding.compile` turns a definition into what judging needs.
- :mod:`comity.deciding.view` is the state that is judged on, and asks for what it lacks.
- :mod:`comity.deciding.fold` applies changes to records and drafts the events.
- :mod:`comity.deciding.gates` hold the checks, each a module that answers one question.
- :mod:`comity.deciding.pipeline` runs them in order and sums up.
"""

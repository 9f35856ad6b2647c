"""How agents get on with one another: built on records of Comity's own kinds.

What is here reads the state of built-in kinds, and makes the changes that are their named
transitions: who has announced what, what others did that matters here, what waits for an
answer. A module for each topic; verbs propose what is made here, and tell what is read.

Promises: nothing here changes a record other than by a transition that goes through the
one decision path (S23), and nothing's correctness depends on any of it having run: what
is expired is seen as expired by everyone. Forbidden: knowing requests' surfaces, writing to
the store other than bookkeeping (S18), deciding anything that a gate decides.
"""

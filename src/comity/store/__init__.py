"""Where a workspace is kept.

A store keeps the log (commits and events), the records that it folds to, the answers that
made no commit, the head and the digests of keys. :mod:`comity.store.contract` says what
every store promises; :class:`comity.testing.store_contract.StoreContract` checks it, on
each of them. One folder is one store, and whole: its statements, its migrations and the
translation of its driver's errors stand in it, and nothing of them outside.

Forbidden here: to decide anything, to know a definition, to import ``comity.deciding`` or
a floor above. Also forbidden is an SQL layer shared by stores: two plain schemas are
easier to read, and to make fast, than one abstraction over both.
"""

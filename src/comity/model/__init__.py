"""The words of Comity as data: records, proposals, decisions, events, queries, definitions.

Everything here is immutable data and pure functions over it: what crosses a floor of the
design is declared here, once. Forbidden: reading or writing anything outside the process,
asking for the time, and knowing how a decision is made or where it is stored.
"""

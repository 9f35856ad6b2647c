"""Is a history of transactions strictly serializable? A checker that knows nothing of Comity.

Clients record :class:`Transaction` values: what each read, appended and wrote, when it began
and when it was answered. :func:`check` infers from the values alone who must come before
whom, draws that as a graph, and names each :class:`Anomaly`: what was read and must never be
seen, and each cycle by its Adya class. No order explains a cycle; a history without one, and
without the rest, is strictly serializable as far as its reads tell.

Values are unique per key, so a read tells whose writes it saw. A list that is only appended
to shows its whole order in its longest read. A register shows it where a transaction that
writes it has read it before.

The method is that of Elle (Kingsbury and Alvaro, *Elle: Inferring Isolation Anomalies from
Experimental Observations*, VLDB 2020) with the classes of Adya (*Weak Consistency*, 1999).
"""

from comity.testing.cycles.checking import check
from comity.testing.cycles.history import Append, Got, Listed, Operation, Transaction, Write
from comity.testing.cycles.search import Anomaly

__all__ = ["Anomaly", "Append", "Got", "Listed", "Operation", "Transaction", "Write", "check"]

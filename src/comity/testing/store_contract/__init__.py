"""The tests that every store must pass.

They know no backend. A store's own tests derive from :class:`StoreContract` and give it
the fixture ``open_store``: a callable that opens one more handle on one and the same base,
empty when the test begins, with a :class:`comity.testing.manual_clock.ManualClock`. What
only one store can be asked (its triggers, its files) is tested beside it. There is a
module for each topic of :mod:`comity.store.contract`.

The habit is that of river's ``riverdrivertest`` and of the storage tests of Kubernetes'
API server. Forbidden here: what depends on a backend, and sleeping.
"""

from __future__ import annotations

from comity.testing.store_contract.answers import AnswerContract
from comity.testing.store_contract.erasing import ErasureContract
from comity.testing.store_contract.handles import OpenStore
from comity.testing.store_contract.heads import HeadContract
from comity.testing.store_contract.keeping import KeepingContract
from comity.testing.store_contract.log import LogContract
from comity.testing.store_contract.searches import SearchContract
from comity.testing.store_contract.snapshots import SnapshotContract
from comity.testing.store_contract.waiting import WaitingContract

__all__ = ["OpenStore", "StoreContract"]


class StoreContract(
    HeadContract,
    SnapshotContract,
    SearchContract,
    LogContract,
    AnswerContract,
    KeepingContract,
    ErasureContract,
    WaitingContract,
):
    """Check every promise of :mod:`comity.store.contract`."""

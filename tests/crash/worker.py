"""The child of the crash tests: commits in a loop, and acknowledges each commit over a pipe."""

from __future__ import annotations

import os
import sys

import comity


def main(path: str, name: str, acknowledgements: int) -> None:
    """Commit until killed; two records at a time, so that half a commit would show."""
    with comity.open(path) as workspace:
        agent = workspace.agent(name)
        number = 0
        while True:
            number += 1
            with agent.intent(reason=f"{name} {number}") as intent:
                intent.put(f"left/{name}-{number}", n=number)
                intent.put(f"right/{name}-{number}", n=number)
                intent.add("count/all", n=1)
            decision = intent.decision
            assert decision is not None
            os.write(acknowledgements, f"{number} {decision.revision}\n".encode())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))

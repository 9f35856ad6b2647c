"""The child of the crash tests of erasure: erases person after person, and acknowledges each over a pipe."""

from __future__ import annotations

import os
import sys

import comity


def main(path: str, first: int, acknowledgements: int) -> None:
    """Write persons with a secret each, and erase them, until killed."""
    with comity.open(path) as workspace:
        agent, number = workspace.agent("sales"), first
        while True:
            number += 1
            record, secret = f"person/p{number}", f"secret{number}secret"
            for _ in range(3):
                agent.put(record, text=secret * 50, reason=secret, accept=workspace.revision)
            agent.put(f"list/l{first}", last=number, reason=f"{record}: {secret}", accept=workspace.revision)
            os.write(acknowledgements, f"wrote {number}\n".encode())
            assert workspace.erase(record, reason="asked for").is_done
            os.write(acknowledgements, f"erased {number}\n".encode())


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))

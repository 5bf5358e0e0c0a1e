# SPDX-License-Identifier: MIT
"""What a connector is made of: its two ends, and how they say that a server is away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional


class Lost(Exception):
    """The server is away; what is at hand is tried again once it is back."""


class Failure(Exception):
    """A sentence for people: why the connector cannot go on."""


class Input:
    """What brings records. `open` and `read` are for you to write, the others where they are needed."""

    def open(self, start: Optional[str]) -> None:
        """Makes ready to send what comes after the cursor `start`; None: from the beginning."""
        raise NotImplementedError

    def read(self, wait_s: float) -> Optional[Sequence[tuple[Optional[str], bytes]]]:
        """The next records, each with its cursor: what came, or [] after about wait_s. None: the input is over.

        A cursor of None belongs together with the next one: fanfold has both records or neither.
        """
        raise NotImplementedError

    def commit(self, cursor: str) -> None:
        """All up to and including this cursor is safe; it may come again, and skips what it implies."""

    def tend(self) -> None:
        """About once a second while fanfold takes no more records: for heartbeats."""

    def close(self) -> None:
        """Before the end, and before it is opened again after Lost."""


class Output:
    """What stores records. `open` and `store` are for you to write, the others where they are needed."""

    def open(self, run: str, number: int) -> Optional[int]:
        """The number of the run's first record that is not durable there; None: there is no way to tell.

        fanfold knows that all before `number` are.
        """
        raise NotImplementedError

    def store(self, number: int, records: Sequence[bytes]) -> None:
        """Stores them; the first has this number. They are durable when it returns."""
        raise NotImplementedError

    def tend(self) -> None:
        """About once a second while no record comes: for heartbeats."""

    def close(self) -> None:
        """Before the end, and before it is opened again after Lost."""

"""Rows that come a few at a time and are wanted as one array."""

import numpy as np
import numpy.typing as npt


class Rows:
    """An array of 32-bit rows that grows where it lies.

    Joining parts at the end would hold a long recording twice, and many small parts that are kept between large ones
    that are not leave holes in the heap.

    Parameters
    ----------
    n_columns : of each row
    room : rows to begin with
    """

    def __init__(self, n_columns: int, *, room: int) -> None:
        self._room = room
        self._rows, self._n = np.empty((room, n_columns), np.float32), 0

    def append(self, more: npt.NDArray[np.float32]) -> None:
        """Take (n, n_columns) more."""
        n_after = self._n + len(more)
        if n_after > len(self._rows):
            self._rows.resize((n_after + max(self._room, n_after // 8), self._rows.shape[1]), refcheck=False)
        self._rows[self._n : n_after] = more
        self._n = n_after

    def array(self) -> npt.NDArray[np.float32]:
        """All rows so far, (n, n_columns), where they lie: no more may be appended while this is in use."""
        return self._rows[: self._n]

"""A network restricted to some of its classes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pixelwise.inference.session import Session
from pixelwise.samples import Float32Array


@dataclass(frozen=True, eq=False)
class RestrictedSession:
    """A `Session` whose class 0 stands for all classes that are left out, too.

    Parameters
    ----------
    session : Session
        Of the whole network.
    kept : tuple of int
        The classes that are kept, in their new order, without class 0.

    Examples
    --------
    >>> class Constant:
    ...     def run(self, batch, instances=False):
    ...         return np.log(np.array([0.3, 0.3, 0.4], np.float32)).reshape(1, 3, 1, 1), ()
    >>> logits, _ = RestrictedSession(Constant(), (2,)).run(np.zeros((1, 3, 1, 1), np.float32))
    >>> np.exp(logits).ravel().round(2)
    array([0.6, 0.4], dtype=float32)
    """

    session: Session
    kept: tuple[int, ...]

    def run(
        self, batch: Float32Array, instances: bool = False
    ) -> tuple[Float32Array, tuple[Float32Array, ...]]:
        """Return the outputs of a batch; the logit of class 0 is that of its summed probability."""
        logits, branch = self.session.run(batch, instances)
        rest = [c for c in range(logits.shape[1]) if c not in self.kept]
        others = logits[:, rest]
        highest = others.max(axis=1, keepdims=True)
        summed = np.log(np.exp(others - highest).sum(axis=1, keepdims=True))
        summed += highest
        return np.concatenate([summed, logits[:, list(self.kept)]], axis=1), branch

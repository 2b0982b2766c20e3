"""From an image to a label map, with ONNX Runtime and without torch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pixelwise.classes import ClassMap
from pixelwise.defaults import WEIGHTS
from pixelwise.errors import ArgumentError
from pixelwise.inference.grouping import find_instances
from pixelwise.inference.prediction import Prediction
from pixelwise.inference.preprocess import prepare
from pixelwise.inference.refine import decide_along_edges
from pixelwise.inference.restriction import Restriction
from pixelwise.inference.session import OnnxSession, Outputs, Session
from pixelwise.inference.two_looks import joined
from pixelwise.inference.upsample import decide, upsampled
from pixelwise.io.depth import Range, stretched_range
from pixelwise.io.image import read_image
from pixelwise.samples import Float32Array, UInt8Array, check_image
from pixelwise.weights.card import ModelCard
from pixelwise.weights.catalogue import card_of, find_weights, read_card, read_weights

View = tuple[float, bool]
"""How an image is seen: at what scale of the network's own size, and whether mirrored."""

PLAIN: View = (1.0, False)

TTA: dict[str, tuple[View, ...]] = {
    "flip": ((1.0, True),),
    "scales": ((0.75, False), (1.25, False)),
}
"""Test-time augmentation: further views of an image, whose logits are averaged in."""


@dataclass(frozen=True, eq=False)
class Predictor:
    """A network ready to label images. Make one with `Predictor.load`.

    Parameters
    ----------
    card : ModelCard
        What the weights file says about itself.
    session : Session
        The network. It runs the instance branch only if ``card.instance_classes`` are any.
    restriction : Restriction, optional
        From the network's classes to those of the card, if these are only some of them.
    bands : tuple of int
        Which bands of TIFF files `predict_files` takes, as for `pixelwise.read_image`.

    Examples
    --------
    >>> predictor = Predictor.load("nuclei")
    >>> prediction = predictor.predict(np.zeros((40, 60, 3), np.uint8))
    >>> prediction.label_map.shape, prediction.instances
    ((40, 60), ())
    """

    card: ModelCard
    session: Session
    restriction: Restriction | None = None
    bands: tuple[int, ...] = ()

    @classmethod
    def load(
        cls,
        weights: str | Path = WEIGHTS,
        threads: int | None = None,
        device: str = "cpu",
        instances: bool = True,
        classes: Sequence[str] | None = None,
    ) -> Predictor:
        """Load weights that came with the package, or a file that ``pixelwise train`` wrote.

        Parameters
        ----------
        weights : str or Path
            A name of `pixelwise.weights.bundled_weights`, or the path of a ``model.onnx``.
        threads : int, optional
            Processor threads the network may use; all cores if not given.
        device : str
            ``"cpu"``, ``"cuda"``, ``"directml"``, ``"coreml"``, ``"openvino"``, or ``"auto"``: the
            first GPU that works, else the processor.
        instances : bool
            False loads the classes alone: the card is that of a semantic network, and the
            instance branch costs neither time nor memory.
        classes : sequence of str, optional
            Restrict the weights to these classes, the background first: the probabilities of
            those that are left out are added to the background's, so that a pixel is background
            if those together are likelier than its class. Instances of classes that are left out
            are left out; the others are those of the whole network.

        Raises
        ------
        ArgumentError
            An unknown device, or one that the installed ONNX Runtime cannot use; an unknown class,
            or a first one that is not the background.
        WeightsError
            No such name or file, not an ONNX file, or not written by pixelwise.

        Examples
        --------
        >>> Predictor.load("nuclei").card.instance_classes
        (1,)
        >>> Predictor.load("nuclei", instances=False).card.instance_classes
        ()
        >>> dogs = Predictor.load("voc", classes=("background", "dog"))
        >>> dogs.classes.names
        ('background', 'dog')
        """
        where, data = str(find_weights(weights)), read_weights(weights)
        whole, card = card_of(data, where), read_card(weights)
        if classes is not None:
            card = card.restricted(classes)
        if not instances and card.instance_classes:
            card = replace(card, task="semantic", instance_classes=())
        session = OnnxSession(data, where, threads, device)
        session.load(bool(card.instance_classes), card.foreground)
        if card.classes.names == whole.classes.names:
            return cls(card, session)
        kept = tuple(whole.classes.index(name) for name in card.classes.names)
        return cls(card, session, Restriction(whole, kept))

    def at_least(self, score: float) -> Predictor:
        """Return the same predictor with another least score of the instances it keeps.

        Parameters
        ----------
        score : float
            0..1; the card's ``score_threshold`` was chosen on training images.

        Raises
        ------
        ArgumentError
            A score out of range, or weights that find no instances.

        Examples
        --------
        >>> Predictor.load("nuclei").at_least(0.9).card.score_threshold
        0.9
        """
        if not 0 <= score <= 1:
            raise ArgumentError(f"least score: expected 0..1, got {score:g}")
        if not self.card.instance_classes:
            raise ArgumentError(f"least score: the weights {self.card.name!r} find no instances")
        return replace(self, card=replace(self.card, score_threshold=score))

    @property
    def classes(self) -> ClassMap:
        """The `ClassMap` of what this network distinguishes."""
        return self.card.classes

    def read(self, path: str | Path) -> UInt8Array:
        """Read an image as this network sees it best.

        As `pixelwise.read_image` with ``bands``; but of an image of more than 8 bits, levels are
        stretched before 8 bits are left if the network's card says ``stretch_levels``.

        Parameters
        ----------
        path : str or Path

        Returns
        -------
        (H, W, 3) uint8
            RGB.

        Raises
        ------
        ImageFileError
            The file cannot be read.

        Examples
        --------
        >>> from tempfile import TemporaryDirectory
        >>> from PIL import Image
        >>> with TemporaryDirectory() as folder:
        ...     levels = np.linspace(200, 900, 4800).reshape(60, 80).astype(np.uint16)
        ...     Image.fromarray(levels).save(f"{folder}/a.png")
        ...     Predictor.load("nuclei").read(f"{folder}/a.png").shape
        (60, 80, 3)
        """
        return read_image(path, self.bands, self.levels)

    @property
    def levels(self) -> Range | None:
        """Which levels of an image of more than 8 bits become 0 and 255; None: the usual ones."""
        return stretched_range if self.card.stretch_levels else None

    def once(self) -> Predictor:
        """Return it without the second look of its card: faster, for clips.

        Examples
        --------
        >>> predictor = Predictor.load("voc", instances=False)
        >>> predictor.card.second_look > 0, predictor.once().card.second_look
        (True, 0.0)
        """
        return replace(self, card=replace(self.card, second_look=0.0))

    def predict(
        self, image: UInt8Array, tta: Sequence[str] = (), *, instances: bool = True
    ) -> Prediction:
        """Label one image.

        Parameters
        ----------
        image : (H, W, 3) uint8
            RGB, any size.
        tta : sequence of str
            Names in `TTA`: further views whose logits are averaged in. Each costs a run.
        instances : bool
            False leaves the instances out, and their cost.

        Returns
        -------
        Prediction
            With a (H, W) uint8 label map of the image's own size, and the instances if the
            weights find any.

        Raises
        ------
        ArgumentError
            An array of another shape or dtype, or an unknown name in ``tta``.

        Examples
        --------
        >>> image = np.zeros((40, 60, 3), np.uint8)
        >>> Predictor.load("nuclei").predict(image).found()
        ()
        """
        check_image(image)
        wanted = instances and bool(self.card.instance_classes)
        whole, branch, _ = self._averaged(image, tta, instances=wanted)
        logits = self._merged(whole)
        label_map = self._decided(logits, image)
        if not branch:
            return Prediction(label_map, self.classes, logits, image=image)
        if self.restriction is None:
            label_map, found = find_instances(branch, logits, label_map, self.card)
        else:
            card = self.restriction.grouping_card(self.card)
            whole_map, found = find_instances(branch, whole, self._decided(whole, image), card)
            label_map, found = self.restriction.translated(label_map, whole_map, found)
        return Prediction(label_map, self.classes, logits, found, image)

    def logits(self, image: UInt8Array, tta: Sequence[str] = ()) -> Float32Array:
        """Return the logits of one image, averaged over all views of it.

        The instance branch is not run.

        Parameters
        ----------
        image : (H, W, 3) uint8
            RGB, any size.
        tta : sequence of str
            As for `predict`.

        Returns
        -------
        (C, h, w) float32
            At the size the network saw, or at 1 / ``card.logits_stride`` of it.

        Raises
        ------
        ArgumentError
            An array of another shape or dtype, or an unknown name in ``tta``.

        Examples
        --------
        >>> Predictor.load("nuclei").logits(np.zeros((40, 60, 3), np.uint8)).shape
        (2, 80, 120)
        """
        return self.outputs(image, tta).logits

    def outputs(self, image: UInt8Array, tta: Sequence[str] = ()) -> Outputs:
        """Return the logits of one image and, where the weights find it, of what stands out.

        The instance branch is not run.

        Parameters
        ----------
        image : (H, W, 3) uint8
            RGB, any size.
        tta : sequence of str
            As for `predict`; what stands out does not depend on it.

        Returns
        -------
        Outputs
            Logits as of `logits`, no branch, and (h, w) float32 or None.

        Raises
        ------
        ArgumentError
            An array of another shape or dtype, or an unknown name in ``tta``.

        Examples
        --------
        >>> found = Predictor.load("nuclei").outputs(np.zeros((40, 60, 3), np.uint8))
        >>> found.logits.shape, found.foreground
        ((2, 80, 120), None)
        """
        check_image(image)
        finds = self.card.foreground
        logits, _, foreground = self._averaged(image, tta, foreground=finds)
        return Outputs(self._merged(logits), (), foreground)

    def views(
        self, image: UInt8Array, views: Sequence[View], side: int | None = None
    ) -> Iterator[Float32Array]:
        """Yield the logits of views of one image, one by one.

        Parameters
        ----------
        image : (H, W, 3) uint8
            RGB, any size.
        views : sequence of (scale, mirrored)
            At what scale of its own size the network sees the image, and whether mirrored.
        side : int, optional
            The longer side, px, at scale 1; the card's if not given.

        Yields
        ------
        (C, h, w) float32
            At the size the network saw, mirrored back.

        Examples
        --------
        >>> image = np.zeros((40, 60, 3), np.uint8)
        >>> [v.shape for v in Predictor.load("edges").views(image, ((1, True), (0.5, False)), 60)]
        [(1, 40, 60), (1, 20, 30)]
        """
        check_image(image)
        for view in views:
            side_seen = side or self.card.side_of(image.shape)
            yield self._merged(self._run(image, view, side_seen).logits)

    def _merged(self, logits: Float32Array) -> Float32Array:
        return logits if self.restriction is None else self.restriction.merged(logits)

    def _decided(self, logits: Float32Array, image: UInt8Array) -> UInt8Array:
        if self.card.refine_edges:
            return decide_along_edges(logits, image)
        return decide(logits, (image.shape[0], image.shape[1]))

    def _averaged(
        self,
        image: UInt8Array,
        tta: Sequence[str],
        *,
        instances: bool = False,
        foreground: bool = False,
    ) -> Outputs:
        """Return logits averaged over all views, and the other outputs of the first."""
        unknown = [name for name in tta if name not in TTA]
        if unknown:
            raise ArgumentError(f"unknown tta {unknown[0]!r}; there is: {', '.join(TTA)}")
        side = self.card.side_of(image.shape)
        logits, branch, front = self._run(
            image, PLAIN, side, instances=instances, foreground=foreground
        )
        further = [view for name in tta for view in TTA[name]]
        size = logits.shape[1], logits.shape[2]
        for view in further:
            other = self._run(image, view, side).logits
            logits += np.stack([upsampled(plane, size) for plane in other])
        logits *= np.float32(1 / (1 + len(further)))
        if self.card.second_look:
            smaller = self._run(image, (self.card.second_look, False), side, foreground=foreground)
            logits = joined(logits, smaller.logits)
            if front is not None and smaller.foreground is not None:
                front = joined(front[None], smaller.foreground[None])[0]
        return Outputs(logits, branch, front)

    def _run(
        self,
        image: UInt8Array,
        view: View,
        side: int,
        *,
        instances: bool = False,
        foreground: bool = False,
    ) -> Outputs:
        scale, mirrored = view
        seen = np.ascontiguousarray(image[:, ::-1]) if mirrored else image
        card = self.card
        batch = prepare(seen, round(side * scale), card.stretch_levels, card.logits_stride)
        logits, branch, front = self.session.run(batch, instances, foreground)
        given = logits[0, :, :, ::-1] if mirrored else logits[0]
        # A copy: what ONNX Runtime gives may be read-only.
        copied = np.array(given, dtype=np.float32, order="C")
        return Outputs(copied, tuple(b[0] for b in branch), None if front is None else front[0])

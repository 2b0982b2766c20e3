"""Clips and the camera: an overlay with sound, masks frame by frame, instances with ids."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from pixelwise.classes import BACKGROUND
from pixelwise.concurrency import prefetch, run_ahead
from pixelwise.drawing import colourise
from pixelwise.drawing.instances import instance_layer
from pixelwise.drawing.overlays import is_painted
from pixelwise.errors import ArgumentError
from pixelwise.inference.prediction import Prediction
from pixelwise.inference.predictor import Predictor
from pixelwise.inference.tracking import UNSURE, Tracker
from pixelwise.io.camera import show_live
from pixelwise.io.files import folder_written_whole, write_json
from pixelwise.io.image import fit_within
from pixelwise.io.mask import resize_ids, write_instance_map, write_label_map
from pixelwise.io.rle import encode_rle
from pixelwise.io.video import Clip, mix_into, opened_clip, planar, rewrite, stored_format
from pixelwise.progress import frame_bar
from pixelwise.samples import Float32Array, Instance, UInt8Array, paint_instance_map

if TYPE_CHECKING:
    from av import VideoFrame

CLIP_KINDS = ("overlay", "png", "instances", "json")
"""What a clip may become: a clip, two sequences of PNG files, YouTube-VIS JSON."""

WORK = 512
"""Longer side in pixels of frames that are predicted and drawn; results have the clip's size."""

OPACITY = 0.5

NETWORKS = 2
"""Frames that are predicted at once, each on as many threads as the predictor has: what is not
network of a prediction runs on one thread."""


@dataclass(frozen=True)
class ClipOutcome:
    """The result of `predict_video`.

    Parameters
    ----------
    frames : int
        Frames predicted.
    tracks : dict of int to str
        The class of each instance that was followed, by its id.
    written : tuple of Path
        Files, and folders of files.
    trouble : tuple of str
        Where the clip was damaged.

    Examples
    --------
    >>> ClipOutcome(40, {1: "dog"}, (Path("out/dog_overlay.mp4"),), ()).tracks
    {1: 'dog'}
    """

    frames: int
    tracks: dict[int, str]
    written: tuple[Path, ...]
    trouble: tuple[str, ...]


def predict_video(
    predictor: Predictor, source: str | Path, out: str | Path, save: Sequence[str] = ("overlay",)
) -> ClipOutcome:
    """Predict a clip; an instance keeps its id from frame to frame (`inference.tracking`).

    Frames are predicted at `WORK` pixels. Memory does not grow with the clip, but by the masks of
    ``json``.

    Parameters
    ----------
    predictor : Predictor
        It sees each frame once, whatever its card says: a second look costs speed.
        On one thread (``Predictor.load(threads=1)``) it leaves the other cores to decoding, drawing
        and encoding, which is faster here.
    source : str or Path
    out : str or Path
        The folder for the results, which are called as the clip is.
    save : sequence of str
        ``overlay``: ``STEM_overlay`` with the clip's suffix, frame times and sound. ``png`` and
        ``instances``: folders ``STEM_masks`` of label maps and ``STEM_instances`` of instance maps,
        ``000000.png`` and so on. ``json``: ``STEM.json`` as YouTube-VIS has it.

    Returns
    -------
    ClipOutcome

    Raises
    ------
    VideoFileError
        The clip cannot be read at all.
    ArgumentError
        An unknown kind, or instances of weights that find none.

    Examples
    --------
    >>> predict_video(Predictor.load(), "dog.mp4", "out").tracks  # doctest: +SKIP
    {1: 'dog'}
    """
    source, out = Path(source), Path(out)
    if unknown := [kind for kind in save if kind not in CLIP_KINDS]:
        known = ", ".join(CLIP_KINDS)
        raise ArgumentError(f"a clip cannot become {unknown[0]!r}; there is: {known}")
    if not predictor.card.instance_classes and set(save) & {"instances", "json"}:
        raise ArgumentError(f"the weights {predictor.card.name!r} find no instances")
    run = _Run(predictor, source, out, tuple(save))
    overlaid = out / f"{source.stem}_overlay{source.suffix}"
    # The network has threads of its own; those of OpenCV would compete with them.
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        with run.whole:
            if "overlay" in save:
                clip = rewrite(source, overlaid, run.overlaid, quick=True)
                run.written.insert(0, overlaid)
            else:
                with opened_clip(source) as (clip, frames):
                    for _ in run.predicted(frames, clip):
                        pass
    finally:
        cv2.setNumThreads(threads)
    if "json" in save:
        write_json(out / f"{source.stem}.json", run.youtube_vis(), indent=None)
        run.written.append(out / f"{source.stem}.json")
    return ClipOutcome(clip.read, run.tracks(), tuple(run.written), tuple(clip.trouble))


def predict_camera(predictor: Predictor, camera: str, out: str | Path | None = None) -> int:
    """Show what a camera sees with what is found drawn over it, until its window is closed.

    Instances keep their ids (`inference.tracking`). Frames that arrive while one is predicted are
    dropped.

    Parameters
    ----------
    predictor : Predictor
    camera : str
        Its number or name; or a clip, whose frames are all used in its place.
    out : str or Path, optional
        A virtual camera such as ``/dev/video10``, or a clip to write; a window if not given.

    Returns
    -------
    int
        Frames shown.

    Raises
    ------
    VideoFileError
        There is no such camera.
    ArgumentError
        ``out`` cannot be written, or there is no screen for a window.

    Examples
    --------
    >>> predict_camera(Predictor.load(), "0")  # doctest: +SKIP
    """
    run = _Run(predictor, Path(camera), Path(), ())

    def change(frames: Iterator[VideoFrame]) -> Iterator[VideoFrame]:
        # One after the other: a frame that waits is a frame that is late.
        return run.drawn(run.found(run.small(frames)))

    return show_live(camera, None if out is None else Path(out), change)


@dataclass
class _Run:
    """What the steps of one call share."""

    predictor: Predictor
    source: Path
    out: Path
    save: tuple[str, ...]
    written: list[Path] = field(default_factory=list)
    folders: dict[str, Path] = field(default_factory=dict)
    """Where frames are written, ``masks`` and ``instances``."""
    whole: ExitStack = field(default_factory=ExitStack)
    """When it is left, these folders take the places of those of an earlier run."""
    classes_of: dict[int, Counter[int]] = field(default_factory=dict)
    seen: dict[int, dict[int, tuple[dict[str, Any], list[int], int, float]]] = field(
        default_factory=dict
    )
    """By id and frame: the mask's code, its box as YouTube-VIS has it, area, score."""
    frames: int = 0
    size: tuple[int, int] = (0, 0)

    def overlaid(self, frames: Iterator[VideoFrame], clip: Clip) -> Iterator[VideoFrame]:
        """Yield the frames with what was found drawn over them; the predictions are written."""
        return self.drawn(self.predicted(frames, clip), clip.rotation)

    def drawn(
        self, found: Iterable[tuple[VideoFrame, Prediction]], rotation: int = 0
    ) -> Iterator[VideoFrame]:
        """Yield frames with their predictions drawn over them."""
        for frame, prediction in found:
            colours, share = layer_of(prediction)
            if share.any():
                mix_into(frame, colours, 1 - share, rotation)
            yield frame

    def predicted(
        self, frames: Iterator[VideoFrame], clip: Clip
    ) -> Iterator[tuple[VideoFrame, Prediction]]:
        """Yield frames as they are stored with their predictions, which are written."""
        with (
            frame_bar("predicting", clip.frames or None) as step,
            closing(run_ahead(self.small(frames, clip.rotation))) as smaller,
            closing(run_ahead(self.found(smaller, NETWORKS))) as found,
        ):
            for frame, prediction in found:
                self._keep(prediction)
                step()
                yield frame, prediction

    def small(
        self, frames: Iterator[VideoFrame], rotation: int = 0
    ) -> Iterator[tuple[VideoFrame, UInt8Array]]:
        """Yield frames as they are stored with small upright images of them."""
        for frame in frames:
            kind = stored_format(frame)
            stored = frame if frame.format.name == kind else planar(frame, kind)
            height, width = fit_within((frame.height, frame.width), WORK)
            # Even numbers: half the lines of the colour planes.
            small = stored.reformat(
                max(2, width // 2 * 2), max(2, height // 2 * 2), "rgb24", threads=1
            ).to_ndarray()
            upright = (frame.height, frame.width)
            self.size = upright if rotation % 180 == 0 else upright[::-1]
            yield stored, np.ascontiguousarray(np.rot90(small, rotation // 90))

    def found(
        self, frames: Iterator[tuple[VideoFrame, UInt8Array]], at_once: int = 0
    ) -> Iterator[tuple[VideoFrame, Prediction]]:
        """Yield frames with their predictions; instances have the ids of their tracks."""
        sure = self.predictor.card.score_threshold
        predictor = self.predictor.once()
        if predictor.card.instance_classes:
            predictor = predictor.at_least(min(UNSURE, sure))
        tracker = Tracker(sure)

        def predict(given: tuple[VideoFrame, UInt8Array]) -> tuple[VideoFrame, Prediction]:
            return given[0], predictor.predict(given[1])

        predicted = prefetch(predict, frames, at_once, at_once) if at_once else map(predict, frames)
        for frame, prediction in predicted:
            if prediction.instances is not None:
                prediction = replace(prediction, instances=tracker.follow(prediction.instances))
            yield frame, prediction

    def _keep(self, prediction: Prediction) -> None:
        """Write the masks of a frame, and remember its instances."""
        number, self.frames = self.frames, self.frames + 1
        if "png" in self.save:
            label_map = resize_ids(prediction.label_map, self.size)
            write_label_map(self._in("masks", number), label_map, self.predictor.classes)
        if prediction.instances is None:
            return
        for instance in prediction.instances:
            self.classes_of.setdefault(instance.id, Counter())[instance.class_id] += 1
        if not {"instances", "json"} & set(self.save):
            return
        small = paint_instance_map(prediction.instances, prediction.size)
        instance_map = resize_ids(small, self.size)
        if "instances" in self.save:
            write_instance_map(self._in("instances", number), instance_map)
        if "json" in self.save:
            for instance in prediction.instances:
                self._remember(instance, instance_map == instance.id, number)

    def _remember(self, instance: Instance, mask: Any, number: int) -> None:
        if mask.any():
            top, left, bottom, right = Instance.of(mask, instance.class_id, instance.id).box
            box = [left, top, right - left, bottom - top]
            facts = encode_rle(mask), box, int(mask.sum()), instance.score
            self.seen.setdefault(instance.id, {})[number] = facts

    def _in(self, what: str, number: int) -> Path:
        if number == 0:
            folder = self.out / f"{self.source.stem}_{what}"
            self.folders[what] = self.whole.enter_context(folder_written_whole(folder))
            self.written.append(folder)
        return self.folders[what] / f"{number:06}.png"

    def tracks(self) -> dict[int, str]:
        """Return the class of each id, that of most of its frames."""
        names = self.predictor.classes.names
        return {i: names[c.most_common(1)[0][0]] for i, c in sorted(self.classes_of.items())}

    def youtube_vis(self) -> dict[str, Any]:
        """Return the clip's instances as the data set YouTube-VIS has them."""
        height, width = self.size
        names = self.predictor.classes.names
        shape = {"height": height, "width": width, "length": self.frames}
        files = [f"{self.source.stem}/{k:06}.jpg" for k in range(self.frames)]
        tracks, annotations = self.tracks(), []
        for id_, seen in sorted(self.seen.items()):
            per_frame = [seen.get(k) for k in range(self.frames)]
            annotations.append(
                {
                    "id": id_,
                    "video_id": 1,
                    "category_id": names.index(tracks[id_]),
                    "segmentations": [f and f[0] for f in per_frame],
                    "bboxes": [f and f[1] for f in per_frame],
                    "areas": [f and f[2] for f in per_frame],
                    "score": round(sum(f[3] for f in seen.values()) / len(seen), 4),
                    "iscrowd": 0,
                    **shape,
                }
            )
        return {
            "info": {},
            "videos": [{"id": 1, "file_names": files, **shape}],
            "categories": [
                {"id": k, "name": n} for k, n in enumerate(names) if n not in BACKGROUND
            ],
            "annotations": annotations,
        }


def layer_of(prediction: Prediction) -> tuple[UInt8Array, Float32Array]:
    """Return what is drawn over a frame.

    Parameters
    ----------
    prediction : Prediction
        Instances have the ids of their tracks.

    Returns
    -------
    colours : (H, W, 3) uint8
        RGB.
    share : (H, W) float32
        Of the colours, 0..1: outlines and numbers hide the frame, areas let it through.
    """
    label_map, found = prediction.label_map, prediction.instances
    if found is None:
        painted = is_painted(prediction.classes)[label_map]
        share = np.where(painted, np.float32(OPACITY), np.float32(0))
        return colourise(label_map, prediction.classes), share
    return instance_layer(found, prediction.size, OPACITY)

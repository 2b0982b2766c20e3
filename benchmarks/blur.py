"""Background blur: halo, matte, speed of photos and clips, flicker, memory.

python benchmarks/blur.py [--data ../shared/data] [halo matte photo video flicker memory]

halo     Composites of a known subject (people val), alpha and background (bsds500 val). Mean
         error against alpha F + (1 - alpha) blur(B) in the ring outside the subject (alpha below
         half, at most 3 sigma from where it is above), against blurring the photo and blending
         by alpha.
matte    people val: foreground IoU and boundary F1 (2 px) of alpha above one half, against the
         network's own mask; one pair of counts over all photos.
photo    1280 x 720, everything after decoding, against the same steps in eager torch and numpy.
video    720p, from davis clips and from one frame with sensor noise, against decoding and
         encoding the same clip with the same encoder.
flicker  Temporal standard deviation of alpha on a still clip with sensor noise, steadied against
         frame by frame; IoU of both on the davis clips.
memory   Peak memory of a process that blurs 300 and 3,000 frames of 720p.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import skimage.data
import torch
from timing import ROOT, machine, paired
from torch.nn import functional as F

from pixelwise import (
    ClassMap,
    Predictor,
    blur_background,
    blur_video,
    find_subject,
    open_dataset,
    read_image,
    read_label_map,
)
from pixelwise.backgrounds.video import WORK
from pixelwise.concurrency import run_ahead
from pixelwise.defaults import FOREGROUND_WEIGHTS
from pixelwise.effects.temporal import steady
from pixelwise.inference.preprocess import prepare
from pixelwise.inference.upsample import decide
from pixelwise.io.video import rewrite
from pixelwise.metrics.boundaries import BoundaryScores, boundary_counts
from pixelwise.networks import build_network
from pixelwise.samples import BoolArray, Float32Array, UInt8Array

SIGMA = 12.0


def composites(data: Path) -> Iterator[tuple[UInt8Array, Float32Array, Float32Array, Float32Array]]:
    """Yield photo, alpha, subject's colours and background, made from real ones."""
    backgrounds = sorted((data / "bsds500" / "images" / "val").glob("*.jpg"))
    for i, sample in enumerate(open_dataset(data / "people", split="val", say=str)):
        mask = (sample.label_map > 0).astype(np.float32)
        alpha = np.asarray(cv2.GaussianBlur(mask, (0, 0), 1.5), np.float32).clip(0, 1)
        # The subject's colours beyond its border are those of its inside, carried on.
        core = cv2.erode(mask, np.ones((5, 5)))
        subject, missing = sample.image.astype(np.float32), core == 0
        for reach in (2, 4, 8, 16, 32, 64):
            near = cv2.GaussianBlur(core, (0, 0), reach)[..., None]
            carried = cv2.GaussianBlur(sample.image * core[..., None], (0, 0), reach)
            here = missing & (near[..., 0] > 1e-3)
            subject[here] = (carried / np.maximum(near, 1e-6))[here]
            missing &= ~here
        photo = read_image(backgrounds[i % len(backgrounds)])
        behind = cv2.resize(photo, mask.shape[::-1]).astype(np.float32)
        mixed = alpha[..., None] * subject + (1 - alpha[..., None]) * behind
        yield mixed.round().clip(0, 255).astype(np.uint8), alpha, subject, behind


def halo(data: Path) -> None:
    predictor = Predictor.load(FOREGROUND_WEIGHTS)
    errors: dict[str, list[tuple[float, float]]] = {"the true alpha": [], "the predicted alpha": []}
    for image, truth, subject, behind in composites(data):
        a = truth[..., None]
        ideal = a * subject + (1 - a) * cv2.GaussianBlur(behind, (0, 0), SIGMA)
        outside = truth < 0.5
        ring = outside & (cv2.distanceTransform(outside.view(np.uint8), 2, 5) <= 3 * SIGMA)
        guess = find_subject(predictor, image).alpha(image)
        for alpha, row in zip((truth, guess), errors.values(), strict=True):
            b = alpha[..., None]
            plain = b * image + (1 - b) * cv2.GaussianBlur(image.astype(np.float32), (0, 0), SIGMA)
            ours = blur_background(image, alpha, SIGMA).astype(np.float32)
            row.append((np.abs(ours - ideal)[ring].mean(), np.abs(plain - ideal)[ring].mean()))
    for name, row in errors.items():
        ours_mean, plain_mean = np.mean(row, axis=0)
        print(
            f"halo, {name}: {ours_mean:.2f} grey levels, plain {plain_mean:.2f}; "
            f"ratio {ours_mean / plain_mean:.2f} ({len(row)} composites)"
        )


def matte(data: Path) -> None:
    predictor = Predictor.load(FOREGROUND_WEIGHTS)
    for name in ("the network's own mask", "alpha above one half"):
        union, both, edges = 0, 0, np.zeros((2, 6), np.int64)
        for sample in open_dataset(data / "people", split="val", say=str):
            truth = sample.label_map > 0
            if name.startswith("alpha"):
                found = find_subject(predictor, sample.image).alpha(sample.image) > 0.5
            else:
                # Not `predict`: these weights draw its label map along the same edges.
                found = decide(predictor.logits(sample.image), truth.shape) > 0
            both, union = both + (found & truth).sum(), union + (found | truth).sum()
            edges += boundary_counts(truth.astype(np.uint8), found.astype(np.uint8), 2)
        f1 = BoundaryScores(edges, ClassMap(("background", "subject"))).per_class_f1[1]
        print(f"matte, {name}: foreground IoU {both / union:.4f}, boundary F1 {f1:.4f}")


def plainly(predictor: Predictor) -> Callable[[UInt8Array], UInt8Array]:
    """Return the same steps as `find_subject` and `blur_background`, in eager torch and numpy."""
    network = build_network(len(predictor.classes)).eval()

    def box(x: torch.Tensor, window: int) -> torch.Tensor:
        return F.avg_pool2d(x, window, 1, window // 2, count_include_pad=False)

    def gauss(x: torch.Tensor, sigma: float) -> torch.Tensor:
        reach = int(4 * sigma + 0.5)
        kernel = torch.exp(-(torch.arange(-reach, reach + 1).float() ** 2) / (2 * sigma**2))
        kernel = (kernel / kernel.sum()).repeat(x.shape[1], 1, 1, 1)
        x = F.conv2d(F.pad(x, (reach, reach, 0, 0), "replicate"), kernel, groups=x.shape[1])
        x = F.pad(x, (0, 0, reach, reach), "replicate")
        return F.conv2d(x, kernel.transpose(2, 3), groups=x.shape[1])

    def small(x: torch.Tensor, longer: int) -> torch.Tensor:
        scale = longer / max(x.shape[2:])
        return F.interpolate(x, scale_factor=scale, mode="area")

    def large(x: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
        return F.interpolate(x, size, mode="bilinear", align_corners=False)

    @torch.inference_mode()
    def run(image: UInt8Array) -> UInt8Array:
        size = image.shape[0], image.shape[1]
        logits = network(torch.from_numpy(prepare(image, predictor.card.side))).logits
        chance = 1 - logits.softmax(1)[:, :1]
        photo = torch.from_numpy(image).permute(2, 0, 1)[None].float()
        guide, target = small(photo, 128) / 255, small((4 * chance - 1.5).clip(0, 1), 128)
        target, n = large(target, (guide.shape[2], guide.shape[3])), 9
        mean, centre = box(guide, n), box(target, n)
        pairs = guide[:, :, None] * guide[:, None]
        spread = box(pairs.flatten(1, 2), n).reshape(pairs.shape) - mean[:, :, None] * mean[:, None]
        spread = spread.permute(0, 3, 4, 1, 2) + 1e-4 * torch.eye(3)
        joint = (box(guide * target, n) - mean * centre).permute(0, 2, 3, 1)
        slope = torch.linalg.solve(spread, joint).permute(0, 3, 1, 2)
        offset = centre - (slope * mean).sum(1, keepdim=True)
        slope, offset = large(box(slope, n), size), large(box(offset, n), size)
        alpha = (1.4 * ((slope * photo / 255).sum(1, keepdim=True) + offset) - 0.2).clip(0, 1)
        # The colours at the edge, the background without the subject, its blur.
        little, share = small(photo, 160), small(alpha, 160)
        contrast = torch.zeros_like(little)
        for reach in (5.1, 1.3):
            sides = []
            for weight in (share**8, (1 - share) ** 8):
                total = gauss(weight, reach)
                sides.append((gauss(little * weight, reach) / (total + 1e-6), total))
            sure = (500 * torch.minimum(sides[0][1], sides[1][1])).clip(0, 1)
            contrast = sure * (sides[0][0] - sides[1][0]) + (1 - sure) * contrast
        work = round(max(size) / (0.02 * max(size) / 4))
        thin, known = small(photo, work), 1 - small(alpha, work)
        lift = large(contrast, (thin.shape[2], thin.shape[3]))
        seen = (thin - (1 - known) * lift).clip(0, 255) * known
        guess = seen.mean((2, 3), keepdim=True) / (known.mean() + 1e-6)
        for reach in (8.0, 2.0):
            near = gauss(known, reach)
            trust = (50 * near).clip(0, 1)
            guess = trust * gauss(seen, reach) / (near + 1e-6) + (1 - trust) * guess
        behind = large(gauss(seen + (1 - known) * guess, 4.0), size)
        a = alpha[0].permute(1, 2, 0).numpy()
        lifted = behind + alpha * large(contrast, size)
        mixed = a * image + (1 - a) * lifted[0].permute(1, 2, 0).numpy()
        return np.asarray(mixed.round().clip(0, 255), dtype=np.uint8)

    return run


def photo(_: Path) -> None:
    torch.set_num_threads(2)
    predictor = Predictor.load(FOREGROUND_WEIGHTS, threads=2)
    image = np.asarray(cv2.resize(skimage.data.astronaut()[:288], (1280, 720)), dtype=np.uint8)
    plain = plainly(predictor)

    def ours() -> object:
        return blur_background(image, find_subject(predictor, image).alpha(image))

    # Five in a row, since the threads of the one keep the cores busy into the first of the other.
    base, mine, ratio = paired(
        lambda: [plain(image) for _ in range(5)], lambda: [ours() for _ in range(5)], 9
    )
    print(
        f"photo, 1280 x 720: {200 * mine:.1f} ms; eager torch and numpy {200 * base:.1f} ms: "
        f"{ratio:.1f} times faster"
    )


def in_720p(path: Path) -> UInt8Array:
    return np.asarray(cv2.resize(read_image(path), (1280, 720)), dtype=np.uint8)


def make_clip(data: Path, path: Path, frames: int, name: str = "dog") -> Path:
    """Write a 720p clip at 30 frames a second from a davis clip, to and fro; or of one frame."""
    import av

    if name == "still":
        rng = np.random.default_rng(0)
        still = in_720p(data / "davis" / "JPEGImages" / "dog" / "00000.jpg")
        noise = rng.normal(0, 3, (12, *still.shape)).astype(np.float32)
        images = [(still + n).round().clip(0, 255).astype(np.uint8) for n in noise]
    else:
        stills = sorted((data / "davis" / "JPEGImages" / name).iterdir())
        images = [in_720p(path) for path in stills]
        images += images[-2:0:-1]
    with av.open(str(path), "w") as target:
        video = target.add_stream("libx264", rate=30)
        video.width, video.height, video.pix_fmt = 1280, 720, "yuv420p"
        video.options = {"preset": "superfast", "crf": "20"}
        for i in range(frames):
            frame = av.VideoFrame.from_ndarray(images[i % len(images)], format="rgb24")
            target.mux(video.encode(frame))
        target.mux(video.encode(None))
    return path


def video(data: Path) -> None:
    predictor = Predictor.load(FOREGROUND_WEIGHTS, threads=1)
    for name in ("still", "dog", "parkour", "dance-twirl"):
        with tempfile.TemporaryDirectory() as folder:
            clip = make_clip(data, Path(folder) / "clip.mp4", 300, name)
            out = Path(folder) / "out.mp4"
            bare, ours, ratio = paired(
                lambda clip=clip, out=out: rewrite(clip, out, lambda frames, _: run_ahead(frames)),  # type: ignore[misc]
                lambda clip=clip, out=out: blur_video(predictor, clip, out),  # type: ignore[misc]
                3,
            )
        print(
            f"video, 720p, {name}: {300 / ours:.1f} frames/s, decoding and encoding alone "
            f"{300 / bare:.1f}; {1 / ratio:.2f} times as long"
        )


def small_frames(data: Path, name: str) -> Iterator[tuple[UInt8Array, BoolArray]]:
    """Yield the frames of a davis clip at the size at which alphas of clips are made."""
    for path in sorted((data / "davis" / "JPEGImages" / name).iterdir()):
        image = read_image(path)
        truth = read_label_map(data / "davis" / "Annotations" / name / f"{path.stem}.png") > 0
        size = WORK, round(WORK * image.shape[0] / image.shape[1])
        yield np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8), truth


def flicker(data: Path) -> None:
    predictor = Predictor.load(FOREGROUND_WEIGHTS)
    rng = np.random.default_rng(0)

    def alpha_of(image: UInt8Array) -> Float32Array:
        return find_subject(predictor, image).alpha(image)

    for name in ("dog", "parkour", "dance-twirl"):
        frames = [(t, image, alpha_of(image)) for image, t in small_frames(data, name)]
        counts = np.zeros((2, 2))
        for (truth, smooth), (_, _, own) in zip(steady(frames), frames, strict=True):
            for row, alpha in zip(counts, (own, smooth), strict=True):
                found = cv2.resize(alpha, truth.shape[::-1]) > 0.5
                row += (found & truth).sum(), (found | truth).sum()
        iou = counts[:, 0] / counts[:, 1]
        still = frames[0][1]
        noisy = []
        for _ in range(60):
            image = (still + rng.normal(0, 4, still.shape)).round().clip(0, 255).astype(np.uint8)
            noisy.append((None, image, alpha_of(image)))
        before = np.std([alpha for *_, alpha in noisy], axis=0).mean()
        after = np.std([alpha for _, alpha in steady(noisy)], axis=0).mean()
        print(
            f"flicker, {name}: standard deviation of a still alpha {after:.5f}, frame by frame "
            f"{before:.5f}, ratio {after / before:.2f}; IoU {iou[1]:.4f}, alone {iou[0]:.4f}"
        )


def memory(data: Path) -> None:
    script = (
        "import sys, resource; from pathlib import Path; from pixelwise import *;"
        "from pixelwise.defaults import FOREGROUND_WEIGHTS;"
        "network = Predictor.load(FOREGROUND_WEIGHTS, threads=1);"
        "blur_video(network, Path(sys.argv[1]), Path(sys.argv[2]));"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)"
    )
    peaks = []
    with tempfile.TemporaryDirectory() as folder:
        for frames in (300, 3000):
            clip = make_clip(data, Path(folder) / "clip.mp4", frames)
            command = [sys.executable, "-c", script, str(clip), str(Path(folder) / "out.mp4")]
            started = time.perf_counter()
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            seconds = time.perf_counter() - started
            peaks.append(float(done.stdout))
            print(f"memory, {frames} frames of 720p: {peaks[-1]:.0f} MB in {seconds:.0f} s")
    print(f"memory: {peaks[1] - peaks[0]:+.0f} MB for ten times as many frames")


PARTS = {
    "halo": halo,
    "matte": matte,
    "photo": photo,
    "video": video,
    "flicker": flicker,
    "memory": memory,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="all where none is named")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    options = parser.parse_args()
    print(machine())
    for name in options.parts or PARTS:
        PARTS[name](options.data)


if __name__ == "__main__":
    main()

"""Composed photos in VOC's layout, for readers who do not have VOC 2012 at hand.

A cat, an astronaut and a motorbike are cut out of photos that come with scikit-image (public domain
or CC0) and pasted over other such photos. So the label maps are exact: a pixel is what was pasted.
"""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import skimage.data

import pixelwise
from pixelwise.instances import instances_of

SIZE = (240, 320)
VOID_WIDTH = 3
"""Pixels of void around each instance; VOC has 5 in photos twice as large."""


# Outlines drawn by hand, (x, y) in pixels of the photo.
PERSON = """25,512 22,470 28,440 20,400 24,350 32,320 40,285 55,260 75,235 100,215 113,205 115,190
125,175 138,160 155,151 175,149 186,152 184,135 175,125 165,115 155,95 153,75 160,50 180,38 200,22
225,15 250,17 270,25 285,38 297,55 301,80 297,110 288,125 278,135 268,137 260,150 256,168 262,175
285,195 300,220 304,235 320,243 338,260 350,285 360,320 366,345 345,352 325,365 310,385 295,405
285,430 278,460 278,490 282,512"""
CAT = """40,0 34,40 31,80 33,110 18,125 0,150 0,300 300,300 290,285 305,262 312,240 318,220 328,200
340,185 352,165 360,145 362,125 358,105 358,75 368,60 378,35 388,15 398,0"""
MOTORBIKE = """92,212 93,200 105,196 140,196 145,180 138,165 138,150 150,145 165,147 168,160 200,165
240,172 270,190 300,192 345,188 358,188 375,175 357,172 375,150 395,135 405,125 425,122 445,140
465,130 480,115 495,105 492,80 500,75 515,90 540,98 545,102 525,103 538,120 545,128 560,122 572,118
582,128 578,140 562,142 562,155 560,175 552,187 552,200 562,225 572,250 580,262 595,268 620,280
643,300 640,308 655,330 672,360 682,390 685,410 680,430 665,445 640,450 615,445 590,430 565,405
545,380 525,350 515,320 505,330 505,310 512,290 505,270 500,250 488,240 478,255 480,285 475,310
465,340 450,365 430,377 400,379 350,376 345,395 350,405 340,405 345,430 330,435 325,430 330,400
322,378 300,365 275,360 262,380 240,395 215,402 185,395 155,375 135,350 124,320 122,285 135,260
148,245 125,240 110,246 98,242 105,230 112,222 98,220"""


SHARES = (0.3, 0.4, 0.3)
"""How often each is pasted: a person, upright, has fewer pixels than the others."""


def _cut_out(photo: np.ndarray, outline: str) -> np.ndarray:
    """Return the inside of an outline as RGBA, cropped to it."""
    corners = np.array([point.split(",") for point in outline.split()], np.int32)
    alpha = np.zeros(photo.shape[:2], np.uint8)
    cv2.fillPoly(alpha, [corners], 255, cv2.LINE_AA)
    alpha = cv2.GaussianBlur(alpha, None, 1.5)
    x, y, width, height = cv2.boundingRect(corners)
    return np.dstack([photo, alpha])[y : y + height, x : x + width]


def _cut_outs() -> dict[int, np.ndarray]:
    """Return an RGBA cut-out for each class id."""
    return {
        pixelwise.VOC.names.index(name): _cut_out(photo, outline)
        for name, photo, outline in (
            ("cat", skimage.data.chelsea(), CAT),
            ("person", skimage.data.astronaut(), PERSON),
            ("motorbike", skimage.data.stereo_motorcycle()[0], MOTORBIKE),
        )
    }


def _backgrounds() -> list[np.ndarray]:
    grey = (skimage.data.brick(), skimage.data.gravel(), skimage.data.grass())
    tints = ((1.0, 0.72, 0.6), (1.0, 0.95, 0.85), (0.7, 1.0, 0.5))
    textures = [
        (plain[..., None] * np.array(tint)).astype(np.uint8)
        for plain, tint in zip(grey, tints, strict=True)
    ]
    return [*textures, skimage.data.rocket(), skimage.data.coffee()]


def _samples(splits: list[str], rng: np.random.Generator) -> Iterator[pixelwise.Sample]:
    cut_outs, backgrounds = _cut_outs(), _backgrounds()
    height, width = SIZE
    for number, split in enumerate(splits):
        behind = backgrounds[rng.integers(len(backgrounds))]
        share = rng.uniform(0.6, 1) * min(behind.shape[0] / height, behind.shape[1] / width)
        h, w = int(height * share), int(width * share)
        y, x = rng.integers(behind.shape[0] - h + 1), rng.integers(behind.shape[1] - w + 1)
        image = cv2.resize(behind[y : y + h, x : x + w], (width, height)).astype(np.float32)
        label_map = np.zeros(SIZE, np.uint8)
        instance_map = np.zeros(SIZE, np.uint16)
        # The farther ones are smaller, and pasted first.
        sizes = np.sort(rng.uniform(0.45, 0.9, rng.integers(1, 4)))
        for index, size in enumerate(sizes, 1):
            class_id = int(rng.choice(list(cut_outs), p=SHARES))
            pasted = cut_outs[class_id]
            scale = size * height / max(pasted.shape[0], pasted.shape[1] * height / width)
            pasted = cv2.resize(pasted, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            if rng.random() < 0.5:
                pasted = pasted[:, ::-1]
            top, left = height - pasted.shape[0], int(rng.integers(width - pasted.shape[1] + 1))
            place = np.s_[top : top + pasted.shape[0], left : left + pasted.shape[1]]
            alpha = pasted[..., 3:] / np.float32(255)
            colours = pasted[..., :3] * rng.uniform(0.75, 1.1, 3).astype(np.float32)
            image[place] = alpha * colours + (1 - alpha) * image[place]
            label_map[place][alpha[..., 0] > 0.5] = class_id
            instance_map[place][alpha[..., 0] > 0.5] = index
        instances = instances_of(instance_map, label_map)
        line = np.ones((VOID_WIDTH, VOID_WIDTH), np.uint8)
        outline = cv2.morphologyEx(instance_map, cv2.MORPH_GRADIENT, line) > 0
        label_map[outline] = pixelwise.VOID
        yield pixelwise.Sample(
            f"{split}_{number:02d}",
            image.clip(0, 255).astype(np.uint8),
            label_map,
            pixelwise.VOC,
            instances,
        )


def compose(root: str | Path, train: int = 24, val: int = 6, seed: int = 0) -> Path:
    """Write ``train`` + ``val`` composed photos in VOC's layout and return the folder."""
    samples = _samples(["train"] * train + ["val"] * val, np.random.default_rng(seed))
    return pixelwise.write_samples(
        samples, root, "voc", split=lambda sample: sample.name.partition("_")[0]
    )

"""Every format: what is read from files made by hand and by other tools, and what is refused."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

from pixelwise import ReadOptions, Sample, list_splits, open_dataset
from pixelwise.classes import CITYSCAPES
from pixelwise.errors import AmbiguousError, ArgumentError, DataError, LabelError, NotADatasetError
from tests import made
from tests.conftest import real


def only(path: Path, **options: Any) -> Sample:
    """Open a data set and read its first sample."""
    sample = open_dataset(path, options=ReadOptions(**options))[0]
    assert isinstance(sample, Sample)
    return sample


class TestCoco:
    def test_polygons_rle_crowds_parts_and_gaps(self, tmp_path: Path) -> None:
        runs = {"size": list(made.SIZE), "counts": [0, 40 * 10, 40 * 50]}
        annotations = [
            {"category_id": 7, "segmentation": [made.box(20, 5, 30, 15), made.box(40, 5, 50, 15)]},
            {"category_id": 3, "segmentation": runs, "iscrowd": 1},
            {"category_id": 3, "segmentation": [made.box(22, 7, 24, 9)]},
        ]
        dataset = open_dataset(made.coco(tmp_path, annotations))
        assert dataset.classes.names == ("background", "cat", "dog")
        assert dataset.file_ids == (0, 3, 7)
        sample = dataset[0]
        assert sample.instances is not None
        crowd, dog, cat = sample.instances  # crowds first, then large to small
        assert (crowd.id, crowd.crowd, crowd.class_id) == (101, True, 1)
        assert (dog.id, dog.area, dog.box) == (100, 200, (5, 20, 15, 50))
        assert cat.id == 102
        # The cat lies within the dog: both masks survive, and the label map shows the small one.
        assert (dog.mask & cat.mask).sum() == cat.area == 4
        assert sample.label_map[8, 23] == 1
        assert sample.label_map[12, 23] == 2
        assert (sample.label_map[:, :10] == 1).all()
        assert sample.instance_map is not None
        assert sample.instance_map[8, 23] == 102
        assert sample.instance_map.dtype == np.uint16

    def test_ids_too_large_for_16_bits_become_places(self, tmp_path: Path) -> None:
        annotation = {"category_id": 7, "segmentation": [made.box(0, 0, 5, 5)], "id": 900100259776}
        sample = only(made.coco(tmp_path, [annotation]))
        assert sample.instances is not None
        assert sample.instances[0].id == 900100259776
        assert sample.instance_map is not None
        assert sample.instance_map.max() == 1

    def test_a_photo_without_annotations_shows_background(self, tmp_path: Path) -> None:
        sample = open_dataset(made.coco(tmp_path, [], n=2))[1]
        assert sample.instances == ()
        assert not sample.label_map.any()

    @pytest.mark.parametrize(
        ("annotation", "message"),
        [
            ({"category_id": 4, "segmentation": [made.box(0, 0, 5, 5)]}, "category 4 is not in"),
            ({"category_id": 3, "segmentation": []}, "a box but no segmentation"),
            ({"category_id": 3, "bbox": [0, 0, 5, 5]}, "a box but no segmentation"),
            ({"category_id": 3, "segmentation": [[1, 2, 3]]}, "three points"),
            ({"category_id": 3, "segmentation": [[1, 2, 3, 4, 1e8, 6]]}, "far outside"),
            ({"category_id": 3, "segmentation": {"size": [9, 9], "counts": [81]}}, r"for \[9, 9\]"),
        ],
    )
    def test_annotations_that_cannot_be_drawn_are_named(
        self, tmp_path: Path, annotation: dict[str, Any], message: str
    ) -> None:
        with pytest.raises(LabelError, match=rf"annotation 100 of 0: .*{message}"):
            only(made.coco(tmp_path, [annotation]))

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"images": 3}, "expected a list under 'images'"),
            ({"annotations": [1]}, "'annotations' holds more than JSON objects"),
            ({"images": [{"id": 1, "file_name": "../x.jpg"}]}, "leads out"),
            ({"images": [{"id": 1}]}, "has no file_name"),
            ({"images": []}, "the split is empty"),
            ({"images": [{"id": 1, "file_name": "gone.jpg"}]}, "'gone.jpg' is missing"),
            ({"categories": [{"id": 1, "name": "a"}, {"id": 1, "name": "b"}]}, "id of its own"),
            ({"categories": [{"id": 1}]}, "needs a name"),
            ({"categories": [{"id": 1, "name": "a"}, {"id": 2, "name": "a"}]}, "given twice"),
            ({"images": [{"id": 1, "file_name": "0.jpg"}] * 2}, "stands for 2 images"),
        ],
    )
    def test_broken_frames_are_explained(
        self, tmp_path: Path, change: dict[str, Any], message: str
    ) -> None:
        path = made.coco(tmp_path, []) / "annotations" / "instances_train.json"
        made.write(path, json.loads(path.read_text()) | change)
        with pytest.raises(DataError, match=message):
            open_dataset(tmp_path)

    def test_one_file_and_files_by_year(self, tmp_path: Path) -> None:
        root = made.coco(tmp_path, [])
        source = root / "annotations" / "instances_train.json"
        assert len(open_dataset(source)) == 1
        source.rename(source.with_name("instances_train2017.json"))
        (root / "train").rename(root / "train2017")
        assert list_splits(root) == ("train",)
        assert len(open_dataset(root, "train2017")) == 1

    # pycocotools' own, of numpy 2.
    @pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
    def test_real_masks_equal_pycocotools(self) -> None:
        folder = real("coco")
        reference = COCO(str(folder / "annotations" / "instances_val2017.json"))
        by_name = {image["file_name"]: image["id"] for image in reference.imgs.values()}
        dataset = open_dataset(folder, "val")
        assert len(dataset) == 79
        assert len(dataset.classes) == 81
        n_objects = 0
        for sample in dataset:
            assert sample.instances is not None
            expected = {a["id"]: a for a in reference.imgToAnns[by_name[f"{sample.name}.jpg"]]}
            for instance in sample.instances:
                annotation = expected.pop(instance.id)
                assert (instance.mask == reference.annToMask(annotation).astype(bool)).all()
                assert dataset.file_ids is not None
                assert dataset.file_ids[instance.class_id] == annotation["category_id"]
                assert instance.crowd == bool(annotation["iscrowd"])
                n_objects += 1
            assert not any(reference.annToMask(a).any() for a in expected.values())
        assert n_objects > 600


class TestYolo:
    def test_polygons_and_missing_text_files(self, tmp_path: Path) -> None:
        made.yolo(tmp_path, "1 0.5 0.25 0.75 0.25 0.75 0.75 0.5 0.75\n\n0 0 0 0.1 0 0.1 0.1\n")
        made.photo(tmp_path / "images" / "train" / "b.jpg", 1)
        dataset = open_dataset(tmp_path)
        assert dataset.classes.names == ("background", "cat", "dog")
        assert "1 without instances" in dataset.found
        dog, cat = dataset[0].instances or ()
        assert (dog.class_id, dog.box) == (2, (10, 30, 31, 46))
        assert cat.class_id == 1
        assert dataset[1].instances == ()

    @pytest.mark.parametrize(
        ("line", "message"),
        [
            ("0 0.5 0.5 0.2 0.2", "are a box"),
            ("5 0 0 0.1 0 0.1 0.1", "class 5, but 2 classes are known"),
            ("cat 0 0 0.1 0 0.1 0.1", "expected 'class x y"),
            ("0 0 0 0.1 0 0.1 x", "expected 'class x y"),
            ("0 0 0 0.1 0 0.1", "three points"),
            ("0 0 0 70 0 0.1 0.1", "far outside"),
            ("0 0 0 nan 0 0.1 0.1", "far outside"),
        ],
    )
    def test_bad_lines_are_named(self, tmp_path: Path, line: str, message: str) -> None:
        with pytest.raises(LabelError, match=rf"a\.txt: line 1: .*{message}"):
            only(made.yolo(tmp_path, line))

    @pytest.mark.parametrize(
        ("names", "message"),
        [
            ("names: {0: cat, 2: dog}", r"expected the ids 0\.\.1"),
            ("names: 3", "expected a list"),
            ("names: [cat, cat]", "'cat' is given twice"),
            ("names: [", "not YAML"),
        ],
    )
    def test_bad_yaml_is_explained(self, tmp_path: Path, names: str, message: str) -> None:
        with pytest.raises(DataError, match=message):
            only(made.yolo(tmp_path, "", names))

    def test_names_by_id_lists_of_photos_and_paths_of_other_machines(self, tmp_path: Path) -> None:
        made.yolo(tmp_path, "0 0 0 0.5 0 0.5 0.5")
        made.write(tmp_path / "list.txt", "./images/train/a.jpg\n")
        text = "path: /somewhere/else\ntrain: list.txt\nnames:\n  0: cat\n  1: dog\n"
        made.write(tmp_path / "data.yaml", text)
        sample = only(tmp_path)
        assert sample.instances
        assert sample.classes.names == ("background", "cat", "dog")

    def test_without_yaml(self, tmp_path: Path) -> None:
        made.yolo(tmp_path, "3 0 0 0.5 0 0.5 0.5")
        (tmp_path / "data.yaml").unlink()
        dataset = open_dataset(tmp_path)
        assert dataset.classes.names == ("background", "0", "1", "2", "3")
        assert "add a data.yaml" in dataset.found


class TestLabelme:
    def test_every_shape_and_groups(self, tmp_path: Path) -> None:
        patch = io.BytesIO()
        Image.fromarray(np.eye(5, dtype=bool)).save(patch, "PNG")
        encoded = base64.b64encode(patch.getvalue()).decode()
        shapes = [
            made.shape("cat", [[2, 2], [8, 2], [8, 8], [2, 8]], group_id=4),
            made.shape("cat", [[12, 2], [15, 6]], "rectangle", group_id=4),
            made.shape("dog", [[40, 20], [40, 25]], "circle"),
            made.shape("dog", [[20, 30], [24, 34]], "mask", mask=encoded),
            made.shape("__ignore__", [[50, 30], [59, 39]], "rectangle"),
        ]
        sample = only(made.labelme(tmp_path, shapes))
        assert sample.classes.names == ("background", "cat", "dog")
        cat, circle, mask = sample.instances or ()
        assert cat.area == 7 * 7 + 4 * 5  # borders included, as labelme draws
        assert circle.box == (15, 35, 26, 46)
        assert (mask.patch == np.eye(5, dtype=bool)).all()
        assert (sample.label_map[30:40, 50:60] == 255).all()

    def test_embedded_photo_and_labels_file(self, tmp_path: Path) -> None:
        source = made.photo(tmp_path / "other" / "p.png")
        data = base64.b64encode(source.read_bytes()).decode()
        shapes = [made.shape("b", [[2, 2], [8, 2], [8, 8]])]
        root = made.labelme(tmp_path / "set", shapes, imageData=data, imagePath="lost.png")
        (root / "a.jpg").unlink()
        made.write(root / "labels.txt", "__ignore__\n_background_\na\nb\n")
        dataset = open_dataset(root)
        assert "1 with embedded photos" in dataset.found
        assert dataset.classes.names == ("background", "a", "b")
        assert (dataset[0].image == np.asarray(Image.open(source))).all()
        assert dataset[0].label_map.max() == 2

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"shapes": [made.shape("a", [[1, 1]], "arrow")]}, "'arrow' bounds no pixels"),
            ({"shapes": [made.shape("a", [[1, 1]], "line")]}, "a line of 1 points"),
            ({"shapes": [made.shape("a", [[1, 1], [2, 2]])]}, "three points"),
            ({"shapes": [made.shape("a", [[1, 1]], "circle")]}, "a circle has two points"),
            ({"shapes": [made.shape("a", [[1, 1], [2, 2]], "mask", mask="?")]}, "not base64"),
            ({"shapes": [{"points": []}]}, "expected a label"),
            ({"shapes": 5}, "expected a list under 'shapes'"),
            ({"imagePath": "x.jpg", "shapes": []}, "'x.jpg' is missing, and none is embedded"),
        ],
    )
    def test_broken_files_are_explained(
        self, tmp_path: Path, change: dict[str, Any], message: str
    ) -> None:
        with pytest.raises(DataError, match=message):
            only(made.labelme(tmp_path, **{"shapes": [], **change}))

    def test_a_label_outside_the_list_is_named(self, tmp_path: Path) -> None:
        root = made.labelme(tmp_path, [made.shape("cow", [[2, 2], [8, 2], [8, 8]])])
        made.write(root / "labels.txt", "cat\ndog\n")
        with pytest.raises(
            LabelError, match="'cow' is not one of the classes: background, cat, dog"
        ):
            only(root)

    @pytest.mark.parametrize("kind", ["semantic", "instance"])
    def test_real_files_read_as_labelme_exports_them(self, kind: str) -> None:
        folder = real("labelme") / f"{kind}_segmentation"
        ours = open_dataset(folder / "data_annotated")
        theirs = open_dataset(folder / "data_dataset_voc")
        for a, b in zip(ours, theirs, strict=True):
            # Pillow has moved one border pixel since labelme made these.
            assert (a.label_map != b.label_map).sum() <= 1
            if b.instances is not None:
                assert a.instances is not None
                assert [i.id for i in a.instances] == [i.id for i in b.instances]
                assert [i.class_id for i in a.instances] == [i.class_id for i in b.instances]


class TestPairs:
    def test_splits_by_name_of_folder(self, tmp_path: Path) -> None:
        for split in ("train", "val"):
            made.photo(tmp_path / split / "a.jpg")
            made.mask(tmp_path / f"{split}annot" / "a.png", made.square(2, 2, 9, 3))
        made.write(tmp_path / "classes.txt", "sky\ncar\n\nroad\nvoid\n")
        dataset = open_dataset(tmp_path)
        assert list_splits(tmp_path) == ("train", "val")
        assert dataset.classes.names == ("sky", "car", "road")
        assert set(np.unique(dataset[0].label_map)) == {0, 255}  # the line "void" is void

    def test_instances_of_16_bits(self, tmp_path: Path) -> None:
        ids = np.zeros(made.SIZE, np.uint16)
        ids[2:5, 2:5], ids[8:10, 8:20] = 700, 3
        for place in ("train/images/a.png", "val/images/a.png"):
            made.photo(tmp_path / place)
        for place in ("train/instances/a.png", "val/instances/a.png"):
            made.mask(tmp_path / place, ids)
        sample = only(tmp_path)
        assert sample.instance_map is not None
        assert (sample.instance_map == ids).all()
        assert [i.id for i in sample.instances or ()] == [3, 700]
        assert (sample.label_map == (ids > 0)).all()
        assert sample.classes.names == ("background", "object")

    def test_label_maps_and_instances_together(self, tmp_path: Path) -> None:
        made.photo(tmp_path / "images" / "a.jpg")
        made.mask(tmp_path / "labels" / "a.png", made.square(2, 2, 9, 2))
        made.mask(tmp_path / "instances" / "a.png", made.square(2, 2, 9, 5))
        sample = only(tmp_path)
        assert [(i.id, i.class_id) for i in sample.instances or ()] == [(5, 2)]
        semantic = open_dataset(tmp_path).semantic()[0]
        assert semantic.instances is None
        assert (semantic.label_map == sample.label_map).all()

    def test_cityscapes(self, tmp_path: Path) -> None:
        labels = np.full(made.SIZE, 7, np.uint8)  # road
        labels[:10], labels[10:20, :5] = 23, 26  # sky, car
        instances = np.full(made.SIZE, 7, np.uint16)
        instances[10:20, :5] = 26001
        start, end = "train/ulm/ulm_0_0", "train/ulm/ulm_0_0_gtFine"
        made.photo(tmp_path / "leftImg8bit" / f"{start}_leftImg8bit.png")
        made.mask(tmp_path / "gtFine" / f"{end}_labelIds.png", labels)
        made.mask(tmp_path / "gtFine" / f"{end}_instanceIds.png", instances)
        made.mask(tmp_path / "gtFine" / f"{end}_color.png", np.zeros((*made.SIZE, 3), np.uint8))
        sample = only(tmp_path)
        assert sample.classes == CITYSCAPES
        seen = [CITYSCAPES.names[i] for i in np.unique(sample.label_map)]
        assert seen == ["road", "sky", "car"]
        assert [(i.id, CITYSCAPES.names[i.class_id]) for i in sample.instances or ()] == [
            (26001, "car")
        ]

    def test_ade20k(self, tmp_path: Path) -> None:
        made.photo(tmp_path / "images" / "training" / "ADE_train_1.jpg")
        made.mask(tmp_path / "annotations" / "training" / "ADE_train_1.png", made.square(0, 0, 9))
        made.write(
            tmp_path / "objectInfo150.txt",
            "Idx\tRatio\tTrain\tVal\tName\n1\t0.1\t9\t9\twall, side\n2\t0.1\t9\t9\tsky\n",
        )
        sample = only(tmp_path)
        assert sample.classes.names == ("wall", "sky")
        assert set(np.unique(sample.label_map)) == {0, 255}  # their 0 is "anything else"

    def test_void_moves_higher_ids_down(self, tmp_path: Path) -> None:
        made.photo(tmp_path / "images" / "a.jpg")
        made.mask(tmp_path / "masks" / "a.png", made.square(0, 0, 9, 2) + made.square(20, 20, 9, 1))
        sample = only(tmp_path, void=1)
        assert set(np.unique(sample.label_map)) == {0, 1, 255}
        assert sample.classes.names == ("0", "2")

    def test_names_with_colours_read_their_own_rgb(self, tmp_path: Path) -> None:
        made.photo(tmp_path / "images" / "a.jpg")
        colours = np.full((*made.SIZE, 3), (10, 20, 30), np.uint8)
        colours[:5] = (200, 100, 7)
        path = made.mask(tmp_path / "masks" / "a.png", colours)
        made.write(tmp_path / "classes.txt", "sea 10 20 30\npotted plant 200 100 7\n")
        sample = only(tmp_path)
        assert sample.classes.names == ("sea", "potted plant")
        assert sample.classes.colours[1] == (200, 100, 7)
        assert (sample.label_map[:5] == 1).all()
        colours[7, 7] = 0
        made.mask(path, colours)
        with pytest.raises(LabelError, match="1 pixels are not in the classes' colours"):
            only(tmp_path)

    def test_grey_levels_written_as_rgb(self, tmp_path: Path) -> None:
        made.photo(tmp_path / "images" / "a.jpg")
        grey = np.repeat(made.square(0, 0, 9, 2)[..., None], 3, axis=2)
        made.mask(tmp_path / "masks" / "a.png", grey)
        dataset = open_dataset(tmp_path)
        assert "grey RGB masks" in dataset.found
        assert dataset[0].label_map.max() == 2

    def test_files_without_partner_are_named(self, tmp_path: Path) -> None:
        made.photo(tmp_path / "images" / "a.jpg")
        made.photo(tmp_path / "images" / "b.jpg")
        made.mask(tmp_path / "masks" / "a_mask.png", made.square(0, 0, 9))
        with pytest.raises(DataError, match=r"b\.jpg: no mask of this name in .*masks"):
            open_dataset(tmp_path)
        made.mask(tmp_path / "masks" / "b_mask.png", made.square(0, 0, 9))
        assert len(open_dataset(tmp_path)) == 2
        (tmp_path / "images" / "a.jpg").unlink()
        with pytest.raises(DataError, match=r"a_mask\.png: no photo of this name"):
            open_dataset(tmp_path)

    def test_jpeg_masks_are_refused(self, tmp_path: Path) -> None:
        made.photo(tmp_path / "images" / "a.jpg")
        made.mask(tmp_path / "masks" / "a.jpg", made.square(0, 0, 9))
        with pytest.raises(DataError, match="JPEG changes the numbers of a mask"):
            open_dataset(tmp_path)

    def test_real_folders(self) -> None:
        camvid = open_dataset(real("camvid"), options=ReadOptions(void=11))
        assert (len(camvid), len(camvid.classes)) == (367, 11)
        assert 255 in camvid[0].label_map
        nuclei = open_dataset(real("nuclei"), "val")
        ids = np.asarray(Image.open(nuclei.entries[0].label_path))
        instance_map = nuclei[0].instance_map
        assert instance_map is not None
        assert (instance_map == ids).all()
        davis = open_dataset(real("davis"))
        assert len(davis) == 120
        assert davis.classes.names == ("background", "foreground")
        assert len(open_dataset(real("davis"), "dog")) == 40


class TestVocObjects:
    def test_instances_and_void(self, own_shapes: Path) -> None:
        for path in sorted((own_shapes / "SegmentationClass").glob("*.png")):
            classes = np.asarray(Image.open(path))
            instances = np.where(
                (classes > 0) & (classes < 255), 4, np.where(classes == 255, 255, 0)
            )
            made.mask(own_shapes / "SegmentationObject" / path.name, instances.astype(np.uint8))
        dataset = open_dataset(own_shapes)
        assert "with instances" in dataset.found
        (one,) = dataset[0].instances or ()
        assert one.id == 4
        label_map = dataset[0].label_map
        assert (one.mask == ((label_map > 0) & (label_map < 255))).all()

    def test_photos_of_any_kind(self, own_shapes: Path) -> None:
        path = own_shapes / "JPEGImages" / "train_000.jpg"
        with Image.open(path) as picture:
            picture.save(path.with_suffix(".png"))
        path.unlink()
        assert open_dataset(own_shapes)[0].name == "train_000"


class TestChoosing:
    def test_one_line_says_what_was_found(
        self, shapes: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        open_dataset(shapes)
        assert capsys.readouterr().out == (
            "shapes: VOC layout, 8 samples in 'train', palette masks, 4 classes "
            "(classes.txt), void 255\n"
        )

    def test_two_formats_in_one_folder(self, own_shapes: Path) -> None:
        made.coco(own_shapes, [])
        with pytest.raises(AmbiguousError, match="--format voc or --format coco"):
            open_dataset(own_shapes)
        assert open_dataset(own_shapes, options=ReadOptions(format="coco")).format == "coco"
        with pytest.raises(ArgumentError, match="unknown format 'coc'; there is: voc, coco, yolo"):
            open_dataset(own_shapes, options=ReadOptions(format="coc"))

    def test_zero_and_255_can_be_two_things(self, tmp_path: Path) -> None:
        made.photo(tmp_path / "images" / "a.jpg")
        made.mask(tmp_path / "masks" / "a.png", made.square(0, 0, 9, 255))
        with pytest.raises(AmbiguousError, match=r"--encoding binary .* or --encoding ids"):
            open_dataset(tmp_path)
        assert only(tmp_path, encoding="binary").label_map.max() == 1
        assert set(np.unique(only(tmp_path, encoding="ids").label_map)) == {0, 255}
        with pytest.raises(ArgumentError, match="unknown encoding 'x'; there is: ids, binary"):
            ReadOptions(encoding="x")

    def test_16_bits_can_be_two_things(self, tmp_path: Path) -> None:
        made.photo(tmp_path / "images" / "a.jpg")
        made.mask(tmp_path / "masks" / "a.png", made.square(0, 0, 9, 2).astype(np.uint16))
        with pytest.raises(AmbiguousError, match=r"--encoding instances .* or --encoding ids"):
            open_dataset(tmp_path)
        assert len(only(tmp_path, encoding="instances").instances or ()) == 1
        assert only(tmp_path, encoding="ids").instances is None

    def test_several_label_folders(self, tmp_path: Path) -> None:
        made.photo(tmp_path / "images" / "a.jpg")
        made.mask(tmp_path / "masks" / "a.png", made.square(0, 0, 9, 1))
        made.mask(tmp_path / "labels" / "a.png", made.square(0, 0, 9, 2))
        with pytest.raises(AmbiguousError, match="--labels labels or --labels masks"):
            open_dataset(tmp_path)
        for labels in ("masks", tmp_path / "masks"):
            assert only(tmp_path, labels=labels).label_map.max() == 1

    def test_several_data_sets_below(self, tmp_path: Path) -> None:
        made.labelme(tmp_path / "one", [])
        made.labelme(tmp_path / "two", [])
        made.write(tmp_path / "readme.json", {})
        with pytest.raises(NotADatasetError, match=r"several data sets inside, .*one, .*two"):
            open_dataset(tmp_path)
        assert "labelme" in real("labelme").name

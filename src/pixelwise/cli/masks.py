"""``pixelwise masks``.

Libraries are imported inside the commands, so that ``--help`` costs none of them.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Annotated

import typer


def masks(
    table: Annotated[
        str,
        typer.Argument(metavar="TABLE", help="images-*.parquet, or the folder or URL of all."),
    ],
    image: Annotated[str, typer.Option(help="Its path, as the column path has it.")],
    out: Annotated[Path, typer.Option(help="Folder for the masks.")],
) -> None:
    """Draw the masks of one image from the tables of `pixelwise predict --save parquet`.

    Writes STEM.png (class ids, with a palette) and, if it has instances, STEM_instances.png (16-bit
    ids, 0 = none), as predict does.
    """
    from pixelwise.errors import missing_extra

    try:
        from pixelwise.cluster import draw_row
    except ModuleNotFoundError as error:
        raise missing_extra("masks", str(error.name), "table") from None
    from pixelwise.io.mask import INSTANCES_SUFFIX, write_instance_map, write_label_map

    drawn = draw_row(table, image)
    stem = PurePosixPath(image).with_suffix("").as_posix()
    path = out / f"{stem}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_label_map(path, drawn.label_map, drawn.classes)
    print(f"wrote {path}")
    if drawn.instances:
        path = out / f"{stem}{INSTANCES_SUFFIX}"
        write_instance_map(path, drawn.instance_map)
        print(f"wrote {path}")

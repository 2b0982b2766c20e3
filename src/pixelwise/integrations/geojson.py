"""GeoJSON, as QuPath and other viewers of large images read it.

Corners are [x, y] in pixels from the image's upper left corner, along the edges of pixels, so that
a polygon's area is the number of its pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from pixelwise.classes import ClassMap
from pixelwise.instances import rings
from pixelwise.samples import Instance


def features(instances: Sequence[Instance], classes: ClassMap) -> dict[str, Any]:
    """Return instances as a ``FeatureCollection`` of polygons with their holes.

    Parameters
    ----------
    instances : sequence of Instance
    classes : ClassMap

    Returns
    -------
    dict
        Ready for JSON. QuPath shows each as an annotation of its class and colour, with the
        score among its measurements.

    Examples
    --------
    >>> found = Instance.of(np.array([[False, True]]), class_id=1, id=1)
    >>> shape = features([found], ClassMap(("background", "cell")))["features"][0]
    >>> shape["geometry"]["coordinates"], shape["properties"]["classification"]["name"]
    ([[[2, 0], [1, 0], [1, 1], [2, 1], [2, 0]]], 'cell')
    """
    made = []
    for number, instance in enumerate(instances, start=1):
        top, left = instance.corner
        polygons = [
            [[[x + left, y + top] for x, y in ring] for ring in part]
            for part in rings(instance.patch)
        ]
        single = len(polygons) == 1
        name = classes.names[instance.class_id]
        made.append(
            {
                "type": "Feature",
                # A UUID, as QuPath wants it; the same prediction has the same ones.
                "id": str(uuid5(NAMESPACE_OID, f"{number} {name} {instance.box}")),
                "geometry": {
                    "type": "Polygon" if single else "MultiPolygon",
                    "coordinates": polygons[0] if single else polygons,
                },
                "properties": {
                    "objectType": "annotation",
                    "name": f"{name} {number}",
                    "classification": {
                        "name": name,
                        "color": list(classes.colours[instance.class_id]),
                    },
                    "measurements": {"score": round(instance.score, 4)},
                },
            }
        )
    return {"type": "FeatureCollection", "features": made}

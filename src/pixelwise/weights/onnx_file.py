"""ONNX files read and cut without the onnx package: the few parts of them that pixelwise needs.

An ONNX file is one protobuf message. Its wire format (https://protobuf.dev/programming-guides/
encoding) is a sequence of fields, each a number, a wire type and a payload; the field numbers
below are those of ``onnx.proto``. Nothing in a file is trusted: every length is checked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from pixelwise.errors import WeightsError

GRAPH, METADATA = 7, 14
"""Fields of ModelProto."""

NODE, INITIALIZER, OUTPUT, VALUE_INFO, QUANTISATION, SPARSE = 1, 5, 12, 13, 14, 15
"""Fields of GraphProto."""

NODE_INPUT, NODE_OUTPUT, ATTRIBUTE = 1, 2, 5
"""Fields of NodeProto."""

SUBGRAPHS = (6, 11)
"""Fields of AttributeProto that hold graphs, as of If and Loop."""

TENSOR_NAME, SPARSE_VALUES, NAME, KEY, VALUE = 8, 1, 1, 1, 2

VARINT, FIXED_64, LENGTH, FIXED_32 = 0, 1, 2, 5
"""Wire types; the others are no longer in use."""

MOST_DEPTH = 32
"""Graphs within graphs, at most."""


@dataclass(frozen=True)
class Field:
    """A field of a message: its number, and its bytes with and without what precedes them."""

    number: int
    payload: memoryview
    whole: memoryview


class _DamagedError(ValueError):
    """Bytes that are no protobuf message."""


def read_metadata(data: bytes, where: str) -> dict[str, str]:
    """Return the metadata of an ONNX file.

    Parameters
    ----------
    data : bytes
        Of the file.
    where : str
        What to call the file in a message.

    Raises
    ------
    WeightsError
        Not an ONNX file.

    Examples
    --------
    >>> from pixelwise.weights import read_weights
    >>> list(read_metadata(read_weights("edges"), "edges"))
    ['pixelwise']
    """
    try:
        model = list(_fields(memoryview(data)))
        _graph(model)
        entries = [list(_fields(f.payload)) for f in model if f.number == METADATA]
        return {_text(entry, KEY): _text(entry, VALUE) for entry in entries}
    except ValueError as error:
        raise WeightsError(f"{where}: not a readable ONNX file ({error})") from None


def cut_to_outputs(data: bytes, where: str, wanted: Callable[[str], bool]) -> bytes:
    """Return an ONNX file cut to its first output and some others, so that a run costs only those.

    The other outputs go, and with them the nodes and weights that nothing else needs (dead-code
    elimination); everything else stays byte for byte.

    Parameters
    ----------
    data : bytes
        Of the file.
    where : str
        What to call the file in a message.
    wanted : callable
        Says of the name of a further output whether it stays.

    Raises
    ------
    WeightsError
        Not an ONNX file.

    Examples
    --------
    >>> from pixelwise.weights import read_weights
    >>> whole = read_weights("nuclei")
    >>> len(cut_to_outputs(whole, "nuclei", lambda name: False)) < len(whole)
    True
    """
    try:
        model = list(_fields(memoryview(data)))
        graph = _graph(model)
        cut = b"".join(_needed(list(_fields(graph.payload)), wanted))
        header = _varint(GRAPH << 3 | LENGTH) + _varint(len(cut))
        return b"".join(header + cut if f is graph else f.whole for f in model)
    except ValueError as error:
        raise WeightsError(f"{where}: not a readable ONNX file ({error})") from None


def output_names(data: bytes, where: str) -> tuple[str, ...]:
    """Return what an ONNX file gives, by name, in its order.

    Raises
    ------
    WeightsError
        Not an ONNX file.

    Examples
    --------
    >>> from pixelwise.weights import read_weights
    >>> output_names(read_weights("street"), "street")
    ('logits',)
    """
    try:
        graph = list(_fields(_graph(list(_fields(memoryview(data)))).payload))
        return tuple(_name(field) for field in graph if field.number == OUTPUT)
    except ValueError as error:
        raise WeightsError(f"{where}: not a readable ONNX file ({error})") from None


def _needed(graph: list[Field], chosen: Callable[[str], bool]) -> Iterator[memoryview]:
    """Yield the fields of a graph that some outputs need, as they are in the file."""
    outputs = [f for f in graph if f.number == OUTPUT]
    if not outputs:
        raise _DamagedError("no output")
    wanted = [outputs[0], *(f for f in outputs[1:] if chosen(_name(f)))]
    needed = {_name(f) for f in wanted}
    made = set()
    kept = {id(f) for f in wanted}
    # Nodes stand in topological order, so that from the last to the first one pass is enough.
    for field in reversed(graph):
        if field.number != NODE:
            continue
        node = list(_fields(field.payload))
        results = _texts(node, NODE_OUTPUT)
        if needed.intersection(results):
            needed.update(_inputs(node))
            made.update(results)
            kept.add(id(field))
    for field in graph:
        if field.number in (NODE, OUTPUT):
            if id(field) in kept:
                yield field.whole
        elif field.number in (INITIALIZER, SPARSE, VALUE_INFO, QUANTISATION):
            if _name(field) in needed | made:
                yield field.whole
        else:
            yield field.whole


def _inputs(node: Iterable[Field], depth: int = 0) -> set[str]:
    """Return the names that a node reads, those that graphs inside it may read among them."""
    if depth > MOST_DEPTH:
        raise _DamagedError("graphs nested too deeply")
    node = list(node)
    names = set(_texts(node, NODE_INPUT)) - {""}
    for attribute in (f for f in node if f.number == ATTRIBUTE):
        for graph in (f for f in _fields(attribute.payload) if f.number in SUBGRAPHS):
            for inner in _fields(graph.payload):
                if inner.number == NODE:
                    names |= _inputs(_fields(inner.payload), depth + 1)
                elif inner.number == OUTPUT:
                    names.add(_text(list(_fields(inner.payload)), NAME))
    return names


def _name(field: Field) -> str:
    """Return the name of the tensor that a field of a graph defines or describes."""
    content = list(_fields(field.payload))
    if field.number == SPARSE:
        values = next((f for f in content if f.number == SPARSE_VALUES), None)
        return _text(list(_fields(values.payload)) if values else [], TENSOR_NAME)
    return _text(content, TENSOR_NAME if field.number == INITIALIZER else NAME)


def _graph(model: list[Field]) -> Field:
    graphs = [f for f in model if f.number == GRAPH]
    if len(graphs) != 1:
        raise _DamagedError(f"{len(graphs)} graphs in it, expected one")
    return graphs[0]


def _texts(message: list[Field], number: int) -> list[str]:
    return [str(f.payload, "utf-8") for f in message if f.number == number]


def _text(message: list[Field], number: int) -> str:
    """Return a field's text; of several the last one counts, and none is empty."""
    return next(reversed(_texts(message, number)), "")


def _fields(data: memoryview) -> Iterator[Field]:
    """Yield the fields of a message in their order; the payload of a number is empty."""
    place = 0
    while place < len(data):
        start = place
        key, place = _read_varint(data, place)
        number, kind = key >> 3, key & 7
        begin = place
        if kind == VARINT:
            _, place = _read_varint(data, place)
            begin = place
        elif kind == LENGTH:
            length, begin = _read_varint(data, place)
            place = begin + length
        elif kind in (FIXED_64, FIXED_32):
            place = begin = begin + (8 if kind == FIXED_64 else 4)
        else:
            raise _DamagedError(f"wire type {kind} at byte {start}")
        if place > len(data):
            raise _DamagedError(f"it ends within the field at byte {start}")
        yield Field(number, data[begin:place], data[start:place])


def _read_varint(data: memoryview, place: int) -> tuple[int, int]:
    """Return the number that starts at a place, seven bits per byte, and the place after it."""
    value = 0
    for shift in range(0, 70, 7):
        if place >= len(data):
            raise _DamagedError("it ends within a number")
        byte = data[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
    raise _DamagedError(f"a number of more than ten bytes before byte {place}")


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)

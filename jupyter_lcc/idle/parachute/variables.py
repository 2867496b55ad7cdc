"""The code that lists a kernel's variables, as it runs inside of the kernel: sent as text, so it stands alone.

What it may touch is bounded: names, exact types, and the sizes of objects whose type is exactly a builtin, numpy's
array, pandas' frame or series, or torch's tensor, read through C descriptors where there are some. `__repr__`,
`__len__`, `__sizeof__`, `__class__`, `__eq__` and `__getattr__` of anything else are never called, nor a
metaclass's: they may compute for minutes, or fail. It looks only into modules that are imported already.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SAMPLE = 1000
"""A collection's size is estimated from so many elements."""

MOST_COLUMNS = 500


def take(user_ns: dict[str, Any], hidden: dict[str, Any], most: int, seconds: float) -> tuple[bool, list[Any]]:
    """Give (complete, [(name, type, size or None, summary or None), …]), the largest first."""
    clock = sys.modules["time"].monotonic
    end = clock() + seconds
    measure = _measures()
    skipped = {id(type(sys)), id(type(take)), id(type(len)), id(type)}
    found: list[Any] = []
    complete = True
    for name, value in list(user_ns.items()):
        if clock() > end:
            complete = False
            break
        cls = type(value)
        if type(name) is not str or name[:1] == "_" or id(cls) in skipped or hidden.get(name, found) is value:
            continue
        if type.__subclasscheck__(type, cls):
            continue  # a class with a metaclass, not a value
        size = summary = None
        if id(cls) in measure:
            try:
                size, summary = measure[id(cls)](value)
            except BaseException:  # changed in another thread, or a library failed: the size isn't worth more
                size = summary = None
        found.append((name[:200], _called(cls), size, summary))
    found.sort(key=lambda row: -1 if row[2] is None else row[2], reverse=True)
    return complete and len(found) <= most, found[:most]


def _called(cls: Any) -> str:
    """Name a type, by C descriptors: a metaclass may have its own idea of attributes."""
    name, home = type.__dict__["__name__"].__get__(cls), type.__dict__["__module__"].__get__(cls)
    name = name[:200] if type(name) is str else "?"
    if type(home) is str and home not in ("builtins", "__main__"):
        return home.partition(".")[0][:200] + "." + name
    return name


def _measures() -> dict[int, Any]:
    """Give what measures a type, by the type's id: comparing types may call a metaclass."""
    found = {id(cls): _scalar for cls in (int, float, complex, bool, type(None))}
    found.update({id(cls): _text for cls in (str, bytes, bytearray)})
    found.update({id(cls): _collection for cls in (list, tuple, set, frozenset, dict)})
    array = _known("numpy", "ndarray")
    # numpy's is made in C; one that was made in Python isn't numpy's.
    if array is not None and not array.__flags__ & 512:
        found[id(array)] = _array
    for name in ("DataFrame", "Series"):
        cls = _known("pandas", name)
        if cls is not None:
            found[id(cls)] = _frame
    tensor, parameter = _known("torch", "Tensor"), _known("torch.nn", "Parameter")
    for cls in (tensor, parameter):
        if tensor is not None and cls is not None:
            found[id(cls)] = _tensor
    return found


def _known(package: str, name: str) -> Any:
    """Give a class of an installed package that is imported; None for anything made up in a notebook."""
    module = sys.modules.get(package)
    if type(module) is not type(sys):
        return None
    spec = module.__dict__.get("__spec__")
    if spec is None or type(spec) is not type(sys.__spec__) or not spec.submodule_search_locations:
        return None
    cls = module.__dict__.get(name)
    return cls if type.__subclasscheck__(type, type(cls)) else None


def _scalar(value: Any) -> tuple[int | None, str | None]:
    return sys.getsizeof(value), None


def _text(value: Any) -> tuple[int | None, str | None]:
    return sys.getsizeof(value), "length " + str(len(value))


def _collection(value: Any) -> tuple[int | None, str | None]:
    """Estimate from the first elements; None where one isn't a plain value."""
    summary = str(len(value)) + (" item" if len(value) == 1 else " items")
    plain = {id(cls) for cls in (int, float, complex, bool, str, bytes, type(None))}
    total = count = 0
    for element in value.items() if type(value) is dict else value:
        for part in element if type(value) is dict else (element,):
            if id(type(part)) not in plain:
                return None, summary
            total += sys.getsizeof(part)
        count += 1
        if count >= SAMPLE:
            break
    return sys.getsizeof(value) + (total * len(value) // count if count else 0), summary


def _times(shape: Any) -> str:
    return " x ".join(str(side) for side in tuple(shape)) or "one value"


def _array(value: Any) -> tuple[int | None, str | None]:
    own = type(value).__dict__
    return int(own["nbytes"].__get__(value)), _times(own["shape"].__get__(value))


def _frame(value: Any) -> tuple[int | None, str | None]:
    shape = tuple(value.shape)
    if len(shape) == 2 and shape[1] > MOST_COLUMNS:
        return None, _times(shape)
    for kind in list(value.dtypes) if len(shape) == 2 else [value.dtype]:
        home = type.__dict__["__module__"].__get__(type(kind))
        if type(home) is not str or home.partition(".")[0] not in ("numpy", "pandas"):
            return None, _times(shape)  # somebody else's array, which would measure itself
    used = value.memory_usage(index=True, deep=False)
    return int(used.sum() if len(shape) == 2 else used), _times(shape)


def _tensor(value: Any) -> tuple[int | None, str | None]:
    in_c = sys.modules["torch"].__dict__["Tensor"].__mro__[1].__dict__
    size = in_c["element_size"](value) * in_c["nelement"](value)
    return int(size), _times(in_c["shape"].__get__(value))

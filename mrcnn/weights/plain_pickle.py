"""Reading pickles of weights as data: nothing in the file is run, imported or built.

A pickle is a program that calls functions by name. Here a call is only recorded, as a `Call`; the
readers of the two formats (`detectron_files`, `torch_files`) interpret the few they know.
"""

import pickle
from collections.abc import Callable, Iterable, Sequence
from typing import Any, BinaryIO

# Opcodes of containers, texts and numbers. Sets and objects are left out: weights need neither.
_OPCODES = """
    PROTO FRAME STOP MARK POP POP_MARK DUP NONE NEWTRUE NEWFALSE INT BININT BININT1 BININT2 LONG
    LONG1 LONG4 FLOAT BINFLOAT STRING BINSTRING SHORT_BINSTRING BINBYTES SHORT_BINBYTES BINBYTES8
    UNICODE
    BINUNICODE SHORT_BINUNICODE BINUNICODE8 TUPLE EMPTY_TUPLE TUPLE1 TUPLE2 TUPLE3 LIST EMPTY_LIST
    APPEND APPENDS EMPTY_DICT GET BINGET LONG_BINGET PUT BINPUT LONG_BINPUT MEMOIZE GLOBAL
    STACK_GLOBAL PERSID BINPERSID"""
_PLAIN = {
    opcode: pickle._Unpickler.dispatch[opcode]
    for opcode in (getattr(pickle, name)[0] for name in _OPCODES.split())
}
_KEYS = (str, int, float, bytes, bool, type(None))


class Refused(ValueError):
    """A file is damaged, or its pickle asks for something that weights do not need."""


class Name:
    """A function or class that a pickle names.

    Args:
        module: Its module.
        name: Its name in the module.
    """

    def __init__(self, module: str, name: str) -> None:
        self.full = f"{module}.{name}"


class Call:
    """A call that a pickle asks for, and the state that it sets afterwards.

    Args:
        name: Full name of the function.
        arguments: Its arguments.
    """

    def __init__(self, name: str, arguments: tuple) -> None:
        self.name, self.arguments = name, arguments
        self.state: Any = None


class PlainUnpickler(pickle._Unpickler):
    """Python's unpickler written in Python; the one in C trusts sizes and positions.

    `load` raises ValueError for a pickle that is damaged or asks for something else.

    Args:
        file: Open for reading.
        known: Full names such as "numpy.dtype" that the pickle may use; others are refused.
    """

    # Attributes of the base class, which Python does not document.
    stack: list[Any]
    append: Callable[[Any], None]
    read: Callable[[int], bytes]
    pop_mark: Callable[[], list[Any]]

    def __init__(self, file: BinaryIO, known: Iterable[str]) -> None:
        super().__init__(file, encoding="latin1")  # texts of Python 2 may be bytes
        self.known = {
            *known,
            "collections.OrderedDict",
            "_codecs.encode",
            "__builtin__.bytes",
            "builtins.bytes",
        }

    def load(self) -> Any:
        """Reads the pickle.

        Returns:
            Its content, with a `Call` for everything that is not a container, text or number.

        Raises:
            ValueError: The pickle is damaged or asks for something else.
        """
        try:
            return super().load()
        except Refused:
            raise
        except Exception as error:  # other data can fail in any way
            raise Refused("it is damaged, cut off, or of another format") from error

    def find_class(self, module: str, name: str) -> Any:
        """Records a name instead of importing it.

        Args:
            module: Its module.
            name: Its name in the module.

        Returns:
            A `Name`.

        Raises:
            Refused: It is not among the known ones.
        """
        found = Name(module, name)
        if found.full not in self.known:
            shown = "".join(c if c.isprintable() else "?" for c in found.full[:100])
            raise Refused(f"it asks for {shown}, which a file of weights does not need")
        return found

    def _load_reduce(self) -> None:
        arguments, function = self.stack.pop(), self.stack.pop()
        if not isinstance(function, Name) or not isinstance(arguments, tuple):
            raise Refused("it calls something that is not a function")
        self.append(_simplest(function.full, arguments))

    def _load_build(self) -> None:
        state, what = self.stack.pop(), self.stack[-1]
        if isinstance(what, Call):
            what.state = state
        elif not isinstance(what, dict):  # PyTorch adds a version to its dicts
            raise Refused("it changes something that is not an array")

    def _load_bytearray8(self) -> None:
        size = int.from_bytes(self.read(8), "little")
        self.append(self.read(size))  # Python's own makes room for `size` first

    def _load_dict(self) -> None:
        items = self.pop_mark()
        self.append(_filled({}, items[::2], items[1::2]))

    def _load_setitem(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        _filled(self.stack[-1], [key], [value])

    def __load_setitems(self) -> None:
        items = self.pop_mark()
        _filled(self.stack[-1], items[::2], items[1::2])

    dispatch = _PLAIN | {  # type: ignore[assignment]
        pickle.REDUCE[0]: _load_reduce,
        pickle.BUILD[0]: _load_build,
        pickle.DICT[0]: _load_dict,
        pickle.SETITEM[0]: _load_setitem,
        pickle.SETITEMS[0]: __load_setitems,
        pickle.BYTEARRAY8[0]: _load_bytearray8,
    }


def _simplest(name: str, arguments: tuple) -> Any:
    """The dict or bytes that a known call stands for, else the call itself."""
    if name == "collections.OrderedDict":  # empty, or from a list of pairs
        pairs = list(arguments[0]) if arguments else []
        return _filled({}, [key for key, _ in pairs], [value for _, value in pairs])
    if name == "_codecs.encode":  # how Python 3 writes bytes for Python 2
        return arguments[0].encode("latin1")
    if name.endswith(".bytes"):
        if arguments:
            raise Refused("it asks for new bytes, which a file of weights does not need")
        return b""
    return Call(name, arguments)


def _filled(target: Any, keys: Sequence[Any], values: Sequence[Any]) -> dict:
    """Adds items to a dict. Keys are simple: hashing deeply nested tuples overflows the stack."""
    if not isinstance(target, dict):
        raise Refused("it adds entries to something that is not a dict")
    for key, value in zip(keys, values, strict=True):
        if type(key) not in _KEYS:
            raise Refused("it has a dict whose keys are neither text nor numbers")
        target[key] = value
    return target

"""Zip files that are the same, byte for byte, whenever they are made of the same."""

import io
import zipfile
from collections.abc import Iterable

_NO_TIME = (1980, 1, 1, 0, 0, 0)  # the first that a zip file can hold


def zipped(entries: Iterable[tuple[str, bytes]], *, stored: Iterable[str] = ()) -> bytes:
    """Return a zip file of the entries, in their order, without the time, the system or the rights of this machine.

    Args:
        entries: The name and the bytes of each file.
        stored: The names of those that must not be compressed.

    Raises:
        ValueError: Two entries have the same name.
    """
    plain, seen = frozenset(stored), set[str]()
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as archive:
        for name, content in entries:
            if name in seen:
                raise ValueError(f"an archive holds {name} twice")
            seen.add(name)
            info = zipfile.ZipInfo(name, _NO_TIME)
            info.compress_type = zipfile.ZIP_STORED if name in plain else zipfile.ZIP_DEFLATED
            info.create_system = 3  # Unix, on any system
            info.external_attr = 0o644 << 16
            archive.writestr(info, content, compresslevel=9)
    return memory.getvalue()


def rezipped(archive: bytes) -> bytes:
    """Return an archive without what changes from run to run."""
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        return zipped((info.filename, opened.read(info)) for info in opened.infolist())

"""Which reader a file takes, and which files of a folder are data: a person names a path and nothing else."""

from __future__ import annotations

from pathlib import Path

from rm_train.data.errors import SourceError
from rm_train.data.settings import Side
from rm_train.data.sources.base import choose_sides
from rm_train.data.sources.file import FileSource
from rm_train.data.sources.json_array import JsonArraySource
from rm_train.data.sources.jsonl import JsonlSource
from rm_train.data.sources.parquet import ParquetSource

JSONL = (".jsonl", ".jsonl.gz")
SUFFIXES = (*JSONL, ".json", ".parquet")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def open_file(
    path: Path, side: Side | None = None, suffixes: tuple[str, ...] = SUFFIXES, inside: Path | None = None
) -> FileSource:
    """Return the source that reads a file; of `.json` the first sign tells an array from lines of objects.

    Args:
        path: The file.
        side: The side its rows belong to, or None when the prompts decide.
        suffixes: The kinds of files that are meant, some of `SUFFIXES`.
        inside: The folder from which its rows name it; None for its own.

    Raises:
        SourceError: The file is of another kind, or cannot be read.
    """
    if not path.name.endswith(suffixes):
        raise SourceError(f"{path}: should end in {_listed(suffixes)}")
    if path.name.endswith(".parquet"):
        return ParquetSource(path, side, inside)
    if path.name.endswith(".json") and _is_array(path):
        return JsonArraySource(path, side, inside)
    return JsonlSource(path, side, inside)


def file_sources(path: Path, suffixes: tuple[str, ...] = SUFFIXES) -> list[FileSource]:
    """Return the sources at a path: one for a file, one or two for a folder (validation first).

    Raises:
        SourceError: There is no such file or folder, or it does not say which file is which.
    """
    if path.is_file():
        return [open_file(path, None, suffixes)]
    if not path.is_dir():
        raise SourceError(f"{path}: no such file or folder")
    names = [entry.name for entry in path.iterdir() if entry.is_file() and entry.name.endswith(suffixes)]
    train, validation = choose_sides(names, str(path))
    if validation is None:
        return [open_file(path / train, None, suffixes)]
    return [open_file(path / validation, "validation", suffixes), open_file(path / train, "train", suffixes)]


def all_files(path: Path, side: Side | None = None) -> list[FileSource]:
    """Return the sources of a file, or of all files of these kinds in a folder and below it, by their paths.

    What begins with a dot is hidden, and left out.

    Args:
        path: The file or the folder.
        side: The side their rows belong to, or None when the prompts decide.

    Raises:
        SourceError: There is no such file or folder, or no data in it.
    """
    if not path.exists():
        raise SourceError(f"{path}: no such file or folder")
    if not path.is_dir():
        return [open_file(path, side)]
    inside = sorted(entry for entry in path.rglob("*") if entry.name.endswith(SUFFIXES) and entry.is_file())
    shown = [entry for entry in inside if not any(part.startswith(".") for part in entry.relative_to(path).parts)]
    if not shown:
        raise SourceError(f"{path}: there is no file in it that ends in {_listed(SUFFIXES)}")
    return [open_file(entry, side, inside=path) for entry in shown]


def _listed(suffixes: tuple[str, ...]) -> str:
    return f"{', '.join(suffixes[:-1])} or {suffixes[-1]}"


def _is_array(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(1024).removeprefix(_BYTE_ORDER_MARK).lstrip().startswith(b"[")
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({error})") from error

"""Which files a dataset is: the names a caller may give, and nothing outside the folder that was set for them."""

from __future__ import annotations

import difflib
from pathlib import Path

from shared.errors import InvalidInputError, NotEnoughSettingsError
from shared.providers.dataset.formats import ENDINGS
from shared.providers.text import shown

_ALLOWED = f"the name of a file in the dataset folder, ending {', '.join(ENDINGS)}"


def dataset_files(name: str | None, root: Path | None) -> list[Path]:
    """The files to read. A name is one file inside `root` (or `root` itself, if that is a file); none: all of them.

    Raises `InvalidInputError("dataset", …)` for a name that is unknown or unsafe. No error tells where `root` is.
    """
    if root is None:
        if name is None:
            raise NotEnoughSettingsError("settings: missing: TIKTOK_DATASET (a file, or a folder of files)")
        raise InvalidInputError("dataset", "no dataset folder is set (TIKTOK_DATASET); leave the field out")
    known = _files_in(root)
    if name is None:
        return known
    _check_name(name)
    match = next((file for file in known if file.name == name), None)
    if match is None:
        near = difflib.get_close_matches(name, [file.name for file in known], n=5, cutoff=0.3)
        told = f"; near names: {', '.join(near)}" if near else ""
        raise InvalidInputError("dataset", f"{shown(name)} is not among the {len(known)} dataset files{told}")
    return [match]


def _check_name(name: str) -> None:
    unsafe = not name.isprintable() or "/" in name or "\\" in name or name.startswith(".") or len(name) > 255
    if unsafe or not name.lower().endswith(ENDINGS):
        raise InvalidInputError("dataset", f"{shown(name)} is not allowed; expected: {_ALLOWED}")


def _files_in(root: Path) -> list[Path]:
    """The account files of the folder by name. Links that lead out of it, and hidden files, are no part of it."""
    try:
        if root.is_file():
            return [root]
        inside = root.resolve(strict=True)
        listed = sorted(root.iterdir(), key=lambda file: file.name)
        files = [file for file in listed if _is_ours(file, inside)]
    except OSError as wrong:
        raise NotEnoughSettingsError(
            f"settings: TIKTOK_DATASET: {root.name!r} is no file or folder that can be read"
        ) from wrong
    if not files:
        raise NotEnoughSettingsError(
            f"settings: TIKTOK_DATASET: the folder {root.name!r} holds no file ending {', '.join(ENDINGS)}"
        )
    return files


def _is_ours(file: Path, inside: Path) -> bool:
    named = not file.name.startswith(".") and file.name.lower().endswith(ENDINGS)
    return named and file.is_file() and file.resolve().is_relative_to(inside)

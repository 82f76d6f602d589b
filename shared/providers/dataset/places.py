"""Which files a dataset is: what a workspace may name, and nothing of another workspace or outside the set folder.

`TIKTOK_DATASET` is a file, or a folder. That file, or the files that lie directly in that folder, were put there by the
operator and are for every workspace. Below the folder each workspace has one of its own, named by its id: what is
handed in with `army run --dataset` goes there, and only that workspace can name it.
"""

from __future__ import annotations

import difflib
from pathlib import Path
from uuid import UUID

from shared.errors import InvalidInputError, NotEnoughSettingsError
from shared.providers.dataset.formats import ENDINGS
from shared.providers.text import shown

_ALLOWED = f"the name of a file in the dataset folder, ending {', '.join(ENDINGS)}"


def own_folder(root: Path, workspace_id: UUID) -> Path:
    """Where the files of one workspace lie below the dataset folder."""
    return root / str(workspace_id)


def dataset_files(name: str | None, root: Path | None, workspace_id: UUID | None) -> list[Path]:
    """The files to read: the one of this name, or without a name all that the workspace may read.

    A file of the workspace's own comes before the operator's of the same name. Raises `InvalidInputError("dataset", …)`
    for a name that is unknown or unsafe; it tells where no file is, and names none but the workspace's own.
    """
    if root is None:
        if name is None:
            raise NotEnoughSettingsError("settings: missing: TIKTOK_DATASET (a file, or a folder of files)")
        raise InvalidInputError("dataset", "no dataset folder is set (TIKTOK_DATASET); leave the field out")
    own = _own_files(root, workspace_id)
    known = {file.name: file for file in (*_operators_files(root), *own)}
    if name is None:
        if not known:
            raise NotEnoughSettingsError(
                f"settings: TIKTOK_DATASET: the folder {root.name!r} holds no file ending {', '.join(ENDINGS)}"
            )
        return [known[found] for found in sorted(known)]
    _check_name(name)
    if name not in known:
        raise InvalidInputError("dataset", _unknown(name, [file.name for file in own]))
    return [known[name]]


def _unknown(name: str, own: list[str]) -> str:
    near = difflib.get_close_matches(name, own, n=5, cutoff=0.3)
    told = f"; near names: {', '.join(near)}" if near else ""
    return f"this workspace has no dataset file {shown(name)}{told}"


def _check_name(name: str) -> None:
    unsafe = not name.isprintable() or "/" in name or "\\" in name or name.startswith(".") or len(name) > 255
    if unsafe or not name.lower().endswith(ENDINGS):
        raise InvalidInputError("dataset", f"{shown(name)} is not allowed; expected: {_ALLOWED}")


def _operators_files(root: Path) -> list[Path]:
    try:
        return [root] if root.is_file() else _files_in(root)
    except OSError as wrong:
        raise NotEnoughSettingsError(
            f"settings: TIKTOK_DATASET: {root.name!r} is no file or folder that can be read"
        ) from wrong


def _own_files(root: Path, workspace_id: UUID | None) -> list[Path]:
    """A workspace that never handed in a file has no folder."""
    try:
        folder = None if workspace_id is None else own_folder(root, workspace_id)
        if folder is None or folder.is_symlink() or not folder.is_dir():
            return []
        return _files_in(folder)
    except OSError as wrong:
        raise NotEnoughSettingsError("settings: TIKTOK_DATASET: the workspace's folder cannot be read") from wrong


def _files_in(folder: Path) -> list[Path]:
    """The account files of a folder by name. Links that lead out of it, and hidden files, are no part of it."""
    inside = folder.resolve(strict=True)
    return [file for file in sorted(folder.iterdir(), key=lambda file: file.name) if _is_ours(file, inside)]


def _is_ours(file: Path, inside: Path) -> bool:
    named = not file.name.startswith(".") and file.name.lower().endswith(ENDINGS)
    return named and file.is_file() and file.resolve().parent == inside

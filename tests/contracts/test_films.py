"""Where finished films are kept: a folder and a bucket, held to the same contract; the bucket over HTTP at a fake."""

from __future__ import annotations

import hashlib
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from local.fakes.storage import FakeStorage
from shared.config import Settings
from shared.errors import InvalidInputError, NotEnoughSettingsError, NotFoundError, ProviderDownError
from shared.media.bucket_films import PART_BYTES, BucketFilms
from shared.media.films import Film, FilmStore, film_store
from shared.media.folder_films import FolderFilms
from tests.support.publishing import video_bytes

OURS, OTHERS = UUID(int=1), UUID(int=2)
MOST = 60_000_000
MANY = PART_BYTES * 2 + 77  # three parts


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[FakeStorage]:
    with FakeStorage(tmp_path / "bucket") as one:
        yield one


@pytest.fixture
def bucket(fake: FakeStorage) -> BucketFilms:
    return BucketFilms("films", "p", fake.base_url, MOST, patience_s=1.0)


@pytest.fixture(params=["folder", "bucket"])
def films(request: pytest.FixtureRequest, tmp_path: Path) -> FilmStore:
    if request.param == "folder":
        return FolderFilms(tmp_path / "assets", MOST)
    found: BucketFilms = request.getfixturevalue("bucket")
    return found


def a_file(folder: Path, data: bytes) -> Path:
    file = folder / f"{uuid4().hex}.mp4"
    file.write_bytes(data)
    return file


def whole(films: FilmStore, film: Film) -> bytes:
    with films.open(film) as file:
        return file.read()


def test_a_film_is_kept_by_its_bytes(films: FilmStore, tmp_path: Path) -> None:
    """Its name is its workspace and the sha-256 of its bytes, and they come back."""
    data = video_bytes(300_000)
    film = films.save(OURS, a_file(tmp_path, data))

    sha256 = hashlib.sha256(data).hexdigest()
    assert film == Film(OURS, sha256, 300_000)
    assert film.name == f"workspaces/{OURS}/films/{sha256}.mp4"
    assert films.find(OURS, sha256) == film
    assert whole(films, film) == data


def test_any_part_can_be_read(films: FilmStore, tmp_path: Path) -> None:
    """An upload in chunks seeks, and reads across the borders of parts."""
    data = video_bytes(MANY)
    film = films.save(OURS, a_file(tmp_path, data))

    with films.open(film) as file:
        for first in (PART_BYTES - 3, 0, MANY - 5, 12):
            file.seek(first)
            assert file.read(10) == data[first : first + 10]
        file.seek(0, 2)
        assert (file.tell(), file.read(1)) == (MANY, b"")


def test_saving_again_writes_nothing(films: FilmStore, tmp_path: Path) -> None:
    """Eight at once, and once more afterwards, are one film."""
    paths = [a_file(tmp_path, video_bytes()) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        saved = set(pool.map(lambda path: films.save(OURS, path), paths))

    assert {films.save(OURS, paths[0])} == saved
    assert whole(films, *saved) == video_bytes()


def test_no_workspace_names_a_film_of_another(films: FilmStore, tmp_path: Path) -> None:
    """The same sha-256 is nobody's film elsewhere, and nothing but a sha-256 is a name."""
    film = films.save(OURS, a_file(tmp_path, video_bytes()))

    with pytest.raises(NotFoundError, match="no film"):
        films.find(OTHERS, film.sha256)
    with pytest.raises(NotFoundError):
        films.open(replace(film, workspace_id=OTHERS))
    for odd in (f"../../{OURS}/films/{film.sha256}", f"{film.sha256}.mp4", film.sha256.upper(), "", "é" * 64):
        with pytest.raises(InvalidInputError, match="sha256"):
            films.find(OTHERS, odd)


@pytest.mark.parametrize("size", [0, MOST + 1])
def test_a_film_has_a_size(films: FilmStore, tmp_path: Path, size: int) -> None:
    """An empty file and one over the limit are refused before anything is written."""
    file = a_file(tmp_path, b"")
    with file.open("r+b") as sparse:
        sparse.truncate(size)

    with pytest.raises(InvalidInputError, match="film"):
        films.save(OURS, file)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [file]


def test_a_film_that_is_gone(films: FilmStore) -> None:
    """Neither found nor opened."""
    with pytest.raises(NotFoundError):
        films.find(OURS, "0" * 64)
    with pytest.raises(NotFoundError):
        films.open(Film(OURS, "0" * 64, 5))


def test_a_damaged_film_is_not_opened(fake: FakeStorage, tmp_path: Path) -> None:
    """Other bytes of the same length, or another length, under its name: in the bucket and in the folder."""
    folder, bucket = FolderFilms(tmp_path / "assets"), BucketFilms("films", "p", fake.base_url)
    film = folder.save(OURS, a_file(tmp_path, video_bytes()))
    assert bucket.save(OURS, folder.path(film)) == film
    for place in (folder.path(film), fake.books.objects[film.name].file):
        place.chmod(0o644)
        place.write_bytes(video_bytes()[::-1])

    for films in (folder, bucket):
        with pytest.raises(NotFoundError, match="damaged"):
            films.open(film)
    fake.books.objects[film.name].file.write_bytes(b"short")
    with pytest.raises(NotFoundError, match="it has 5 bytes"):
        bucket.open(film)


def test_a_damaged_film_is_mended(bucket: BucketFilms, fake: FakeStorage, tmp_path: Path) -> None:
    """An object of another size is none of ours: saving the film again puts it in its place."""
    file = a_file(tmp_path, video_bytes())
    film = bucket.save(OURS, file)
    fake.books.objects[film.name].file.write_bytes(b"short")

    assert bucket.save(OURS, file) == film
    assert whole(bucket, film) == video_bytes()
    assert fake.books.written == [film.name] * 2


@pytest.mark.parametrize(("call", "skip"), [("begin", 0), ("part", 0), ("part", 2), ("look", 0)])
@pytest.mark.parametrize("after", [False, True])
def test_a_lost_answer_writes_once(
    bucket: BucketFilms, fake: FakeStorage, tmp_path: Path, call: str, skip: int, after: bool
) -> None:
    """The connection is cut at each call of an upload in three parts, before or after the bucket has acted."""
    patient = BucketFilms("films", "p", fake.base_url, MOST, patience_s=10.0)
    fake.faults({"on": call, "what": "cut", "after": after, "skip": skip})
    film = patient.save(OURS, a_file(tmp_path, video_bytes(MANY)))

    assert fake.books.written == [film.name]
    assert whole(patient, film) == video_bytes(MANY)


def test_of_two_writers_one_writes(bucket: BucketFilms, fake: FakeStorage, tmp_path: Path) -> None:
    """Another has written the object after we looked: the bucket refuses ours at its last byte, and that is success."""
    slow = a_file(tmp_path, video_bytes(MANY))
    first = bucket.save(OURS, slow)
    fake.faults({"on": "look", "what": "code", "code": "404"})

    assert bucket.save(OURS, slow) == first
    assert (fake.books.written, fake.books.refused) == ([first.name], [first.name])


def test_a_read_survives_a_cut(fake: FakeStorage, tmp_path: Path) -> None:
    """One part's answer is lost: it is asked for again, and the bytes are right."""
    films = BucketFilms("films", "p", fake.base_url, MOST, patience_s=10.0)
    film = films.save(OURS, a_file(tmp_path, video_bytes(MANY)))
    fake.faults({"on": "read", "what": "cut", "skip": 1})

    assert whole(films, film) == video_bytes(MANY)


def test_what_is_checked_is_what_is_read(bucket: BucketFilms, fake: FakeStorage, tmp_path: Path) -> None:
    """An object that is replaced after the check is not read: the generation is pinned."""
    film = bucket.save(OURS, a_file(tmp_path, video_bytes(MANY)))
    with bucket.open(film) as file:
        fake.books.objects[film.name].generation += 1

        with pytest.raises((NotFoundError, NotEnoughSettingsError)):
            file.read()


def test_memory_does_not_grow_with_the_film(bucket: BucketFilms, tmp_path: Path) -> None:
    """A film of 48 MB goes up and comes down in parts of 8; the fake of this process holds one part too."""
    file = tmp_path / "large.mp4"
    with file.open("wb") as large:
        large.writelines(video_bytes(1_000_000) for _ in range(48))
    bucket.save(OURS, a_file(tmp_path, video_bytes()))  # the client is made
    tracemalloc.start()
    film = bucket.save(OURS, file)
    with bucket.open(film) as opened:
        while opened.read(1_000_000):
            pass
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert most < 5 * PART_BYTES


@pytest.mark.parametrize(
    ("fault", "error", "told"),
    [
        ({"what": "code", "code": "403"}, NotEnoughSettingsError, "closed to us"),
        ({"what": "code", "code": "503"}, ProviderDownError, "does not answer well"),
        ({"what": "cut"}, ProviderDownError, "does not answer well"),
    ],
)
def test_a_bucket_that_does_not_answer(
    bucket: BucketFilms, fake: FakeStorage, fault: dict[str, str], error: type[Exception], told: str
) -> None:
    """Closed to us is our setting; a bucket that is down may answer later. Neither is a missing film."""
    fake.faults({"on": "any", "times": 100, **fault})

    with pytest.raises(error, match=told):
        bucket.find(OURS, "0" * 64)


def test_a_bucket_that_is_not_there(fake: FakeStorage, tmp_path: Path) -> None:
    """Writing names the setting."""
    films = BucketFilms("elsewhere", "p", fake.base_url)

    with pytest.raises(NotEnoughSettingsError, match="FILM_BUCKET: there is no bucket elsewhere"):
        films.save(OURS, a_file(tmp_path, video_bytes()))


def test_the_setting_decides(fake: FakeStorage, tmp_path: Path) -> None:
    """Without FILM_BUCKET the folder of assets; with it the bucket, at the emulator that is set."""
    in_folder = Settings(asset_dir=tmp_path / "assets")
    in_bucket = Settings(film_bucket="films", storage_emulator_host=fake.base_url.removeprefix("http://"))
    file = a_file(tmp_path, video_bytes())

    film = film_store(in_folder).save(OURS, file)
    assert (tmp_path / "assets" / film.name).read_bytes() == video_bytes()
    assert film_store(in_bucket).save(OURS, file) == film
    assert fake.books.written == [film.name]

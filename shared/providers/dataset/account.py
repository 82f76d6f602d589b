"""One account out of the files that hold it, and the notes that say what those files cannot know."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta

from shared.providers.dataset.index_about import About
from shared.providers.dataset.index_reader import Index, KeptPost
from shared.providers.dataset.scraped import COUNTS
from shared.providers.dataset.values import at
from shared.providers.records import AccountData, FollowerDay, Post, Profile, SourceName
from shared.providers.text import many

FOLLOWER_DAYS = 180  # the last days that are given, each with its gain


def read_account_data(indexes: Sequence[Index], handle: str, max_posts: int) -> AccountData:
    """The account as the given files know it; each of them must hold it. In the newer file a thing stands truer."""
    ordered = sorted(indexes, key=lambda index: (index.about.as_of_s, index.name))
    posts, total = _posts(ordered, handle, max_posts)
    return AccountData(
        source=source_of(ordered),
        source_name=names_of(ordered),
        as_of=at(ordered[-1].about.as_of_s),
        profile=_profile(ordered, handle),
        posts=posts,
        follower_days=_follower_days(ordered, handle),
        notes=tuple(dict.fromkeys([*_notes_on_files(ordered), *_notes_on_posts(posts, total)])),
    )


def source_of(indexes: Sequence[Index]) -> SourceName:
    return "tiktok_export" if all(index.about.kind == "tiktok_export" for index in indexes) else "dataset"


def names_of(indexes: Sequence[Index]) -> str:
    """The files' names, for people: three at most, then how many more."""
    names = sorted(index.name for index in indexes)
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def _posts(ordered: Sequence[Index], handle: str, max_posts: int) -> tuple[tuple[Post, ...], int]:
    """The newest posts over all files, each once, and how many there are in all."""
    kept: dict[str, KeptPost] = {}
    for index in ordered:
        for one in index.posts(handle, max_posts):
            other = kept.get(one.post.id)
            if other is None or one.rank >= other.rank:
                kept[one.post.id] = one
    posts = sorted((one.post for one in kept.values()), key=lambda post: (-post.published_at.timestamp(), post.id))
    total = len(set().union(*(index.post_ids(handle) for index in ordered)))
    return tuple(posts[:max_posts]), total


def _profile(ordered: Sequence[Index], handle: str) -> Profile:
    known: dict[str, object] = {"handle": handle}
    for index in ordered:
        profile = index.profile(handle)
        if profile is not None:
            known |= profile.model_dump(exclude_none=True)
    return Profile.model_validate(known)


def _follower_days(ordered: Sequence[Index], handle: str) -> tuple[FollowerDay, ...] | None:
    """Gains per day of the newest file that knows them, days without one as 0, up to what that file speaks of."""
    index = next((index for index in reversed(ordered) if index.follower_days(handle)), None)
    if index is None:
        return None
    known, last = index.follower_days(handle), at(index.about.as_of_s).date()
    gained = {entry.day: entry.followers_gained for entry in known}
    begin = max(date.fromisoformat(known[0].day), last - timedelta(days=FOLLOWER_DAYS - 1))
    dates = [(begin + timedelta(days=n)).isoformat() for n in range((last - begin).days + 1)]
    return tuple(FollowerDay(day=day, followers_gained=gained.get(day, 0)) for day in dates)


def _notes_on_files(indexes: Sequence[Index]) -> Iterator[str]:
    for index in indexes:
        where = f"{index.name}: " if len(indexes) > 1 else ""
        for note in notes_on_file(index.about):
            yield where + note


def notes_on_file(about: About) -> Iterator[str]:
    """What reading the file came upon."""
    moment = at(about.as_of_s).strftime("%Y-%m-%d %H:%M UTC")
    taken_from = {
        "video": "the newest video in the file",
        "seen": "the newest date in the export"
        if about.kind == "tiktok_export"
        else "the newest time at which the exporter saw the data",
        "file": "the last change of the file, which dates nothing itself",
    }
    yield f"As of {moment}: {taken_from[about.as_of_from]}."
    if about.left_out:
        reasons = ", ".join(f"{count} {why}" for why, count in about.left_out.items())
        yield f"Rows of the file that were left out: {reasons}."
    if about.repeated:
        yield f"{many(about.repeated, 'row')} of a video seen before: more views win, else the later row."
    if about.unreadable:
        yield f"{many(about.unreadable, 'cell')} that should hold a number and does not: unknown, not zero."
    if about.damaged:
        yield f"{many(about.damaged, 'caption')} with characters that could not be read (shown as \ufffd)."
    if about.broke_off:
        yield f"The file breaks off ({about.broke_off}): what came after is unknown."
    yield from about.remarks


def _notes_on_posts(posts: Sequence[Post], total: int) -> Iterator[str]:
    if total > len(posts):
        yield f"The newest {len(posts)} of {total} videos were read."
    for field in COUNTS:
        unknown = sum(getattr(post, field) is None for post in posts)
        if unknown and unknown == len(posts):
            yield f"{field.capitalize()} are not in the data: unknown, not zero."
        elif unknown:
            yield f"{field.capitalize()} are unknown for {unknown} of {len(posts)} videos."
    yield "Comment texts, audience, For You share, search visibility and account health are not in such files."

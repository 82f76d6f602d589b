"""How a video is cut for the upload."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.fakes.tiktok_rules import check_source
from shared.errors import InvalidInputError
from shared.providers.chunks import LEAST_CHUNK, MOST_BYTES, MOST_CHUNK, Chunk, ChunkPlan, plan_chunks

sizes = st.one_of(
    st.integers(1, MOST_BYTES),
    st.sampled_from([LEAST_CHUNK, MOST_CHUNK, 10_000_000, 20_000_000, 128_000_000]).flatmap(
        lambda near: st.integers(near - 2, near + 2)
    ),
)
wanted_sizes = st.integers(LEAST_CHUNK, MOST_CHUNK)


def chunks(plan: ChunkPlan) -> list[Chunk]:
    found, sent = [], 0
    while (chunk := plan.after(sent)) is not None:
        found.append(chunk)
        sent = chunk.end
    return found


def test_the_documented_example() -> None:
    """50,000,123 bytes by ten million: five chunks, the last with what is left over."""
    plan = plan_chunks(50_000_123)

    assert (plan.chunk, plan.count) == (10_000_000, 5)
    assert [chunk.content_range(plan.total) for chunk in chunks(plan)][3:] == [
        "bytes 30000000-39999999/50000123",
        "bytes 40000000-50000122/50000123",
    ]
    assert chunks(plan)[-1].size == 10_000_123


@given(sizes, wanted_sizes)
def test_every_plan_keeps_the_rules(total: int, wanted: int) -> None:
    """The fake, which checks what is documented, takes every plan."""
    plan = plan_chunks(total, wanted)
    source = {
        "source": "FILE_UPLOAD",
        "video_size": plan.total,
        "chunk_size": plan.chunk,
        "total_chunk_count": plan.count,
    }

    assert check_source(source, ()).count == plan.count


@given(sizes, wanted_sizes)
def test_chunks_cover_the_file_once(total: int, wanted: int) -> None:
    """Each begins where the one before ends; the last ends with the file."""
    plan = plan_chunks(total, wanted)
    found = chunks(plan)

    assert len(found) == plan.count
    assert sum(chunk.size for chunk in found) == total
    assert found[-1] == plan.last
    assert found[-1].end == total


@given(sizes, st.integers(0, MOST_BYTES))
def test_a_plan_goes_on_at_its_own_boundaries_only(total: int, sent: int) -> None:
    """A place inside a chunk is refused, not rounded."""
    plan = plan_chunks(total)
    if sent in {chunk.first for chunk in chunks(plan)} | {total}:
        chunk = plan.after(sent)
        assert chunk is None or chunk.first == sent
    else:
        with pytest.raises(ValueError):
            plan.after(sent)


@pytest.mark.parametrize("total", [0, -1, MOST_BYTES + 1])
def test_files_that_tiktok_does_not_take(total: int) -> None:
    """Empty and over 4 GB: named, with what is allowed."""
    with pytest.raises(InvalidInputError, match="asset.bytes"):
        plan_chunks(total)


@pytest.mark.parametrize("wanted", [LEAST_CHUNK - 1, MOST_CHUNK + 1])
def test_chunk_sizes_have_limits(wanted: int) -> None:
    """A setting outside the limits is refused by its name."""
    with pytest.raises(InvalidInputError, match="tiktok_chunk_bytes"):
        plan_chunks(50_000_000, wanted)

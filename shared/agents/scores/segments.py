"""Audience segments: posts clustered by the hashtags that occur together, and what each cluster draws.

Two hashtags belong together when they share at least two posts and at least a quarter of the posts that carry either;
a cluster is what hangs together by such pairs. No randomness: the same posts give the same clusters in any order.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import timedelta
from itertools import combinations
from typing import Literal

from shared.agents.quoting import excerpt
from shared.agents.scores.figures import (
    Figures,
    engagement_rate,
    engagements,
    is_owners,
    known,
    likes,
    median,
    ratio_score,
    rounded,
    views,
)
from shared.agents.scores.left_out import why_none_counts
from shared.agents.scores.windows import newest_first, settled
from shared.providers.records import AccountData, Comment, Post
from shared.providers.text import many

LEAST_POSTS = 10
LEAST_IN_SEGMENT = 3
LEAST_TOGETHER = 2
LEAST_JACCARD = 0.25
COMMON_SHARE = 0.8  # a hashtag on more posts than that, such as the brand's own, tells them apart no more
MOST_TAGS_PER_POST = 30
LEAST_COMMENTS_FOR_HOURS = 20
BUSIEST_HOURS = 3
# Hashtags that ask for reach and say nothing of a topic.
REACH_TAGS = frozenset(
    {"fyp", "foryou", "foryoupage", "fypage", "fypシ", "viral", "viralvideo", "trending", "trend", "tiktok", "xyzbca"}
)


class Segment(Figures):
    """One cluster. Shares are 0..1 of all clustered and unclustered posts; None where nothing is known.

    `score` is 0-100: 80 x share of engagement / share of posts, so 80 is a segment that draws what its posts' number
    lets expect.
    """

    segment_id: str
    hashtags: tuple[str, ...]
    post_ids: tuple[str, ...]
    posts: int
    share_of_posts: float
    share_of_views: float | None
    share_of_engagement: float | None
    median_views: float | None
    engagement_rate: float | None
    score: int | None
    active_hours: tuple[int, ...]


class CommonHashtag(Figures):
    """A hashtag on more than 80 % of the posts, such as the brand's own: it tells no groups apart."""

    hashtag: str
    posts: int


class Segments(Figures):
    """The segments, largest first, and the posts that belong to none. `reason`: why there are none."""

    posts_analysed: int
    engagement_basis: Literal["likes_comments_shares", "likes"] | None
    segments: tuple[Segment, ...] = ()
    unclustered_posts: int = 0
    common_hashtags: tuple[CommonHashtag, ...] = ()
    reason: str | None = None


def segments_of(account: AccountData, *, window_days: int = 180, most_segments: int = 6) -> Segments:
    """The segments of the posts of the last `window_days`."""
    since = account.as_of - timedelta(days=window_days)
    fresh = [post for post in account.posts if since < post.published_at <= account.as_of]
    posts = newest_first(settled(fresh, account.as_of))
    if len(posts) < LEAST_POSTS:
        told = f"{many(len(posts), 'settled post')} in {window_days} days, {LEAST_POSTS} are needed"
        reason = told if posts else why_none_counts(account.posts, account.as_of, window_days)
        return Segments(posts_analysed=len(posts), engagement_basis=None, reason=reason)
    clusters, common = _clusters(posts)[:most_segments], common_hashtags(posts)
    if not clusters:
        found = Segments(posts_analysed=len(posts), engagement_basis=None, unclustered_posts=len(posts))
        return found.model_copy(update={"common_hashtags": common, "reason": _why_no_group(posts, common)})
    measured = _measured(posts, clusters, account.comments or (), account.profile.handle)
    return measured.model_copy(update={"common_hashtags": common})


def common_hashtags(posts: Sequence[Post]) -> tuple[CommonHashtag, ...]:
    """The hashtags on so many posts that they tell no groups apart, most posts first."""
    carried = Counter(tag for post in posts for tag in topic_tags(post))
    common = [tag for tag in carried if carried[tag] > COMMON_SHARE * len(posts)]
    most_first = sorted(common, key=lambda tag: (-carried[tag], tag))
    return tuple(CommonHashtag(hashtag=excerpt(tag, 60), posts=carried[tag]) for tag in most_first)


def _why_no_group(posts: Sequence[Post], common: Sequence[CommonHashtag]) -> str:
    if not any(post.hashtags for post in posts):
        return f"none of the {len(posts)} posts carries a hashtag"
    told = f"no group of hashtags is on {LEAST_IN_SEGMENT} posts or more"
    if not common:
        return told
    first = common[0]
    return f"{told} but what nearly all posts carry, such as #{first.hashtag} ({first.posts} of {len(posts)})"


def _measured(posts: Sequence[Post], clusters: Sequence[_Cluster], comments: Sequence[Comment], owner: str) -> Segments:
    by_acts = bool(known(posts, engagements))
    measure = _SegmentMeasure(posts, comments, owner, by_acts=by_acts)
    basis: Literal["likes_comments_shares", "likes"] | None = "likes_comments_shares" if by_acts else "likes"
    if not by_acts and not known(posts, likes):
        basis = None
    clustered = sum(len(cluster.posts) for cluster in clusters)
    return Segments(
        posts_analysed=len(posts),
        engagement_basis=basis,
        segments=tuple(measure.segment(f"s{place}", cluster) for place, cluster in enumerate(clusters, start=1)),
        unclustered_posts=len(posts) - clustered,
    )


class _Cluster(Figures):
    tags: tuple[str, ...]
    posts: tuple[Post, ...]


def topic_tags(post: Post) -> tuple[str, ...]:
    """A post's hashtags without those that only ask for reach, each once, at most 30."""
    return tuple(dict.fromkeys(tag for tag in post.hashtags[:MOST_TAGS_PER_POST] if tag not in REACH_TAGS))


def _clusters(posts: Sequence[Post]) -> list[_Cluster]:
    """The clusters of three posts or more: most posts first, then by their first hashtag."""
    carried = Counter(tag for post in posts for tag in topic_tags(post))
    telling = {tag for tag, count in carried.items() if count <= COMMON_SHARE * len(posts)}
    root_of = _joined(posts, carried, telling)
    members: dict[str, list[Post]] = defaultdict(list)
    for post in posts:
        home = _home(post, root_of, carried)
        if home is not None:
            members[home].append(post)
    clusters = [_cluster(root, held, root_of) for root, held in members.items() if len(held) >= LEAST_IN_SEGMENT]
    return sorted(clusters, key=lambda cluster: (-len(cluster.posts), cluster.tags))


def _joined(posts: Sequence[Post], carried: Mapping[str, int], telling: set[str]) -> dict[str, str]:
    """Each telling hashtag's cluster, by the alphabetically first hashtag in it."""
    together = Counter(
        pair for post in posts for pair in combinations(sorted(telling.intersection(topic_tags(post))), 2)
    )
    root_of = {tag: tag for tag in telling}
    for (one, other), shared in together.items():
        if shared >= LEAST_TOGETHER and shared / (carried[one] + carried[other] - shared) >= LEAST_JACCARD:
            _join(root_of, one, other)
    return {tag: _root(root_of, tag) for tag in telling}


def _root(root_of: dict[str, str], tag: str) -> str:
    while root_of[tag] != tag:
        root_of[tag] = root_of[root_of[tag]]
        tag = root_of[tag]
    return tag


def _join(root_of: dict[str, str], one: str, other: str) -> None:
    first, second = sorted((_root(root_of, one), _root(root_of, other)))
    root_of[second] = first


def _home(post: Post, root_of: Mapping[str, str], carried: Mapping[str, int]) -> str | None:
    """The cluster that most of the post's hashtags belong to; of equals the one with the more frequent hashtags."""
    votes: dict[str, list[int]] = defaultdict(list)
    for tag in topic_tags(post):
        if tag in root_of:
            votes[root_of[tag]].append(carried[tag])
    return min(votes, key=lambda root: (-len(votes[root]), -sum(votes[root]), root), default=None)


def _cluster(root: str, posts: Sequence[Post], root_of: Mapping[str, str]) -> _Cluster:
    inside = Counter(tag for post in posts for tag in topic_tags(post) if root_of.get(tag) == root)
    most_first = sorted(inside, key=lambda tag: (-inside[tag], tag))
    return _Cluster(tags=tuple(most_first), posts=tuple(posts))


class _SegmentMeasure:
    """Measures clusters against all posts."""

    def __init__(self, posts: Sequence[Post], comments: Sequence[Comment], owner: str, *, by_acts: bool) -> None:
        self._of = engagements if by_acts else likes
        self._posts = len(posts)
        self._views = sum(known(posts, views))
        self._acts = sum(known(posts, self._of))
        self._hours: dict[str, list[int]] = defaultdict(list)
        for comment in comments:
            if not is_owners(comment, owner):
                self._hours[comment.post_id].append(comment.posted_at.hour)

    def segment(self, segment_id: str, cluster: _Cluster) -> Segment:
        posts = cluster.posts
        share = len(posts) / self._posts
        drawn = self._share(known(posts, self._of), self._acts)
        hours = [hour for post in posts for hour in self._hours.get(post.id, ())]
        return Segment(
            segment_id=segment_id,
            hashtags=tuple(excerpt(tag, 60) for tag in cluster.tags[:8]),
            post_ids=tuple(post.id for post in posts),
            posts=len(posts),
            share_of_posts=round(share, 6),
            share_of_views=rounded(self._share(known(posts, views), self._views)),
            share_of_engagement=rounded(drawn),
            median_views=rounded(median(known(posts, views))),
            engagement_rate=rounded(median(known(posts, engagement_rate))),
            score=None if drawn is None else ratio_score(drawn / share),
            active_hours=busiest_hours(hours),
        )

    def _share(self, values: Sequence[float], total: float) -> float | None:
        return sum(values) / total if values and total else None


def busiest_hours(hours: Sequence[int]) -> tuple[int, ...]:
    """The three hours (UTC) with the most comments; none on fewer than 20 comments."""
    if len(hours) < LEAST_COMMENTS_FOR_HOURS:
        return ()
    counted = Counter(hours)
    most_first = sorted(counted, key=lambda hour: (-counted[hour], hour))
    return tuple(most_first[:BUSIEST_HOURS])

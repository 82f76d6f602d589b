"""Segments by hashtags that occur together, their shares, and names keyed by our ids."""

from __future__ import annotations

from shared.agents.audience_mapper import SegmentName, SegmentNames, named
from shared.agents.scores.audience import audience_of
from shared.agents.scores.segments import segments_of
from shared.providers.records import Audience
from tests.support.accounts import a_comment, a_post, an_account, posts_on

SKIN = posts_on(range(3, 9), hashtags=("fyp", "skin", "serum"), views=2000)  # six posts
LIPS = posts_on(range(9, 13), hashtags=("fyp", "lips", "gloss"))  # four posts
LOOSE = posts_on((13, 14), hashtags=("fyp",))


def test_two_clusters() -> None:
    """Hashtags that always occur together form a segment each; a reach tag joins nothing."""
    found = segments_of(an_account((*SKIN, *LIPS, *LOOSE)))

    assert [(one.segment_id, one.hashtags, one.posts) for one in found.segments] == [
        ("s1", ("serum", "skin"), 6),
        ("s2", ("gloss", "lips"), 4),
    ]
    assert found.unclustered_posts == 2


def test_shares_by_hand() -> None:
    """6 of 12 posts; 12,000 of 18,000 views; 600 of 1,200 acts: the score is 80 x 0.5 / 0.5."""
    skin = segments_of(an_account((*SKIN, *LIPS, *LOOSE))).segments[0]

    assert (skin.share_of_posts, skin.share_of_views, skin.share_of_engagement) == (0.5, 0.666667, 0.5)
    assert (skin.score, skin.engagement_rate) == (80, 0.05)


def test_a_hashtag_of_most_posts_tells_nothing() -> None:
    """A brand's own hashtag on every post joins no clusters."""
    branded = [post.model_copy(update={"hashtags": (*post.hashtags, "aster")}) for post in (*SKIN, *LIPS)]
    found = segments_of(an_account(branded)).segments

    assert [one.hashtags for one in found] == [("serum", "skin"), ("gloss", "lips")]


def test_together_once_is_chance() -> None:
    """Two hashtags that share one post only stay apart."""
    mixed = a_post(15, hashtags=("skin", "lips"))

    assert len(segments_of(an_account((*SKIN, *LIPS, *LOOSE, mixed))).segments) == 2


def test_weak_pairs_stay_apart() -> None:
    """Sharing 2 posts of 10 is a fifth: under the quarter that joins."""
    mixed = posts_on((15, 16), hashtags=("skin", "lips"))
    found = segments_of(an_account((*SKIN, *LIPS, *LOOSE, *mixed, *posts_on(range(17, 30)))))

    assert [one.hashtags for one in found.segments] == [("serum", "skin"), ("gloss", "lips")] or len(
        found.segments
    ) == 2


def test_small_clusters_are_no_segment() -> None:
    """Two posts with a hashtag of their own are no audience."""
    pair = posts_on((20, 21), hashtags=("candles", "wax"))

    assert len(segments_of(an_account((*SKIN, *LIPS, *pair))).segments) == 2


def test_order_does_not_matter() -> None:
    """The same posts in another order give the same segments."""
    posts = (*SKIN, *LIPS, *LOOSE)

    assert segments_of(an_account(posts)) == segments_of(an_account(posts[::-1]))


def test_at_most_so_many() -> None:
    """The largest segment stays when only one is asked for; the other's posts are in none."""
    found = segments_of(an_account((*SKIN, *LIPS)), most_segments=1)

    assert ([one.segment_id for one in found.segments], found.unclustered_posts) == (["s1"], 4)


def test_without_views_shares_are_unknown() -> None:
    """Unknown views leave the share unknown; likes stand in for engagement."""
    likes_only = {"views": None, "comments": None, "shares": None}
    posts = [post.model_copy(update=likes_only) for post in (*SKIN, *LIPS)]
    found = segments_of(an_account(posts))

    assert (found.engagement_basis, found.segments[0].share_of_views) == ("likes", None)
    assert found.segments[0].share_of_engagement == 0.6


def test_nothing_known_has_no_score() -> None:
    """With no counts at all a segment has posts and hashtags, and no score."""
    unknown = dict.fromkeys(("views", "likes", "comments", "shares"))
    found = segments_of(an_account([post.model_copy(update=unknown) for post in (*SKIN, *LIPS)]))

    assert (found.engagement_basis, found.segments[0].score) == (None, None)


def test_too_few_posts() -> None:
    """Nine posts are not enough for segments, and no hashtags are none."""
    assert segments_of(an_account(SKIN)).reason == "6 settled posts in 180 days, 10 are needed"
    assert (segments_of(an_account(posts_on(range(3, 14)))).reason or "").startswith(
        "none of the 11 posts carries a hashtag"
    )


def test_active_hours_need_comments() -> None:
    """Nineteen comments are too few to tell hours; twenty are enough, and the owner's do not count."""
    comments = [a_comment(SKIN[0], hour / 100) for hour in range(19)]
    own = [a_comment(SKIN[0], 3, author="aster")]

    assert audience_of(an_account(SKIN, comments=[*comments, *own])).active_hours_basis == "unknown"
    enough = audience_of(an_account(SKIN, comments=[*comments, a_comment(SKIN[0], 5)]))
    assert (enough.active_hours, enough.active_hours_basis) == ((12, 17), "comment_times")


def test_audience_data_comes_first() -> None:
    """What the source says of hours goes before what comments suggest; shares come largest first."""
    given = Audience(active_hour_shares={"07": 0.2, "21": 0.5, "03": 0.3}, age_shares={"18-24": 0.3, "25-34": 0.7})
    found = audience_of(an_account(audience=given))

    assert (found.active_hours, found.active_hours_basis) == ((21, 3, 7), "audience_data")
    assert list(found.age_shares) == ["25-34", "18-24"]


def test_names_are_keyed_by_our_ids() -> None:
    """A name for a segment that is not ours is dropped; a segment without a name keeps its hashtags."""
    segments = segments_of(an_account((*SKIN, *LIPS))).segments
    words = [SegmentName(segment_id=one, name=f"name {one}", description="", content_angle="") for one in ("s9", "s1")]
    found = named(segments, SegmentNames(summary="", segments=words))

    assert [(one.name, one.named_by) for one in found] == [("name s1", "model"), ("#gloss #lips", "rules")]

-- name: tables
CREATE TABLE about (told TEXT NOT NULL);
CREATE TABLE accounts (
    handle TEXT PRIMARY KEY, nickname TEXT, bio TEXT, followers INTEGER, following INTEGER, likes_received INTEGER,
    posts_total INTEGER, verified INTEGER, region TEXT, seen_s INTEGER
) WITHOUT ROWID;
CREATE TABLE posts (
    handle TEXT NOT NULL, id TEXT NOT NULL, published_s INTEGER NOT NULL, views INTEGER, region TEXT, seen_s INTEGER,
    body TEXT NOT NULL
);
CREATE UNIQUE INDEX posts_by_id ON posts (handle, id);
CREATE TABLE follower_days (handle TEXT NOT NULL, day TEXT NOT NULL, gained INTEGER NOT NULL, PRIMARY KEY (handle, day));

-- name: lookups
-- Made when all rows are in: faster than keeping them up to date meanwhile.
CREATE INDEX posts_by_account ON posts (handle, published_s DESC, id);
CREATE INDEX posts_by_time ON posts (published_s);

-- name: keep_account
-- What a later row does not say stays as an earlier one said it. "Later" is when it was seen, else further down.
INSERT INTO accounts VALUES (:handle, :nickname, :bio, :followers, :following, :likes_received, :posts_total, :verified,
                             :region, :seen_s)
ON CONFLICT (handle) DO UPDATE SET
    nickname = coalesce(excluded.nickname, nickname), bio = coalesce(excluded.bio, bio),
    followers = coalesce(excluded.followers, followers), following = coalesce(excluded.following, following),
    likes_received = coalesce(excluded.likes_received, likes_received),
    posts_total = coalesce(excluded.posts_total, posts_total), verified = coalesce(excluded.verified, verified),
    region = coalesce(excluded.region, region), seen_s = coalesce(excluded.seen_s, seen_s)
WHERE coalesce(excluded.seen_s, 0) >= coalesce(seen_s, 0);

-- name: keep_post
-- The same video twice: the row with more views was read later; among equals the later seen, else the one further down.
INSERT INTO posts VALUES (:handle, :id, :published_s, :views, :region, :seen_s, :body)
ON CONFLICT (handle, id) DO UPDATE SET
    published_s = excluded.published_s, views = excluded.views, region = excluded.region, seen_s = excluded.seen_s,
    body = excluded.body
WHERE (coalesce(excluded.views, -1), coalesce(excluded.seen_s, 0)) >= (coalesce(views, -1), coalesce(seen_s, 0));

-- name: keep_follower_day
INSERT INTO follower_days VALUES (:handle, :day, :gained)
ON CONFLICT (handle, day) DO UPDATE SET gained = gained + excluded.gained;

-- name: keep_about
INSERT INTO about VALUES (?);

-- name: newest_published
SELECT max(published_s) FROM posts;

-- name: size
SELECT (SELECT count(*) FROM accounts), (SELECT count(*) FROM posts);

-- name: about
SELECT told FROM about;

-- name: account
SELECT handle, nickname, bio, followers, following, likes_received, posts_total, verified, region FROM accounts
WHERE handle = ?;

-- name: posts
SELECT views, seen_s, body FROM posts WHERE handle = ? ORDER BY published_s DESC, id LIMIT ?;

-- name: post_ids
SELECT id FROM posts WHERE handle = ?;

-- name: follower_days
SELECT day, gained FROM follower_days WHERE handle = ? ORDER BY day;

-- name: handles
SELECT accounts.handle, count(posts.id) FROM accounts LEFT JOIN posts ON posts.handle = accounts.handle
GROUP BY accounts.handle ORDER BY accounts.handle;

-- name: window
-- Posts after the first moment, up to and with the second.
SELECT handle, id, published_s, views, region, body FROM posts WHERE published_s > ? AND published_s <= ?;

-- name: knows_views
SELECT EXISTS (SELECT 1 FROM posts WHERE views IS NOT NULL);

-- Which changes were told to whom: a channel is a reader of `changes --since last` or a webhook. What names a change
-- outlives a rebuild: the article's address, the time, and what happened (edit, gone, returned).
create table told (
    channel text not null,
    article_url text not null,
    seen_at text not null,
    kind text not null,
    at text not null,
    primary key (channel, article_url, seen_at, kind)
) without rowid;

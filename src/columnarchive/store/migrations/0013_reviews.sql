-- What people noted of a change: a mark, a note and their initials. A change is named by the article's address and by
-- its interval (after_at and seen_at of `changes`), so that a rebuild keeps what was noted.
create table reviews (
    article_url text not null,
    after_at text not null,
    seen_at text not null,
    mark text not null check (mark in ('reviewed', 'follow_up', 'not_relevant')),
    note text not null default '',
    initials text not null default '',
    at text not null,
    primary key (article_url, after_at, seen_at)
);

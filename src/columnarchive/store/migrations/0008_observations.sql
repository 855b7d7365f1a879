-- What columns state: a sentence of one kind and the span of time in which it stood. `words` is a JSON list of the words
-- that show the kind; `position` counts the lines of the newest revision that holds it. `until_…` is empty while it stands.
create table observations (
    id integer primary key,
    article_id integer not null references articles(id) on delete cascade,
    kind text not null,
    text text not null,
    words text not null default '[]',
    position integer not null,
    since_at text not null,
    since_revision integer not null,
    until_at text not null default '',
    until_revision integer not null default 0
);
create index observations_article on observations(article_id, kind);
create index observations_kind on observations(kind, until_revision, article_id);

-- One row for each article and kind that it states or stated: the last unbroken run of revisions that hold any of its
-- sentences. A price that replaces a price does not begin a run.
create view disclosures as
with spans as (
    select article_id, kind, since_at, since_revision, until_at,
        iif(until_revision = 0, 9223372036854775806, until_revision) as last_revision
    from observations
), steps as (
    select *, max(last_revision) over (
        partition by article_id, kind order by since_revision, last_revision
        rows between unbounded preceding and 1 preceding
    ) as before_revision
    from spans
), runs as (
    select *, sum(before_revision is null or since_revision > before_revision + 1) over (
        partition by article_id, kind order by since_revision, last_revision rows unbounded preceding
    ) as run
    from steps
), ends as (
    select article_id, kind, run, min(since_at) as since_at, max(last_revision) as last_revision, max(until_at) as until_at,
        max(run) over (partition by article_id, kind) as newest
    from runs group by article_id, kind, run
)
select ends.article_id, articles.site, articles.url, ends.kind,
    ends.last_revision = 9223372036854775806 as stands,
    ends.since_at,
    iif(ends.last_revision = 9223372036854775806, articles.last_seen_at, ends.until_at) as last_seen_at,
    iif(ends.last_revision = 9223372036854775806, '', ends.until_at) as until_at
from ends join articles on articles.id = ends.article_id
where ends.run = ends.newest;

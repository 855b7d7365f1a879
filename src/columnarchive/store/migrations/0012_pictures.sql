-- The pictures of articles and the span of time in which each stood there: address, what the page says of it, the heading
-- above it, the number of blocks before it, the size that the page declares; `sha256` is that of its bytes, empty unless
-- they were fetched. `until_…` is empty while it stands.
create table pictures (
    id integer primary key,
    article_id integer not null references articles(id) on delete cascade,
    url text not null,
    alt text not null default '',
    caption text not null default '',
    heading text not null default '',
    position integer not null,
    width integer not null default 0,
    height integer not null default 0,
    sha256 text not null default '',
    since_at text not null,
    since_revision integer not null,
    until_at text not null default '',
    until_revision integer not null default 0
);
create index pictures_article on pictures(article_id, until_revision);
create index pictures_sha256 on pictures(sha256) where sha256 <> '';
create index pictures_url on pictures(url);

-- What was found by opening the bytes of a picture, once for each digest and version of the reader: ok, or why it could
-- not be opened; its format and size; the text in it, read by a machine, with boxes (JSON) and the reader's version.
create table picture_files (
    sha256 text primary key,
    outcome text not null,
    format text not null default '',
    width integer not null default 0,
    height integer not null default 0,
    text text not null default '',
    boxes text not null default '[]',
    engine text not null default ''
) without rowid;

-- Two pictures that followed each other under one address: whether the second only compresses the first anew.
create table picture_pairs (
    old_sha256 text not null,
    new_sha256 text not null,
    reencoded integer not null,
    engine text not null,
    primary key (old_sha256, new_sha256)
) without rowid;

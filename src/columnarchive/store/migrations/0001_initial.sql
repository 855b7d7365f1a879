-- The first schema. Migrations are only ever appended. Times are UTC text, ISO 8601 to the second with Z.

create table meta (
    key text primary key,
    value text not null
) without rowid;

create table sites (
    id integer primary key,
    name text not null unique,
    title text not null default '',
    start_url text not null default '',
    settings text not null default '{}',
    added_at text not null default '',
    last_crawl_at text not null default '',
    derived_at text not null default '',
    derived_from integer not null default 0,
    rules text not null default ''
);

-- A URL known; also the queue of the crawl.
create table pages (
    id integer primary key,
    site_id integer not null references sites(id),
    article_id integer references articles(id) on delete set null,
    url text not null unique,
    kind text not null default 'other',
    state text not null default 'queued',
    first_seen_at text not null default '',
    last_seen_at text not null default '',
    next_visit_at text not null default '',
    found_on text not null default '',
    found_by text not null default '',
    depth integer not null default 0,
    priority integer not null default 0,
    failures integer not null default 0,
    lastmod text not null default '',
    last_outcome text not null default '',
    etag text not null default '',
    last_modified text not null default '',
    body_sha256 text not null default '',
    changed_at text not null default '',
    visited_at text not null default '',
    visited_in integer not null default 0,
    interval_hours integer not null default 0
);
create index pages_due on pages(site_id, next_visit_at, priority);
create index pages_article on pages(article_id);

-- One answer of a server. Never changed; a withdrawal blanks all but time, status and digest. `outcome` is our reading
-- of it, where `unchanged` means the body of the visit before; `body_sha256` of a 304 names the body it confirms.
create table captures (
    id integer primary key,
    page_id integer not null references pages(id),
    fetched_at text not null,
    status integer not null,
    final_url text not null,
    headers text not null,
    body_sha256 text not null default '',
    outcome text not null,
    error text not null default '',
    request_headers text not null default '[]',
    hops text not null default '[]',
    peer text not null default '',
    tls text not null default '',
    seconds real not null default 0,
    wire_length integer not null default 0,
    wire_sha256 text not null default '',
    source text not null default 'crawl',
    link_id integer references chain(id),
    withdrawal_id integer references withdrawals(id)
);
create index captures_page on captures(page_id, fetched_at);
create index captures_withdrawn on captures(body_sha256) where withdrawal_id is not null;

-- A distinct body: `zstd` is a plain frame, `zstd-base` a frame whose raw dictionary is the body named by base_sha256
-- (`zstd -d --patch-from=BASE` reads it), `zstd-line` one whose dictionary is all below it, joined from the lowest up;
-- `depth` is the number of bodies below, `site_id` where its siblings are.
create table bodies (
    id integer primary key,
    sha256 text not null unique,
    site_id integer not null default 0,
    codec text not null,
    base_sha256 text not null default '',
    depth integer not null default 0,
    raw_size integer not null,
    data blob not null,
    data_sha256 text not null
);
create index bodies_site on bodies(site_id, depth);

-- Each committed group of captures is a link over the one before.
create table chain (
    id integer primary key,
    at text not null,
    kind text not null,
    entries integer not null,
    content_sha256 text not null,
    link_sha256 text not null
);

-- What was removed for good, and why: a tombstone. `digests` is a JSON list of {capture, fetched_at, body_sha256, digest},
-- the last one being what the capture adds to its link of the chain.
create table withdrawals (
    id integer primary key,
    url text not null,
    at text not null,
    captured_at text not null default '',
    reason text not null,
    digests text not null default '[]',
    link_id integer references chain(id)
);
create index withdrawals_url on withdrawals(url);

create table articles (
    id integer primary key,
    site text not null,
    url text not null unique,
    title text not null default '',
    published_on text not null default '',
    modified_on text not null default '',
    author text not null default '',
    supervisor text not null default '',
    text text not null default '',
    removed_text text not null default '',
    revisions integer not null default 0,
    first_seen_at text not null default '',
    last_seen_at text not null default '',
    changed_at text not null default '',
    state text not null default 'live',
    author_about text not null default '',
    supervisor_about text not null default '',
    language text not null default '',
    digest text not null default ''
);
create index articles_site on articles(site);
create index articles_published on articles(published_on);
create index articles_changed on articles(changed_at);

create table revisions (
    id integer primary key,
    article_id integer not null references articles(id) on delete cascade,
    number integer not null,
    first_seen_at text not null,
    last_seen_at text not null,
    title text not null default '',
    published_on text not null default '',
    modified_on text not null default '',
    author text not null default '',
    supervisor text not null default '',
    author_about text not null default '',
    supervisor_about text not null default '',
    characters integer not null default 0,
    fingerprint text not null,
    rules text not null,
    body_sha256 text not null default '',
    url text not null default '',
    unique (article_id, number)
);

create table passages (
    id integer primary key,
    article_id integer not null references articles(id) on delete cascade,
    kind text not null,
    level integer not null default 0,
    heading text not null default '',
    text text not null,
    text_key text not null,
    first_revision integer not null,
    last_revision integer not null,
    is_present integer not null
);
create index passages_article on passages(article_id);
create index passages_key on passages(text_key);

create table revision_passages (
    revision_id integer not null references revisions(id) on delete cascade,
    position integer not null,
    passage_id integer not null references passages(id) on delete cascade,
    primary key (revision_id, position)
) without rowid;
create index revision_passages_passage on revision_passages(passage_id);

-- A sentence as it stands, with its age; removed ones have is_present 0 and the span of time in which they stood.
create table sentences (
    id integer primary key,
    article_id integer not null references articles(id) on delete cascade,
    position integer not null,
    text text not null,
    since_at text not null,
    since_revision integer not null,
    before_text text not null default '',
    until_at text not null default '',
    until_revision integer not null default 0,
    is_present integer not null default 1
);
create index sentences_article on sentences(article_id, position);

create table copies (
    passage_id integer not null references passages(id) on delete cascade,
    other_passage_id integer not null references passages(id) on delete cascade,
    similarity real not null,
    primary key (passage_id, other_passage_id)
) without rowid;
create index copies_other on copies(other_passage_id);

create table changes (
    id integer primary key,
    article_id integer not null references articles(id) on delete cascade,
    from_number integer not null,
    to_number integer not null,
    seen_at text not null,
    level integer not null,
    labels text not null default '[]',
    added_chars integer not null default 0,
    removed_chars integer not null default 0,
    summary text not null default '',
    engine text not null default '',
    capped integer not null default 0
);
create index changes_article on changes(article_id);
create index changes_seen on changes(seen_at);

create table edits (
    id integer primary key,
    change_id integer not null references changes(id) on delete cascade,
    position integer not null,
    op text not null,
    old_text text not null default '',
    new_text text not null default '',
    spans text not null default '[]',
    labels text not null default '[]',
    level integer not null default 0,
    evidence text not null default '[]'
);
create index edits_change on edits(change_id, position);

-- What the crawler remembers of a host between runs: its robots.txt and how long to leave it alone.
create table hosts (
    origin text primary key,
    robots_status integer not null default 0,
    robots_body text not null default '',
    robots_fetched_at text not null default '',
    rest_until text not null default '',
    failures integer not null default 0,
    rests integer not null default 0,
    crawl_delay real not null default 0
) without rowid;

create virtual table articles_fts using fts5(
    text, title, removed_text, content='', columnsize=0, tokenize='ascii' /* content="articles" */
);

-- Searches that somebody keeps, and what each of them found when it was last looked at.
create table watches (
    name text primary key,
    query text not null,
    made_at text not null,
    looked_at text not null default ''
) without rowid;

create table watch_hits (
    name text not null references watches(name) on delete cascade,
    url text not null,
    removed integer not null,
    primary key (name, url)
) without rowid;

-- By which keys copies of a passage are found (see `diff/copies.py`), and the passages whose copies are to be judged.
create table passage_keys (
    key integer not null,
    passage_id integer not null references passages(id) on delete cascade,
    primary key (key, passage_id)
) without rowid;
create index passage_keys_passage on passage_keys(passage_id);

create table copies_due (
    passage_id integer primary key references passages(id) on delete cascade
);

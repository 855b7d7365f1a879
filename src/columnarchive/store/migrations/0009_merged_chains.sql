-- The hash chains of archives that were merged into this one, so that their heads can still be verified.
create table merged_chains (
    id integer primary key,
    merged_at text not null
);

create table merged_links (
    id integer primary key,
    chain_id integer not null references merged_chains(id),
    number integer not null,
    at text not null,
    kind text not null,
    entries integer not null,
    content_sha256 text not null,
    link_sha256 text not null,
    unique (chain_id, number)
);

-- What a link covers: a capture of this archive, or the evidence of one that this archive holds in another form (for
-- example imported from a file); neither where the page was withdrawn here.
create table merged_entries (
    id integer primary key,
    link_id integer not null references merged_links(id),
    digest text not null,
    capture_id integer references captures(id),
    url text not null default '',
    evidence text not null default ''
);
create index merged_entries_link on merged_entries(link_id);
create index merged_entries_evidence on merged_entries(url) where evidence <> '';

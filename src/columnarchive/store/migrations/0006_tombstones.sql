-- What a withdrawal binds for good: every address of the article (pages, hops, final and canonical addresses), under
-- any scheme, and shingles of its text (keyed digests of a sample, never the text), by which it is recognised anywhere.
create table withdrawn_addresses (
    url text not null,
    withdrawal_id integer not null references withdrawals(id),
    primary key (url, withdrawal_id)
) without rowid;

create table withdrawn_shingles (
    shingle integer not null,
    withdrawal_id integer not null references withdrawals(id),
    primary key (shingle, withdrawal_id)
) without rowid;

insert or ignore into withdrawn_addresses
    select replace(pages.url, 'http://', 'https://'), captures.withdrawal_id
    from pages join captures on captures.page_id = pages.id
    where pages.state = 'withdrawn' and captures.withdrawal_id is not null;

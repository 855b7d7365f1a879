-- Trusted timestamps (RFC 3161): an authority's signed statement that a link of the chain existed at a time. The text
-- that was stamped is the link's 64 hexadecimal digits. `token` is the response as received (DER), `certificates` the
-- roots to verify it with (PEM), empty for those of the system.
create table timestamps (
    id integer primary key,
    link_sha256 text not null,
    authority text not null,
    requested_at text not null,
    stamped_at text not null,
    token blob not null,
    certificates text not null default ''
);
create index timestamps_link on timestamps(link_sha256);

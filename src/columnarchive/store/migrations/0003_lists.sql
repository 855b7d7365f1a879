-- What the pages list first, read from an index: `articles` rows are long, so a scan of a large archive takes seconds.
create index articles_first_seen on articles(first_seen_at);
create index articles_gone on articles(last_seen_at) where state = 'gone';
create index articles_site_list on articles(site, published_on, state);

-- The page of all sites by kinds counts the observations that stand: the index holds what it reads.
drop index observations_article;
create index observations_article on observations(article_id, kind, until_revision, since_at);

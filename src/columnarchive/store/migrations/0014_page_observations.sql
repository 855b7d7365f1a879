-- What the newest captured page of an article states outside its text, for each kind the first evidence: in the lines of
-- the site's template, or by the alternative text of a picture.
create table page_observations (
    article_id integer not null references articles(id) on delete cascade,
    kind text not null,
    place text not null,
    text text not null,
    words text not null default '[]',
    primary key (article_id, kind)
) without rowid;

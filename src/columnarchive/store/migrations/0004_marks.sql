-- By what the pages choose changes: `label …`, `site …`, and `level …` for each level that is reached. A list of a rare
-- label or of one site reads these few rows; among all changes of a large archive it would look for long.
create table change_marks (
    change_id integer not null references changes(id) on delete cascade,
    mark text not null,
    seen_at text not null,
    level integer not null,
    primary key (change_id, mark)
) without rowid;
create index change_marks_list on change_marks(mark, seen_at, level);

-- The file itself keeps them in step, whoever writes; deleted changes take theirs along.
create trigger changes_marked after insert on changes begin
    insert into change_marks
        select new.id, 'site ' || site, new.seen_at, new.level from articles where id = new.article_id
        union select new.id, 'label ' || value, new.seen_at, new.level from json_each(new.labels)
        union select new.id, 'level ' || value, new.seen_at, new.level from json_each('[1,2,3]') where value <= new.level;
end;
insert into change_marks
    select changes.id, 'site ' || site, seen_at, level from changes join articles on articles.id = article_id
    union select changes.id, 'label ' || value, seen_at, level from changes, json_each(labels)
    union select changes.id, 'level ' || value, seen_at, level from changes, json_each('[1,2,3]') where value <= level;

-- Lists in the order of the pages, told from the index as far as they are passed over.
create index articles_list on articles(published_on desc, url);
create index articles_site_order on articles(site, published_on desc, url);
drop index articles_site_list;
create index articles_site_state on articles(site, state);
create index pages_state on pages(site_id, state);

-- What the site's template holds, learned from the pages that share it; JSON, empty where there is none.
alter table sites add column template text not null default '';

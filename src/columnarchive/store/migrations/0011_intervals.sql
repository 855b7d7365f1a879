-- A change happened after the last capture with the old text (after_at) and by the first one with the new (seen_at).
-- What is known of older changes: when their earlier revision was last seen. A derivation fills in the rest.
alter table changes add column after_at text not null default '';
update changes set after_at = coalesce(
    (select last_seen_at from revisions where revisions.article_id = changes.article_id and number = from_number
       and last_seen_at < changes.seen_at), '');

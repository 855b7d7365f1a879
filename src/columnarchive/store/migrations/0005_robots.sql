-- What a page asks of robots (noindex, noarchive ...), by its meta and by X-Robots-Tag; empty for captures made before.
-- The chain does not need it: both stand in the body and the header lines.
alter table captures add column robots text not null default '';

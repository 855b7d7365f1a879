"""What the extraction knows as data: its few thresholds, and the words of Japanese pages.

Sources: the thresholds were measured on development sites and hold over a range around the value given; the class words
are those of common themes (WordPress, Movable Type, Jimdo, hand-written sites); the notice words are the disclosures
that the medical advertising guidelines (医療広告ガイドライン) ask for.
"""

from __future__ import annotations

import re

# Bounds
MAX_CHARS = 8_000_000
MAX_DEPTH = 2_000
MAX_TAGS = 400_000
MAX_ATTRIBUTES = 2_000
"""On one element; the parser looks through all earlier ones for each."""
MAX_OPTIONS = 10_000
MAX_REOPENED = 200_000
"""Formatting elements that the parser opens again because they were never closed."""
MAX_PIECE = 200_000
MAX_LINE = 120
MAX_LINES = 50_000
"""Texts of at most so many characters, and so many of them, are remembered from page to page."""

WHITE = frozenset(character for character in map(chr, range(0x3001)) if character.isspace())
"""What a regular expression takes for white space."""

# Site template
TEMPLATE_SHARE = 0.2
"""A text on this share of the other pages is template (flat from .15 to .25; a site has several page families)."""
DEAD_SHARE = 0.9
"""A place is dead when this share of its characters, over the site, is template."""
CONTENT_SHARE = 0.5
"""Below this share of template a place is content: what repeats there stays."""
LINK_SHARE = 0.6
"""A block or place with this share of its characters in links is navigation."""
MIN_PLACE_PAGES = 3
REGION_SHARE = 0.9
MAX_EVIDENCE_PAGES = 150
"""At most so many pages of a site teach its template; more add nothing and cost time."""

# Kinds and outcomes
LISTING_REPEATED = 0.4
"""A page is a listing when this share of its text stands on pages it links to."""
WALL_CHARS = 600
FOREIGN_PIECES = 5  # so many pieces of the template a page must have had before their loss says something
BROKEN_SHARE = 0.02

INLINE = frozenset(
    [
        "a",
        "abbr",
        "acronym",
        "b",
        "bdi",
        "bdo",
        "big",
        "cite",
        "code",
        "data",
        "del",
        "dfn",
        "em",
        "font",
        "i",
        "img",
        "ins",
        "kbd",
        "label",
        "mark",
        "nobr",
        "q",
        "ruby",
        "rb",
        "rbc",
        "rtc",
        "s",
        "samp",
        "small",
        "span",
        "strike",
        "strong",
        "sub",
        "sup",
        "time",
        "tt",
        "u",
        "var",
        "wbr",
        "br",
        "input",
        "blink",
        "picture",
        "source",
        "meter",
        "progress",
        "output",
        "map",
        "area",
        "slot",
        "spacer",
    ]
)
VOID = frozenset(
    [
        "area",
        "base",
        "basefont",
        "bgsound",
        "br",
        "col",
        "embed",
        "frame",
        "hr",
        "img",
        "input",
        "keygen",
        "link",
        "meta",
        "param",
        "source",
        "track",
        "wbr",
    ]
)
SKIPPED = frozenset(
    [
        "rt",
        "rp",
        "rtc",
        "head",
        "select",
        "option",
        "textarea",
        "datalist",
        "canvas",
        "video",
        "audio",
        "object",
        "map",
        "script",
        "style",
        "svg",
        "math",
        "template",
        "noembed",
        "noframes",
        "xmp",
        "plaintext",
    ]
)

HEADINGS = {"h1": 1, "h2": 2, "h3": 3, "h4": 4, "h5": 5, "h6": 6}

LABELS = frozenset(("th", "dt", "caption", "summary", *HEADINGS))
"""Tags that name what follows: they repeat from page to page inside content, so the place around them decides."""
CONTAINERS = frozenset(
    [
        "menu",
        "dialog",
        "div",
        "section",
        "aside",
        "ul",
        "ol",
        "dl",
        "table",
        "form",
        "header",
        "footer",
        "nav",
        "center",
        "fieldset",
        "figure",
    ]
)

STATE_WORDS = frozenset(
    [
        "active",
        "current",
        "open",
        "opened",
        "close",
        "closed",
        "show",
        "shown",
        "hide",
        "hidden",
        "visible",
        "selected",
        "first",
        "last",
        "odd",
        "even",
        "is",
        "js",
        "no",
        "on",
        "off",
        "fade",
        "in",
        "animated",
        "lazyloaded",
        "lazy",
        "loaded",
        "aos",
        "init",
        "clearfix",
        "cf",
        "wow",
        "inview",
    ]
)

BAD_CLASS = re.compile(
    r"(?:^|[\s_\-])(?:(?:g|global|site|main|local|sub|sp|pc|foot|footer|head|header|side|mobile|drawer)?[_\-]?(?:nav|navi|navigation|gnav|lnav)"
    r"|site-?header|header|headers|globalheader|footer|foot|footers|side|sidebar|sidemenu|sub|subcolumn|secondary|widgets?|widget-area"
    r"|bread-?crumbs?|topic-?path|pankuzu|pan|crumbs?|share|shares|sharing|sns|social|socials|addthis|sharedaddy"
    r"|related|relation|recommend(?:ed)?|ranking|popular|recent|latest|new-?entry|similar|yarpp|jp-relatedposts|other-?posts"
    r"|comments?|comment-?(?:list|area|form)|respond|disqus|trackbacks?|pager|pagination|paging|page-?nav|post-?nav|wp-pagenavi|prev-?next|nav-links"
    r"|cookies?|banners?|bnr|ads?|adsense|advert|advertisement|promo|sponsor|tags?|tag-?list|tagcloud|cta|to-?top|page-?top|pagetop|backtotop"
    r"|copyright|copy|login|search|search-?form|modal|popup|pop-?up|drawer|hamburger|toc|toc_container|table-of-contents|skip-link|screen-reader-text"
    r"|visually-hidden|sr-only|subscribe|newsletter|mailmagazine|entry-?footer|entry-?meta|post-?meta|blog-?menu|calendar|calender|archive-?list|category-?list"
    r"|swiper(?:-wrapper|-container)?|slick(?:-slider|-list)?|carousel|slideshow|lightbox|(?:res|photo|image)?gallery(?:-container|-overlay)?)(?=$|[\s_\-\d])",
    re.I,
)
ARTICLE_HEADER = re.compile(
    r"(?:article|entry|post|page|column|section|content|blog|news|accordion|card|panel|box|tabs?|faq|qa|question|item"
    r"|list|block|table|toggle|collapse|answer|step|media|dialog)[_\-]{1,2}(?:head|header|heading)(?=$|[_\-])",
    re.I,
)
NAVIGATION_CLASS = re.compile(
    r"(?:^|[\s_\-])(?:nav|navi|navigation|gnav|bread-?crumbs?|topic-?path|pankuzu|crumbs?|share|sharing|sns|social|related"
    r"|ranking|comments|comment-?(?:list|area|form)|respond|pager|pagination|paging|copyright|cookie|tag-?list|tagcloud|search|yarpp|jp-relatedposts"
    r"|prev-?next|nav-links|post-?nav)(?=$|[\s_\-])",
    re.I,
)
GOOD_CLASS = re.compile(
    r"(?:^|[\s_\-])(?:article|entry|post|content|contents|main|body|text|txt|honbun|kiji|column|blog|detail|story|single|page)(?=$|[\s_\-\d])"
    r"|(?:entry|post|article|blog|column|news|main)[_\-]?(?:body|content|contents|text|txt|detail|main|inner|area)",
    re.I,
)
BODY_CLASS = re.compile(
    r"(?:^|[\s_\-])(?:entry|post|article|blog|column|news|single|detail|kiji|story)[_\-]{0,2}(?:body|content|contents|text|txt|bodycopy|honbun)"
    r"(?=$|[\s_\-\d])|articlebody|(?:^|\s)(?:honbun|wysiwyg|entry|rich-?text|kiji-?naiyou|hentry)(?=$|\s)",
    re.I,
)
BODY_SHARE = 0.5
"""An element named as the article's body is it when it holds this share of the page's plain text."""
CRUMB_HOME = re.compile(r"^(?:TOP|HOME|ホーム|トップ(?:ページ)?|Home|Top)$|[>＞»›]\s*\S", re.I)
NOTICE = re.compile(
    r"個人差|副作用|リスク|自由診療|自費診療|保険適用外|保険適応外|保険診療|公的医療保険|合併症|未承認|医師の判断|治療期間|禁忌"
)
PRICE = re.compile(r"(?<![0-9０-９,，.])[0-9０-９][0-9０-９,，.]*\s?(?:万|千)?円|[¥￥]\s?[0-9０-９]|税込|税別")
CALL = re.compile(
    r"お問い?合わ?せ(?:は|・|フォーム|ください|下さい)|ご?予約(?:は|・|フォーム|受付|する)|お電話|無料相談|LINEで|資料請求|お気軽に|友だち追加|フリーダイヤル|クリニック一覧|診療時間|受付時間|"
    r"TEL|電話番号|〒|休診日|アクセス|営業時間|定休日"
)
RELATED_HEADING = re.compile(
    r"^[\s■◆●▼【\[]*(?:関連(?:する)?(?:記事|コラム|ページ|リンク|投稿|情報|エントリー?)?|(?:こちらの|この|合わせて|あわせて)?(?:記事|ページ)?も?(?:読みたい|おすすめ|よく読まれて).{0,12}|"
    r"おすすめ(?:の)?(?:記事|コラム)?|人気(?:の)?(?:記事|コラム|ランキング)|アクセスランキング|新着(?:記事|情報|コラム)?|最新(?:の)?(?:記事|情報|投稿|コラム)|最近の(?:記事|投稿|エントリー)|"
    r"カテゴリー?(?:一覧)?|アーカイブ|月別アーカイブ|タグ(?:一覧|クラウド)?|コメント(?:を残す|する)?|トラックバック.{0,8}|シェア(?:する)?|SHARE|RELATED.{0,10}|RANKING|RECOMMEND.{0,6}|CATEGORY|ARCHIVES?|"
    r"Most Popular|New Posts?|Recent Posts?|Tags?|この記事をシェア.{0,6}|フォローする"
    r"|前の記事|次の記事|お知らせ一覧|Related (?:posts|articles).{0,6})[\s】\]:：]*$",
    re.I,
)
RELATED_STARTS = WHITE | frozenset("■◆●▼【[関こ合あ記ペも読およ人ア新最カ月タコトシフ前次SsſRrCcAaMmNnTt")
"""What `RELATED_HEADING` can begin with; most headings are told by it alone."""
# Searched in lower case, which lets the words be looked for by how they begin: a fifth of the time of ignoring case.
WALL = re.compile(
    r"captcha|are you (?:a )?(?:human|robot)|access denied|アクセスが(?:拒否|制限|集中)"
    r"|just a moment|checking your browser|enable javascript and cookies|cloudflare"
    r"|ロボットでは(?:ない|ありません)|"
    r"メンテナンス中|サーバー?メンテナンス|メンテナンスのお知らせ|under maintenance"
    r"|ただいまメンテナンス|service unavailable|temporarily unavailable|一時的に(?:利用"
    r"|アクセス|表示)でき|bad gateway|internal server error|"
    r"verify you are human|unusual traffic|request blocked|403 forbidden"
    r"|人間であることを|画像認証|be (?:right )?back soon|down for (?:planned |scheduled )?maintenance"
    r"|会員ログイン|ログインが必要です|パスワードで保護|password[- ]protected|医療関係者(?:の方)?ですか"
    r"|重大なエラーが発生|データベース接続(?:確立)?エラー|establishing a database connection"
    r"|fatal error:|warning: mysqli?_|ドメインは(?:販売中|有効期限)|domain (?:is|has) (?:for sale|expired)",
)
MISSING = re.compile(
    r"(?:お探しの|ご指定の|指定された|要求された|アクセスしようとした|該当する?)?(?:ページ|記事|コンテンツ|url)(?:は|が|を)(?:お?見つけ(?:ること)?[がは]?でき|見つかり(?:ません|ませ)|存在し(?:ません|ない)|削除され|移動(?:または|したか|され))|"
    r"404\s*(?:not found|error|エラー)|not found|page (?:not|cannot be) found"
    r"|ページが見つかりません|お探しのページ(?:は|が)",
)
NEEDS_SCRIPT = re.compile(
    r"(?:enable|turn on|requires?|need).{0,20}java\s?script|java\s?script\s*(?:を|が).{0,20}(?:有効|オン|無効|必要)",
    re.I,
)

COUNTER_CHARS = 60
COUNTER = re.compile(
    r"閲覧|アクセス数|訪問者|\bpv\b|\d\s?views?\b|回(?:読まれ|表示|再生)|いいね|\d\s?likes?\b|シェア数|参考になった|コメント数|\d\s?votes?\b"
    r"|^\D{0,4}\d+(?:秒|分|時間|日|週間|[かカヶケ]月|年)前\D{0,8}$|\d\s?(?:minutes?|hours?|days?|weeks?)\s?ago"
    r"|本日|今日は|ただいま|現在の(?:待|空)|待ち時間|残り\D{0,8}\d|在庫|(?:管理|整理)番号",
    re.I,
)
"""A line that counts visitors, votes or places left, or tells how late it is."""
COUNTED = re.compile(
    r"[（(][月火水木金土日][)）]|[月火水木金土日]曜日?|(?<![0-9a-z])[0-9a-f]{6,}(?![0-9a-z])"
    r"|[0-9０-９]+(?:[,，.:：][0-9０-９]+)*",
    re.I,
)
FIRM = re.compile(
    r"[円¥￥%％]|\d\s?万|mg|ml|μg|単位|税|副作用|リスク|合併症|死亡|症例|承認|効果|(?:から|より|以降)(?!\D{0,3}$)"
)
"""What no counter is: fees, doses, risks, approvals, and what holds from a day on."""

"""Columns that a script draws, read in a real Chromium that has no network of its own."""
# ruff: noqa: E501 (scripts of pages are easier to read in long lines)

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from browser.serving import counting
from servers.site import Reply, Site

from columnarchive.archive import Archive, CrawlOptions, CrawlSummary
from columnarchive.crawl.renderer import is_shell

Pages = dict[str, str | bytes | Reply]
needs_chromium = [
    pytest.mark.slow,
    pytest.mark.browser,
    pytest.mark.skipif(not shutil.which("chromium"), reason="Chromium is not installed"),
]
POSTS = [
    {"title": f"ひざの話{n}と家での過ごし方", "date": f"2026-01-{n + 1:02}", "body": [
        f"ひざが痛むときの過ごし方{n}の{k}つ目です。{k + 3}分ほど温め、無理に動かさないで様子を見ます。" for k in range(6)
    ]}
    for n in range(12)
]  # fmt: skip
DATA = json.dumps(POSTS, ensure_ascii=False)

# An element function, a state and a router, as in applications built with React: everything comes from one bundle.
REACT = """
const h=(tag,props,...children)=>{const e=document.createElement(tag);Object.assign(e,props||{});children.flat().forEach(c=>e.append(c));return e};
const List=posts=>h('main',null,h('h1',null,'コラム'),h('ul',null,posts.map((p,i)=>h('li',null,h('time',null,p.date),h('a',{href:'/column/'+i+'/'},p.title)))));
const Post=p=>h('main',null,h('article',null,h('h1',null,p.title),p.body.map(t=>h('p',null,t))));
async function App(){const posts=await (await fetch('/api/posts.json')).json();const m=location.pathname.match(/column\\/(\\d+)/);
 document.getElementById('root').replaceChildren(m?Post(posts[m[1]]):List(posts))}
queueMicrotask(App);"""
# Templates in the page and data in the script, as in applications built with Vue.
VUE = """
const data=POSTS;const at=location.pathname.match(/column\\/(\\d+)/);const view=document.querySelector(at?'#post':'#list');
const fill=(t,s)=>t.replace(/{{\\s*(\\w+)\\s*}}/g,(_,k)=>s[k]);
setTimeout(()=>{document.getElementById('app').innerHTML=at?fill(view.innerHTML,{title:data[at[1]].title,body:data[at[1]].body.map(t=>'<p>'+t+'</p>').join('')})
 :'<h1>コラム</h1>'+data.map((p,i)=>fill(view.innerHTML,{...p,number:i})).join('')},50);"""
VUE_PAGE = "<div id=app></div><template id=list><li>{{ date }} <a href='/column/{{ number }}/'>{{ title }}</a></li></template><template id=post><article><h1>{{ title }}</h1>{{ body }}</article></template>"
# Fragments of HTML, fetched by XMLHttpRequest.
PLAIN = """
var x=new XMLHttpRequest();var m=location.pathname.match(/column\\/(\\d+)/);x.open('GET','/parts/'+(m?m[1]:'list')+'.html');
x.onload=function(){document.getElementById('box').innerHTML=x.responseText};x.send();"""
# Three more each time the end of the page is reached.
SCROLLING = """
let shown=0,posts=[];const box=document.getElementById('root');const m=location.pathname.match(/column\\/(\\d+)/);
const more=()=>{posts.slice(shown,shown+3).forEach((p,i)=>{const d=document.createElement('div');d.style.height='400px';
 d.innerHTML='<h2><a href="/column/'+(shown+i)+'/">'+p.title+'</a></h2><p>'+p.date+'</p>';box.append(d)});shown+=3};
fetch('/api/posts.json').then(r=>r.json()).then(p=>{posts=p;if(m){box.innerHTML='<h1>'+p[m[1]].title+'</h1>'+p[m[1]].body.map(t=>'<p>'+t+'</p>').join('')}
 else{more();more();addEventListener('scroll',()=>{if(innerHeight+scrollY>=document.body.scrollHeight-50)setTimeout(more,30)})}});"""


def shell(body: str) -> str:
    return f"<!doctype html><html lang=ja><head><meta charset=utf-8><title>みほん医院</title></head><body>{body}<script src=/app.js></script></body></html>"


def script(text: str) -> Reply:
    return Reply(200, text.encode(), {"Content-Type": "text/javascript; charset=utf-8"})


def parts() -> Pages:
    items = "".join(f"<li>{p['date']}<a href=/column/{n}/>{p['title']}</a></li>" for n, p in enumerate(POSTS))
    found: Pages = {"/parts/list.html": f"<h1>コラム</h1><ul>{items}</ul>"}
    for number, p in enumerate(POSTS):
        found[f"/parts/{number}.html"] = f"<h1>{p['title']}</h1>" + "".join(f"<p>{line}</p>" for line in p["body"])
    return found


def application(body: str, code: str, more: Pages | None = None) -> Pages:
    pages: Pages = {"/column/": shell(body), "/app.js": script(code), "/api/posts.json": DATA, **(more or {})}
    return pages | {f"/column/{number}/": shell(body) for number in range(len(POSTS))}


APPLICATIONS = {
    "React": application("<div id=root></div>", REACT),
    "Vue": application(VUE_PAGE, VUE.replace("POSTS", DATA)),
    "plain": application("<div id=box></div>", PLAIN, parts()),
    "infinite scroll": application("<div id=root></div>", SCROLLING),
}


def crawled(
    tmp_path: Path, site: Site, *others: str, **options: object
) -> tuple[CrawlSummary, dict[str, str], set[str]]:
    """Crawl from the listing, and others; the summary, the articles' texts by path, and the sources of captures."""
    with Archive.open(tmp_path / "archive.db") as archive:
        summary = archive.crawl([site.url + "/column/", *others], CrawlOptions(allow_private=True, delay=0, **options))  # type: ignore[arg-type]
        texts = dict(archive.conn.execute("select replace(url, ?, ''), text from articles", (site.url,)))
        sources = {source for (source,) in archive.conn.execute("select source from captures")}
    return summary, texts, sources


def descendants(root: int) -> Iterator[Path]:
    """The processes that a process started, and those that they started."""
    parents: dict[int, list[int]] = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            parents.setdefault(int((process / "stat").read_text().rpartition(")")[2].split()[1]), []).append(
                int(process.name)
            )
        except OSError:
            continue  # it has ended
    waiting = parents.get(root, [])
    while waiting:
        waiting = waiting + parents.get(waiting[0], [])
        yield Path("/proc", str(waiting.pop(0)))


class Sockets:
    """What the processes of Chromium are connected to, and the most memory that they hold together."""

    def __init__(self) -> None:
        self.peers: set[str] = set()
        self.memory = 0
        self.processes = 0

    def look(self) -> None:
        inodes: set[str] = set()
        memory = processes = 0
        for process in descendants(os.getpid()):
            try:
                if "chrom" not in os.readlink(process / "exe"):
                    continue
                processes += 1
                for number in (process / "fd").iterdir():
                    name = os.readlink(number)
                    if name.startswith("socket:["):
                        inodes.add(name[8:-1])
                memory += int((process / "smaps_rollup").read_text().split("Pss:")[1].split()[0])
            except (OSError, IndexError):
                continue  # it has ended
        for table in ("tcp", "tcp6", "udp", "udp6"):
            for line in Path("/proc/net", table).read_text().splitlines()[1:]:
                cells = line.split()
                connected = cells[3] == "01"  # established; a refused connection never is
                if cells[9] in inodes and connected:
                    self.peers.add(f"{table} {cells[2]}")
        self.memory = max(self.memory, memory)
        self.processes = max(self.processes, processes)


@contextmanager
def watched() -> Iterator[Sockets]:
    """Look at the browser's sockets again and again."""
    sockets, ended = Sockets(), threading.Event()

    def watch() -> None:
        while not ended.is_set():
            sockets.look()
            time.sleep(0.02)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield sockets
    finally:
        ended.set()
        thread.join()


class TestInChromium:
    pytestmark = needs_chromium

    @pytest.mark.parametrize("name", APPLICATIONS)
    def test_columns_drawn_by_a_script_are_found_and_read(self, tmp_path: Path, name: str) -> None:
        with Site(APPLICATIONS[name]) as site, watched() as sockets:
            summary, texts, sources = crawled(tmp_path, site)
        print(f"{name}: {sockets.processes} processes of the browser, {sockets.memory // 1000} MB")
        assert {path: text.split("\n")[-1] for path, text in texts.items()} == {
            f"/column/{number}/": post["body"][-1] for number, post in enumerate(POSTS)
        }
        assert sources == {"crawl", "rendered"}
        assert not summary.failures
        assert not summary.unread
        assert sockets.processes > 1
        assert sockets.peers == set()

    def test_nothing_leaves_the_browser_whatever_a_script_tries(self, tmp_path: Path) -> None:
        with counting() as (inside, asked):
            tries = f"""
            const at='{inside}';fetch(at+'/a').catch(()=>0);fetch('http://169.254.169.254/latest').catch(()=>0);
            fetch('http://localhost:'+new URL(at).port+'/b').catch(()=>0);new Image().src=at+'/c';navigator.sendBeacon(at+'/d','x');
            try{{new WebSocket(at.replace('http','ws')+'/e')}}catch(e){{}}
            try{{const r=new RTCPeerConnection({{iceServers:[{{urls:'stun:'+new URL(at).host}}]}});r.createDataChannel('x');r.createOffer().then(o=>r.setLocalDescription(o))}}catch(e){{}}
            for(const rel of ['prefetch','preconnect','dns-prefetch','prerender','stylesheet'])
              document.head.append(Object.assign(document.createElement('link'),{{rel:rel,href:at+'/f'}}));
            document.head.append(Object.assign(document.createElement('script'),{{type:'speculationrules',textContent:JSON.stringify({{prefetch:[{{urls:[at+'/g'],eagerness:'immediate'}}]}})}}));
            for(let i=0;i<20;i++)window.open(at+'/w'+i);
            try{{navigator.serviceWorker.register('/sw.js')}}catch(e){{}}
            document.body.append(Object.assign(document.createElement('iframe'),{{src:at+'/h'}}));
            const f=document.createElement('form');f.method='post';f.action=at+'/i';document.body.append(f);f.submit();
            alert('!');setTimeout(()=>{{location=at+'/j'}},200);
            """
            pages = APPLICATIONS["React"] | {"/app.js": script(tries + REACT), "/sw.js": script("fetch('/never')")}
            with Site(pages) as site, watched() as sockets:
                _, texts, _ = crawled(tmp_path, site)
        assert asked == []
        assert sockets.peers == set()
        assert len(texts) == len(POSTS)
        assert set(site.paths()) <= set(pages) | {"/robots.txt", "/sitemap.xml"}

    def test_a_library_of_another_host_is_fetched_by_our_client_and_data_of_one_is_not(self, tmp_path: Path) -> None:
        library = {
            "/vue.js": script("globalThis.fill=(t,s)=>t.replace(/{{\\s*(\\w+)\\s*}}/g,(_,k)=>s[k]);"),
            "/posts.json": DATA,
        }
        with Site(library) as cdn:
            code = VUE.replace("POSTS", DATA).replace(
                "const fill=(t,s)=>t.replace(/{{\\s*(\\w+)\\s*}}/g,(_,k)=>s[k]);", ""
            )
            assert code.count("fill=") == 0
            code += f"fetch('{cdn.url}/posts.json').catch(()=>0);"
            pages = application(f"{VUE_PAGE}<script src='{cdn.url}/vue.js'></script>", code)
            with Site(pages) as site, watched() as sockets:
                # Named, so that a private address may be asked at all.
                _, texts, _ = crawled(tmp_path, site, cdn.url + "/")
            assert "/vue.js" in cdn.paths()
            assert "/posts.json" not in cdn.paths()
        assert len(texts) == len(POSTS)
        assert sockets.peers == set()

    def test_open_shadow_roots_are_part_of_the_page(self, tmp_path: Path) -> None:
        code = """customElements.define('my-column',class extends HTMLElement{connectedCallback(){
          const inner=document.createElement('my-text');inner.text=this.text;this.attachShadow({mode:'open'}).append(inner)}});
        customElements.define('my-text',class extends HTMLElement{connectedCallback(){
          this.attachShadow({mode:'open'}).innerHTML=this.text.map(t=>'<p>'+t+'</p>').join('')}});
        fetch('/api/posts.json').then(r=>r.json()).then(posts=>{const m=location.pathname.match(/column\\/(\\d+)/);const box=document.getElementById('root');
         if(m){const h=document.createElement('h1');h.textContent=posts[m[1]].title;const c=document.createElement('my-column');c.text=posts[m[1]].body;box.append(h,c)}
         else box.innerHTML='<h1>コラム</h1>'+posts.map((p,i)=>'<li>'+p.date+'<a href="/column/'+i+'/">'+p.title+'</a></li>').join('')})"""
        with Site(application("<div id=root></div>", code)) as site:
            _, texts, _ = crawled(tmp_path, site)
        assert {path: text.split("\n")[-1] for path, text in texts.items()} == {
            f"/column/{number}/": post["body"][-1] for number, post in enumerate(POSTS)
        }

    @pytest.mark.parametrize("trap", ["for(;;);", "const a=[];for(;;)a.push(new Array(1e6).fill(a.length))", "f()"])
    def test_a_page_that_hangs_the_browser_costs_itself_alone(
        self, tmp_path: Path, trap: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("columnarchive.crawl.renderer.SECONDS", 8.0)
        endless = "function f(){fetch('/api/'+Math.random()).finally(f)};"
        code = endless + "if(location.pathname=='/column/3/'){" + trap + "}" + REACT
        with Site(APPLICATIONS["React"] | {"/app.js": script(code)}) as site, watched() as sockets:
            _, texts, _ = crawled(tmp_path, site)
        print(f"{trap}: {sockets.processes} processes of the browser, {sockets.memory // 1000} MB")
        assert set(texts) >= {f"/column/{number}/" for number in range(len(POSTS)) if number != 3}

    def test_robots_and_the_site_limit_what_a_script_gets(self, tmp_path: Path) -> None:
        pages = APPLICATIONS["React"] | {"/robots.txt": "User-agent: *\nDisallow: /api/\n"}
        with Site(pages) as site:
            _, texts, _ = crawled(tmp_path, site)
            assert "/api/posts.json" not in site.paths()
        assert texts == {}


@pytest.mark.parametrize(
    ("html", "shell"),
    [
        ("<body><div id=root></div><script>var a='" + "文" * 999 + "'</script></body>", True),
        ("<body><script src=a.js></script><p>読み込み中</p></body>", True),
        ("<body><p>" + "痛みは冷やさずに様子を見ます。" * 30 + "</p><script>1</script></body>", False),
        ("<body><p>短い</p></body>", False),
    ],
)
def test_a_shell_is_told_by_its_text(html: str, shell: bool) -> None:
    assert is_shell(html.encode()) == shell


def test_without_such_pages_nothing_of_it_is_imported(tmp_path: Path) -> None:
    items = "".join(f"<li>2026-01-0{n + 1}<a href=/column/{n}/>{p['title']}</a></li>" for n, p in enumerate(POSTS[:4]))
    pages: Pages = {"/column/": f"<meta charset=utf-8><h1>コラム</h1><ul>{items}</ul>"}
    for n, p in enumerate(POSTS[:4]):
        pages[f"/column/{n}/"] = f"<meta charset=utf-8><h1>{p['title']}</h1>" + "".join(
            f"<p>{t}</p>" for t in p["body"]
        )
    code = (
        "import sys; from columnarchive.archive import Archive, CrawlOptions\n"
        "with Archive.open(sys.argv[1]) as a:\n"
        "    s = a.crawl([sys.argv[2]], CrawlOptions(allow_private=True, delay=0))\n"
        "print(s.pages, 'playwright' in sys.modules)"
    )
    with Site(pages) as site:
        done = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path / "a.db"), site.url + "/column/"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
    assert done.stdout.split() == ["5", "False"]

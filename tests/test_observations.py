"""What a text states: sentences and columns of our own wording, many treatments, with near misses."""

from __future__ import annotations

import time
import tomllib
from pathlib import Path

import coded_columns
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from columnarchive.observations import KINDS, Context, Line, observe, statements
from columnarchive.observations.lexicon import sources

HERE = Path(__file__).parent
CASES = tomllib.loads((HERE / "observations_cases.toml").read_text("utf-8"))
COLUMNS = tomllib.loads((HERE / "observations_columns.toml").read_text("utf-8"))["column"]


def kinds(*lines: str, title: str = "") -> set[str]:
    """The kinds that a column of plain lines states."""
    return {o.kind for o in observe([Line(line) for line in lines], title)}


COLUMN = [
    "毛髪再生の注入治療",
    "当院では、頭皮に成長因子を含む製剤を注入する治療を行っています。",
    "治療の回数",
    "月に1回、6回を目安に通院していただきます。",
    "費用",
    "1回\t66,000円",
    "保険は使えません。",
    "副作用",
    "・注入部の赤み、腫れ",
    "発毛の程度には個人差があります。",
    "ご予約 000-123-4567",
]


def test_a_column_states_what_its_lines_say() -> None:
    assert kinds(*COLUMN) == {
        "own_treatment",
        "content",
        "course",
        "cost",
        "self_pay",
        "risks",
        "effect_hedge",
        "contact",
    }


def test_words_and_spans_are_verbatim() -> None:
    lines = [Line("　当院のＰＲＰ注射は１回　３３，０００円です。"), *map(Line, COLUMN)]
    for o in observe(lines):
        assert o.kind in KINDS
        for word, (start, end) in zip(o.words, o.spans, strict=True):
            assert lines[o.line].text[start:end] == word
            assert word in o.text
            assert lines[o.line].text.index(o.text, o.start) >= o.start


def states(case: str) -> set[str]:
    """The kinds that a sentence states; "H: … | " gives its heading, "Q: … | " the question it answers."""
    context = Context(kind="item")
    if case.startswith(("H: ", "Q: ")):
        role, (above, case) = case[0], case[3:].split(" | ", 1)
        context = Context(heading=above) if role == "H" else Context(question=above)
    return {o.kind for o in statements(case, context)}


@pytest.mark.parametrize("kind", KINDS)
def test_ways_of_saying_it_and_near_misses(kind: str) -> None:
    assert [case for case in CASES[kind]["yes"] if kind not in states(case)] == []
    assert [case for case in CASES[kind]["no"] if kind in states(case)] == []


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column["title"])
def test_whole_columns(column: dict[str, object]) -> None:
    found = kinds(*str(column["text"]).split("\n"), title=str(column["title"]))
    assert found - set(column.get("either", [])) == set(column["states"])


def test_coded_columns() -> None:
    """Floors of agreement with coded columns; those held out show how the rules do on columns nobody tuned them to."""
    tuned, held = map(coded_columns.score, coded_columns.split(coded_columns.read()))
    assert (tuned.precision >= 0.95, tuned.recall >= 0.95, tuned.macro >= 0.95) == (True, True, True)
    assert (held.precision >= 0.95, held.recall >= 0.92, held.macro >= 0.9) == (True, True, True)
    assert min(right / total for right, total in (tuned.evidence, held.evidence)) >= 0.95


def test_the_heading_and_the_question_decide() -> None:
    harms = "赤み、腫れ、内出血"
    assert "risks" in {o.kind for o in statements(harms, Context(heading="主な副作用"))}
    assert "risks" not in {o.kind for o in statements(harms, Context(heading="このような症状に"))}
    answer = "1回2万2千円です。"
    assert "cost" in {o.kind for o in statements(answer, Context(question="いくらかかりますか?"))}


@given(st.text(max_size=200))
@settings(max_examples=200)
def test_any_text_is_read(text: str) -> None:
    for o in observe([Line(line) for line in text.split("\n")]):
        assert all(0 <= start < end for start, end in o.spans)


@pytest.mark.parametrize(
    "unit",
    [
        "痛み、",
        "「",
        "1回",
        "効果は",
        "円",
        "保険",
        "（",
        "12万3千",
        "0120-",
        "あ市",
        "治療→",
        "未承認の",
        "A. Q. ",
        "ない",
    ],
)
@pytest.mark.slow
def test_time_grows_with_length(unit: str) -> None:
    def cost(length: int) -> float:
        line = (unit * length)[:length]
        started = time.process_time()
        observe([Line(line)])
        return time.process_time() - started

    cost(1_000)
    short, long = min(cost(10_000) for _ in range(2)), cost(100_000)
    assert long < 40 * short + 0.05


def test_every_group_of_words_names_its_source() -> None:
    known = {"guideline", "q-and-a", "asrm", "usage"}
    assert {source.split(":")[0].split(";")[0] for source in sources().values()} <= known


def test_what_a_column_treats_is_no_risk_of_the_treatment() -> None:
    title = "坐骨神経痛のしびれでお悩みの方へ"
    offer = "当院では鍼灸の施術を行っています。"
    assert "risks" not in kinds(offer, "足先まで痛みやしびれが出ることがあります。", title=title)
    assert "risks" in kinds(offer, "施術後に痛みやしびれが出ることがあります。", title=title)

# What developers run. `just --list` shows all of it.

# Style, types and imports, and the tests of the modules that change most: under a minute.
check:
    ruff check .
    ruff format --check .
    mypy
    lint-imports
    pytest tests/test_urls.py tests/test_text.py tests/test_diff.py tests/test_extract_page.py tests/test_search_query.py tests/test_cli.py

# The tests of the README: about four minutes on two cores.
test:
    pytest

# Everything that takes longer: kills, memory, browser, replay, fuzzing.
test-slow:
    pytest -m slow

# Everything that must hold before a change lands, in fresh environments.
ci:
    bash .ci/run

# Figures for the README. Each benchmark says in its first lines what it measures and beside which peer.
bench:
    python tests/benchmarks/startup.py
    python tests/benchmarks/extraction.py
    python tests/benchmarks/diff.py
    python tests/benchmarks/search.py
    python tests/benchmarks/storage.py bytes
    python tests/benchmarks/fetching.py
    python tests/benchmarks/revisit.py
    python tests/benchmarks/end_to_end.py

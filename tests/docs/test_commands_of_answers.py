"""Every command of the pages about answers is run, in its order, in a place of that page's own."""

from __future__ import annotations

import pytest
from tests.docs.page_commands import ANSWERS, pages, to_run, type_command


@pytest.mark.real_data
@pytest.mark.slow
@pytest.mark.usefixtures("recorded_place")
@pytest.mark.parametrize("page", [page for page in pages() if page in ANSWERS])
def test_the_commands_of_a_page_run(page, capfd):
    for text in to_run(page):
        status, said = type_command(page, text, capfd)
        assert status == 0, f"{page}: {text}\n{said}"

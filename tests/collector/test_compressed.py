"""Pages are compressed, and that tells nobody a secret."""

from typing import Any

import pytest

from collector.operators.signed_in import form_token, is_form_token


def test_what_changes_something_is_answered_as_it_is(serving: Any) -> None:
    """A secret that is shown once is not beside a length that tells of it."""
    desk = serving.desk("operator")
    made = desk.send("/fleet/codes", school="A1")
    assert made.status_code == 200, made.text
    assert len(made.content) > 1_000
    assert "content-encoding" not in made.headers


def test_the_token_of_a_form_never_comes_twice() -> None:
    """Each is right for its own secret, and none for another's."""
    tokens = {form_token("a session") for _ in range(200)}
    assert len(tokens) == 200
    assert all(is_form_token("a session", token) for token in tokens)
    assert not any(is_form_token("another", token) for token in tokens)
    assert len({token[:8] for token in tokens}) > 190
    assert len({token[-8:] for token in tokens}) > 190


@pytest.mark.parametrize(
    "shown", ["", "0" * 64, "0" * 128, "zz" * 64, "é" * 128, form_token("a session")[:-2]]
)
def test_what_is_no_token_is_refused(shown: str) -> None:
    """Of any form: also the mask alone, which is known to whoever asks."""
    assert not is_form_token("a session", shown)

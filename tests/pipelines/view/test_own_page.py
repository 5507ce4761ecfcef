import pytest

from page4d_cli.pipelines.view.own_page import is_of_own_page


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("127.0.0.1:8080", None),
        ("127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("localhost:9000", "http://localhost:9000"),  # through a tunnel
        ("[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_its_own_page_is_answered(host, origin):
    assert is_of_own_page(host, origin)


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("127.0.0.1:8080", "http://evil.example"),
        ("127.0.0.1:8080", "null"),
        ("127.0.0.1:8080", "http://127.0.0.1:9999"),  # another server on this machine
        ("127.0.0.1:8080", "https://127.0.0.1:8080"),
        ("evil.example:8080", None),  # a name that stands for 127.0.0.1
        ("evil.example:8080", "http://evil.example:8080"),
        ("127.0.0.1.evil.example:8080", None),
        ("evil.example@127.0.0.1", "http://evil.example"),
        (None, None),
        ("[", None),
    ],
)
def test_other_pages_and_other_names_are_not(host, origin):
    assert not is_of_own_page(host, origin)

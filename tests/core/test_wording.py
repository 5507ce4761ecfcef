from page4d_cli.core.wording import count_noun


def test_one_is_singular_and_all_others_are_plural():
    assert [count_noun(n, "frame") for n in range(3)] == ["0 frames", "1 frame", "2 frames"]

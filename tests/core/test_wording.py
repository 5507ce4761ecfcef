from page4d_cli.core.wording import counted


def test_one_is_singular_and_all_others_are_plural():
    assert [counted(n, "frame") for n in range(3)] == ["0 frames", "1 frame", "2 frames"]

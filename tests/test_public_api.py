import pytest

import page4d_cli as page4d


def test_every_public_name_is_there():
    for name in page4d.__all__:
        assert getattr(page4d, name) is not None
    assert page4d.__all__ == sorted(page4d.__all__)
    assert dir(page4d) == page4d.__all__


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'reconstruct'"):
        _ = page4d.reconstruct

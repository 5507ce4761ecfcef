import numpy as np
import pytest
import torch
from scipy import stats

from page4d_cli.core.enums import FeatureKind
from page4d_cli.pipelines.features.statistics import (
    STATISTICS,
    frame_statistics,
    write_statistics,
)


def by_name(tokens):
    return dict(zip(STATISTICS, frame_statistics(tokens, 2).T, strict=True))


def test_they_are_what_scipy_says():
    tokens = torch.rand(5, 12, 8, generator=torch.Generator().manual_seed(0)) ** 3
    found, values = by_name(tokens), tokens.double().numpy()
    flat = values.reshape(5, -1)
    energy = (values**2).sum(-1)
    np.testing.assert_allclose(found["mean"], flat.mean(1), rtol=1e-5)
    np.testing.assert_allclose(found["std"], flat.std(1), rtol=1e-5)
    np.testing.assert_allclose(found["skewness"], stats.skew(flat, axis=1), rtol=1e-4)
    np.testing.assert_allclose(found["energy"], energy.mean(1), rtol=1e-5)
    np.testing.assert_allclose(
        found["entropy"], stats.entropy(energy, axis=1) / np.log(12), rtol=1e-5
    )


def test_the_ends_of_the_entropy():
    tokens = torch.zeros(3, 4, 2)
    tokens[0, 1] = 5  # one patch has everything
    tokens[1] = 2  # all have the same; the last frame has nothing
    torch.testing.assert_close(by_name(tokens)["entropy"], torch.tensor([0.0, 1.0, 1.0]))


def test_constant_values_do_not_divide_by_zero():
    found = by_name(torch.full((1, 4, 2), 3.0))
    assert found["std"] == 0 and found["skewness"] == 0 and found["mean"] == 3


def test_what_is_not_finite_is_not_hidden():
    tokens = torch.ones(2, 4, 2)
    tokens[1, 0, 0] = torch.nan
    found = frame_statistics(tokens, 1)
    assert found[0].isfinite().all() and found[1].isnan().all()


def test_the_file_has_an_array_of_kinds_layers_and_frames(tmp_path):
    kinds = (FeatureKind.FRAME, FeatureKind.GLOBAL)
    by_layer = {
        layer: {
            kind: np.full((3, 5), 10 * layer + place, np.float32)
            for place, kind in enumerate(kinds)
        }
        for layer in (2, 5)
    }
    write_statistics(tmp_path / "s.npz", by_layer, kinds, ["a", "b", "c"])
    data = np.load(tmp_path / "s.npz")
    assert data["energy"].shape == (2, 2, 3) and data["energy"][1, 0, 0] == 21
    assert data["layers"].tolist() == [2, 5] and data["kinds"].tolist() == ["frame", "global"]


@pytest.mark.parametrize("at_once", [1, 3])
def test_the_pieces_do_not_matter(at_once):
    tokens = torch.randn(3, 7, 4, generator=torch.Generator().manual_seed(0))
    assert torch.equal(frame_statistics(tokens, at_once), frame_statistics(tokens, 2))

import numpy as np

from page4d_cli.draw.tracks import draw_dots, draw_matches


def test_dots_lie_where_the_pixels_were():
    image = np.full((48, 64, 3), 128, np.uint8)
    picture = draw_dots(image, np.array([[20.0, 30.0]]), np.array([0.0]))
    assert picture.shape == (480, 640, 3)
    red = np.argwhere((picture == [255, 0, 0]).all(-1))
    np.testing.assert_allclose(red.mean(0), [304.5, 204.5], atol=1)


def test_matches_end_in_both_pictures():
    image = np.full((500, 600, 3), 128, np.uint8)
    begin, end = np.array([[50.0, 60.0]]), np.array([[90.0, 200.0]])
    picture = draw_matches(image, image, begin, end, np.array([True]))
    assert picture.shape == (500, 1200, 3)
    for u, v in ((50, 60), (690, 200)):
        np.testing.assert_array_equal(picture[v, u], [255, 0, 0])

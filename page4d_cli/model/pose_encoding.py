"""The nine numbers of a camera, and the matrices that they stand for.

[t (3) of T_camera_world | quaternion x, y, z, w of its rotation (4) | vertical, horizontal field of
view (2)], angles in radians; the principal point is the picture's centre (W/2, H/2).
"""

import torch
from torch import Tensor


def pose_encoding_to_extri_intri(
    pose_encoding: Tensor, image_size_hw: tuple[int, int] | torch.Size
) -> tuple[Tensor, Tensor]:
    """Decode cameras.

    Args:
        pose_encoding: (..., 9). The quaternion needs no unit length, but a zero one gives NaN; a
            field of view of 0 gives an infinite focal length.
        image_size_hw: (H, W) in pixels.

    Returns:
        T_camera_world (..., 3, 4) and K (..., 3, 3) in pixels.
    """
    translation, quat_xyzw, fov_vh = pose_encoding.split((3, 4, 2), dim=-1)
    extrinsics = torch.cat((quat_xyzw_to_matrix(quat_xyzw), translation[..., None]), dim=-1)
    height, width = image_size_hw
    intrinsics = pose_encoding.new_zeros(*pose_encoding.shape[:-1], 3, 3)
    intrinsics[..., 0, 0] = (width / 2) / torch.tan(fov_vh[..., 1] / 2)
    intrinsics[..., 1, 1] = (height / 2) / torch.tan(fov_vh[..., 0] / 2)
    intrinsics[..., 0, 2] = width / 2
    intrinsics[..., 1, 2] = height / 2
    intrinsics[..., 2, 2] = 1
    return extrinsics, intrinsics


def extri_intri_to_pose_encoding(
    extrinsics: Tensor, intrinsics: Tensor, image_size_hw: tuple[int, int] | torch.Size
) -> Tensor:
    """Encode cameras; the principal point is not represented.

    Args:
        extrinsics: (..., 3, 4) T_camera_world.
        intrinsics: (..., 3, 3) K in pixels.
        image_size_hw: (H, W) in pixels.

    Returns:
        (..., 9) with a unit quaternion, w ≥ 0.
    """
    height, width = image_size_hw
    fov_v = 2 * torch.atan((height / 2) / intrinsics[..., 1, 1])
    fov_h = 2 * torch.atan((width / 2) / intrinsics[..., 0, 0])
    quat_xyzw = matrix_to_quat_xyzw(extrinsics[..., :3, :3])
    fov_vh = torch.stack((fov_v, fov_h), dim=-1)
    return torch.cat((extrinsics[..., :3, 3], quat_xyzw, fov_vh), dim=-1)


def quat_xyzw_to_matrix(quat_xyzw: Tensor) -> Tensor:
    """Rotation matrices (..., 3, 3) of quaternions (..., 4) of any non-zero length."""
    x, y, z, w = quat_xyzw.unbind(-1)
    s = 2.0 / quat_xyzw.square().sum(-1)
    rows = (
        (1 - s * (y * y + z * z), s * (x * y - z * w), s * (x * z + y * w)),
        (s * (x * y + z * w), 1 - s * (x * x + z * z), s * (y * z - x * w)),
        (s * (x * z - y * w), s * (y * z + x * w), 1 - s * (x * x + y * y)),
    )
    return torch.stack([torch.stack(row, dim=-1) for row in rows], dim=-2)


def matrix_to_quat_xyzw(rotation: Tensor) -> Tensor:
    """Unit quaternions (..., 4), w ≥ 0, of rotation matrices (..., 3, 3); differentiable.

    Each of the four components can be solved for first; the largest one is the well-conditioned
    choice (Shepperd, Quaternion from Rotation Matrix, J. Guidance and Control 1(3), 1978).
    """
    m00, m11, m22 = rotation[..., 0, 0], rotation[..., 1, 1], rotation[..., 2, 2]
    yz, zx, xy = (
        rotation[..., 2, 1] - rotation[..., 1, 2],
        rotation[..., 0, 2] - rotation[..., 2, 0],
        rotation[..., 1, 0] - rotation[..., 0, 1],
    )
    sum_yz, sum_zx, sum_xy = (
        rotation[..., 2, 1] + rotation[..., 1, 2],
        rotation[..., 0, 2] + rotation[..., 2, 0],
        rotation[..., 1, 0] + rotation[..., 0, 1],
    )
    # Row k is 4·q_k·(x, y, z, w).
    four_squares = torch.stack(
        (1 + m00 - m11 - m22, 1 - m00 + m11 - m22, 1 - m00 - m11 + m22, 1 + m00 + m11 + m22), dim=-1
    )
    x2, y2, z2, w2 = four_squares.unbind(-1)
    candidates = torch.stack(
        [
            torch.stack((x2, sum_xy, sum_zx, yz), dim=-1),
            torch.stack((sum_xy, y2, sum_yz, zx), dim=-1),
            torch.stack((sum_zx, sum_yz, z2, xy), dim=-1),
            torch.stack((yz, zx, xy, w2), dim=-1),
        ],
        dim=-2,
    )
    largest = four_squares.argmax(dim=-1)[..., None, None].expand(*rotation.shape[:-2], 1, 4)
    quat = torch.nn.functional.normalize(candidates.gather(-2, largest).squeeze(-2), dim=-1)
    return torch.where(quat[..., 3:] < 0, -quat, quat)

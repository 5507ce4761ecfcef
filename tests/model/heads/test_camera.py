"""What the rounds of the camera head teach one another: nothing."""

import torch
from support import oracle_config

from page4d_cli.model.heads.camera import CameraHead


def test_a_rounds_loss_does_not_reach_the_rounds_before(monkeypatch):
    """The gradient of round r's loss with respect to the encodings before it is zero."""
    torch.manual_seed(0)
    head = CameraHead(oracle_config())
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.normal_(std=0.2)
    deltas = []
    plain = head.pose_branch.forward

    def noted(x):
        delta = plain(x)
        delta.retain_grad()
        deltas.append(delta)
        return delta

    monkeypatch.setattr(head.pose_branch, "forward", noted)
    rounds = head.refine(torch.randn(2, 3, 64))
    for index, encoding in enumerate(rounds):
        for delta in deltas:
            delta.grad = None
        encoding[..., :7].sum().backward(retain_graph=True)
        assert torch.equal(deltas[index].grad[..., :7], torch.ones(2, 3, 7))
        others = [delta.grad for other, delta in enumerate(deltas) if other != index]
        assert all(grad is None or not grad.any() for grad in others)

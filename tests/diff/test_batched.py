"""Compiled inverse dynamics over a torch batch: the same numbers, and gradients."""

from __future__ import annotations

import mujoco
import pytest
import torch

from bioenv import diff, models
from bioenv.errors import BioenvError


@pytest.mark.parametrize("name", models.available())
def test_it_is_the_torch_models_and_mujocos(name: str) -> None:
    model = models.load(name)
    compiled = diff.compiled_inverse_dynamics(model)
    torch.manual_seed(0)
    q, v, a = torch.randn(3, 5, 40, model.mj.nv, dtype=torch.float64)
    torch.testing.assert_close(
        compiled(q, v, a), diff.Dynamics(model).inverse_dynamics(q, v, a), rtol=1e-10, atol=1e-9
    )


def test_its_gradients_are_those_of_differences() -> None:
    compiled = diff.compiled_inverse_dynamics(models.load("walker2d"))
    torch.manual_seed(0)
    inputs = [x.requires_grad_(True) for x in torch.randn(3, 2, 12, dtype=torch.float64)]
    assert torch.autograd.gradcheck(
        lambda *x: 1e-2 * compiled(*x), inputs, eps=1e-6, atol=1e-6, rtol=1e-6
    )


def test_bad_input_is_said() -> None:
    compiled = diff.compiled_inverse_dynamics(models.load("arm26"))
    x = torch.zeros(4, 2, dtype=torch.float64)
    with pytest.raises(BioenvError, match=r"\(2, 2, 2\).*\(4, 3\)"):
        compiled(x, x, torch.zeros(4, 3, dtype=torch.float64))
    xml = "<mujoco><worldbody><body><freejoint/><geom size='1'/></body></worldbody></mujoco>"
    with pytest.raises(BioenvError, match="hinges and slides only"):
        diff.compiled_inverse_dynamics(mujoco.MjModel.from_xml_string(xml))

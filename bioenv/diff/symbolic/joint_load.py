"""Joint contact force from Newton's second law below the joint, in CasADi SX.

The method of :func:`bioenv.inverse.joint_contact_force`: what the limb below a joint needs, minus
what the ground and the muscles that cross the joint give. The direction in which a muscle pulls
at the joint is a fitted polynomial.
"""

from __future__ import annotations

import casadi as ca

from bioenv.diff.symbolic import rigid
from bioenv.diff.symbolic.muscles_symbolic import Powers, polynomial_values
from bioenv.diff.symbolic.path_fit import Pull
from bioenv.diff.symbolic.path_samples import joint_sites
from bioenv.models.model import Model


def contact_forces(
    model: Model,
    kin: rigid.Kinematics,
    loads: rigid.Loads,
    pulls: tuple[Pull, ...],
    muscle_force: ca.SX,
    powers: Powers,
) -> list[ca.SX]:
    """Force (3,) N on the child segment in its frame, for each of ``model.contact_joints``."""
    mj, out = model.mj, []
    for site in joint_sites(model):
        body = int(mj.site_bodyid[site])
        axes = kin.rotation[body] @ ca.SX(rigid.quaternion_matrix(mj.site_quat[site]))
        out.append(axes.T @ loads.force[body])
    for pull in pulls:
        direction = ca.vertcat(*polynomial_values(pull.polynomial, powers))
        out[pull.joint] -= direction * muscle_force[pull.muscle]
    return out

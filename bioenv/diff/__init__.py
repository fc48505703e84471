"""Differentiable musculoskeletal dynamics, built from the same Model as MuJoCo's."""

"""Trajectory optimization: movement by direct collocation of a model in CasADi."""

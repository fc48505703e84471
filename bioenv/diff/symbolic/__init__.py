"""The model as CasADi functions: what optimal control and compiled rollouts differentiate."""

"""What a laboratory measured: OpenSim files, reference gaits and normative curves."""

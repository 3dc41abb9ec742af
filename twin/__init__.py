"""Digital twin of a Mars clinic's data system: real pipeline, real sky, a verdict per guarantee."""

__version__ = "0.1.0"

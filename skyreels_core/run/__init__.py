"""A run: its settings, its plan, the resources it takes, and how it resumes."""

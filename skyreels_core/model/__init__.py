"""The Wan backbone, its audio layers, the encoders around it and their files."""

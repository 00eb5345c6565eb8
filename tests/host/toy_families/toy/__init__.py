"""A family that brightens what it makes where the voice is loud: as small as one can be."""

"""What a family of models has of its own that no host is needed for; its nodes are in the folder of the same name."""

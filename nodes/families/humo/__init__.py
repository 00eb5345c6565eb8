"""HuMo 1.7B and 17B (arXiv 2509.08519)."""

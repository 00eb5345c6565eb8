"""What exists only to make and show the bundled toy model: drawn people, their voices, and its own training stages."""

"""The bundled demo model, portrait, video and voice."""

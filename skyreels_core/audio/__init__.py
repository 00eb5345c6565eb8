"""Reading voices and turning them into Whisper tokens."""

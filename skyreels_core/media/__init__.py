"""Files with time stamps in, frames and sound out: one reader each for sound, pictures and video."""

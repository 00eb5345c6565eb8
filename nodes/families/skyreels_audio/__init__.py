"""SkyReels-Audio: our audio layers on a Wan 2.1 or SkyReels-V2 model."""

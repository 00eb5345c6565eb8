"""The MultiTalk family: InfiniteTalk, MultiTalk and SkyReels-V3 A2V."""

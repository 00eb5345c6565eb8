"""From raw footage to clips to train on: every shot is measured, thresholds decide, and the reasons stay visible (the
funnel of Figure 4 of the paper)."""

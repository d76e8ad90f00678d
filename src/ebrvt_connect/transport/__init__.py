"""The wire: the only room that speaks to remotes, and the one that turns foreign failures into ours."""

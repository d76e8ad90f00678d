"""The main job on simulated remotes: a province at work, faults in the middle, an audit at the end."""

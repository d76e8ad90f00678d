"""What the rooms offer each other: clocks, blobs, adapters, gates, simulators."""

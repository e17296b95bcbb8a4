"""The one place that knows everything: settings, wiring, recovery, runs and replays."""

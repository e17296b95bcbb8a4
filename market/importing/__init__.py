"""Files that people bring: a detector, a small reader a dialect, a quality report each; refused rather than guessed."""

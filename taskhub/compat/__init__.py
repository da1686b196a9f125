"""The libraries and Django versions that taskhub supports, and how they differ."""

-- missing: list the given messages that are not present.
--
-- KEYS[1] messages     HASH  id → stored message
-- KEYS[2] delayed      ZSET  id → due, ms, Redis's clock
-- KEYS[3] ready        ZSET  id → rank: higher priority first, then older id
-- KEYS[4] nodes        ZSET  token → lease end, ms, Redis's clock (0: being reclaimed)
--
-- ARGV    ids
--
-- Returns the ids that are not held, and have no body or are neither delayed nor ready.

return missing_among(ARGV)

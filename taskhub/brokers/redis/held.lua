-- held: list the messages that a token holds.
--
-- KEYS[1] held:<token> ZSET  id → the rank it had when it was ready
--
-- Returns the ids.

return redis.call('ZRANGE', KEYS[1], 0, -1)

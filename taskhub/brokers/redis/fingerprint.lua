-- fingerprint: return text that changes if Redis is restarted, replaced or emptied.
--
-- KEYS[1] mark         STRING  set once, and lost with the other keys
--
-- ARGV[1] the mark to set, if there is none
--
-- Returns the server's run id, and the mark.

redis.call('SETNX', KEYS[1], ARGV[1])
return { run_id(), redis.call('GET', KEYS[1]) }

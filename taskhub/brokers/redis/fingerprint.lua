-- fingerprint: whether this may be another server, or has been emptied.
--
-- KEYS[1] mark         STRING  made once, and gone with everything else
--
-- ARGV[1] a mark to be made, if there is none
--
-- Returns the server's id of this run, and the mark.

redis.call('SETNX', KEYS[1], ARGV[1])
return { run_id(), redis.call('GET', KEYS[1]) }

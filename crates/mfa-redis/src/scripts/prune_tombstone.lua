-- Removes a tombstone, unless the subject has come back or was erased again since it was listed.
--
-- KEYS record, index, tombstones. ARGV its place among the tombstones, its name.
if redis.call('ZREM', KEYS[3], ARGV[1]) == 0 then return 0 end
redis.call('ZREM', KEYS[2], ARGV[2])
return redis.call('DEL', KEYS[1])

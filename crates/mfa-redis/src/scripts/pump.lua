-- Appends events of a shard to the feed, unless somebody else has done so since they were read.
--
-- KEYS the feed, how far each shard was read. ARGV the shard, how far it was read before and with these, the events.
if (redis.call('HGET', KEYS[2], ARGV[1]) or '0') ~= ARGV[2] then return 0 end
for event = 4, #ARGV do
    redis.call('XADD', KEYS[1], '0-*', '', ARGV[event])
end
redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
return 1

-- Replaces a record if it is as expected, and appends the events with it. Every check comes before the first write.
--
-- KEYS record, index, tombstones, events, streams.
-- ARGV the version expected (empty for none), the new record, its name, the stream, the events.
-- Answers 1 committed, 0 conflict, -1 the stream already holds an event of this version or a later one.
local old = redis.call('GETRANGE', KEYS[1], 0, 16)
if string.sub(old, 1, 8) ~= ARGV[1] then return 0 end

local version, events = string.sub(ARGV[2], 1, 8), #ARGV - 4
local mark = events > 0 and redis.call('HGET', KEYS[5], ARGV[4])
if mark and not less(string.sub(mark, 1, 8), version) then return -1 end

redis.call('SET', KEYS[1], ARGV[2])
if old == '' then redis.call('ZADD', KEYS[2], 0, ARGV[3]) end
if string.sub(old, 9, 9) == '\1' then redis.call('ZREM', KEYS[3], string.sub(old, 10, 17) .. ARGV[3]) end
if string.sub(ARGV[2], 9, 9) == '\1' then
    redis.call('ZADD', KEYS[3], 0, string.sub(ARGV[2], 10, 17) .. ARGV[3])
end
for event = 5, #ARGV do
    redis.call('XADD', KEYS[4], '0-*', '', ARGV[event])
end
if events > 0 then
    local stored = mark and tonumber(string.sub(mark, 9)) or 0
    redis.call('HSET', KEYS[5], ARGV[4], version .. string.format('%.0f', stored + events))
end
return 1

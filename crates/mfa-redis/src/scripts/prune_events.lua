-- Removes the events of one slice that happened before a time.
--
-- KEYS events, streams. ARGV where to start, the time, how many to look at.
-- Answers the place to go on from, empty when there is nothing more.
local page = redis.call('XRANGE', KEYS[1], ARGV[1], '+', 'COUNT', ARGV[3])
for _, entry in ipairs(page) do
    local event = entry[2][2]
    if less(string.sub(event, 29, 36), ARGV[2]) then
        redis.call('XDEL', KEYS[1], entry[1])
        local stream = string.sub(event, 1, 16)
        local mark = redis.call('HGET', KEYS[2], stream)
        local left = mark and tonumber(string.sub(mark, 9)) - 1 or 0
        if left > 0 then
            redis.call('HSET', KEYS[2], stream, string.sub(mark, 1, 8) .. string.format('%.0f', left))
        else
            redis.call('HDEL', KEYS[2], stream)
        end
    end
end
if #page < tonumber(ARGV[3]) then return '' end
return '(' .. page[#page][1]

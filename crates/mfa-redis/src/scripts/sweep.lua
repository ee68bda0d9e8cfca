-- Removes fields of a hash that still hold what was read of them. KEYS the hash. ARGV field, value, and so on.
for place = 1, #ARGV, 2 do
    if redis.call('HGET', KEYS[1], ARGV[place]) == ARGV[place + 1] then redis.call('HDEL', KEYS[1], ARGV[place]) end
end
return 1

-- Reads a reservation and budgets at one moment. KEYS budgets, reservations. ARGV the reservation, the buckets.
local found = { redis.call('HGET', KEYS[2], ARGV[1]) }
for place = 2, #ARGV do
    found[place] = redis.call('HGET', KEYS[1], ARGV[place])
end
return found

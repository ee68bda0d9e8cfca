-- Stores a reservation and budgets if all of them are still as they were read; empty stands for nothing stored.
--
-- KEYS budgets, reservations. ARGV the reservation, what was read of it, what it becomes; then for each bucket the same
-- three. Answers 1 stored, 0 something has changed. What becomes empty stays as it is.
local function changed(key, field, read)
    return (redis.call('HGET', key, field) or '') ~= read
end
if changed(KEYS[2], ARGV[1], ARGV[2]) then return 0 end
for place = 4, #ARGV, 3 do
    if changed(KEYS[1], ARGV[place], ARGV[place + 1]) then return 0 end
end
if ARGV[3] ~= '' then redis.call('HSET', KEYS[2], ARGV[1], ARGV[3]) end
for place = 4, #ARGV, 3 do
    if ARGV[place + 2] ~= '' then redis.call('HSET', KEYS[1], ARGV[place], ARGV[place + 2]) end
end
return 1

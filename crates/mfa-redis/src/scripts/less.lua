-- Whether the number of eight bytes `a`, big endian, is less than `b`. Byte by byte: Lua's own comparison of strings
-- follows the locale, and its numbers are exact to 2^53 only.
local function less(a, b)
    for place = 1, 8 do
        local one, other = string.byte(a, place), string.byte(b, place)
        if one ~= other then return one < other end
    end
    return false
end
